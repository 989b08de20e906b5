"""A checkpoint saved again by the installed transformers is loaded: the same ids, and pictures as its settings say."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Conversation, user_turn
from chat.errors import CheckpointError
from chat.images import decode
from chat.models.folder import check_folder
from chat.prompt import serialize
from tests.benign import benign_conversation, reference_list
from tests.models.reference import IMAGES, Tiny, engine_of, every_kind, every_tokenizer, loaded, pixels_seen, run

MEAN = [0.1, 0.4, 0.7]
STD = [0.3, 0.6, 0.2]
"""Those of no checkpoint, so that settings which were not read show."""


def saved_again(processor: Any, model: Any, folder: Path) -> Path:
    processor.image_processor.image_mean = MEAN
    processor.image_processor.image_std = STD
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    assert (folder / "processor_config.json").exists()
    assert not (folder / "preprocessor_config.json").exists()
    return folder


def test_idefics_saved_again_gives_the_same_ids_and_pixels(shapes_folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    processor = AutoProcessor.from_pretrained(shapes_folder)
    model = IdeficsForVisionText2Text.from_pretrained(shapes_folder)
    engine = engine_of(saved_again(processor, model, tmp_path / "again"))
    rng = random.Random(1)
    for _ in range(50):
        conversation = benign_conversation(rng, IMAGES)
        items = reference_list(conversation, decode)
        reference = processor(text=items, add_end_of_utterance_token=False, return_tensors="pt").input_ids[0].tolist()
        assert list(engine.encoder.encode(serialize(conversation)).token_ids) == reference
    for image in IMAGES:
        expected = processor.image_processor([decode(image)], return_tensors="pt")
        assert torch.equal(pixels_seen(engine, image), expected)
        assert expected.shape[-2:] == (64, 64)


@every_tokenizer
def test_what_came_later_saved_again_gives_the_same_ids_and_pixels(tiny: Tiny, tmp_path: Path) -> None:
    import torch
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(tiny.folder)
    processor.image_processor.size = {"longest_edge": 77, **({"shortest_edge": 9} if tiny.name == "Idefics2" else {})}
    engine = engine_of(saved_again(processor, tiny.model, tmp_path / "again"))
    rng = random.Random(1)
    for _ in range(50):
        prompt = serialize(benign_conversation(rng, IMAGES), engine.dialect)
        assert engine.encoder.encode(prompt) == tiny.engine().encoder.encode(prompt)
    for image in IMAGES:
        processed = processor.image_processor([[decode(image)]], do_image_splitting=False, return_tensors="pt")
        assert torch.equal(pixels_seen(engine, image), processed["pixel_values"][0])


@every_kind
def test_image_settings_inside_the_processors_file_are_enough(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "nested"
    shutil.copytree(tiny.folder, folder)
    nest_image_settings(folder)
    conversation = Conversation((user_turn(IMAGES[0], "What?"),))
    assert run(loaded(folder), conversation)[1].token_ids == run(tiny.load(), conversation)[1].token_ids


def nest_image_settings(folder: Path) -> None:
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": settings, "image_seq_len": 16}))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"image_seq_len": 169, "processor_class": "Idefics3Processor"}', "has no preprocessor_config.json: copy"),
        ('{"image_processor": 5}', "has no preprocessor_config.json: copy"),
        ("{", "processor_config.json is not JSON"),
    ],
)
def test_a_processors_file_without_image_settings_is_not_enough(
    shapes_folder: Path, tmp_path: Path, content: str, expected: str
) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(shapes_folder, folder)
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=expected):
        check_folder(folder)
