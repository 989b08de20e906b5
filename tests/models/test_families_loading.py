"""Idefics2 and its successors are loaded as their files say, or refused in one line."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Conversation, user_turn
from chat.errors import CheckpointError
from chat.models.estimate import context_length
from chat.models.folder import SUPPORTED
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.prompt import IDEFICS2, IDEFICS3, SMOLVLM
from tests.models.reference import IMAGES, Tiny, every_class, every_kind, loaded, noise, pixels_seen, run
from tests.models.tiny import CONTEXT_LENGTH, TILE


@every_kind
def test_the_facts_are_those_of_the_files(tiny: Tiny) -> None:
    generator = tiny.load()
    facts = generator.facts
    assert (facts.family, facts.context_length, facts.image_size) == (tiny.kind.model_type, CONTEXT_LENGTH, TILE)
    assert generator.dialect == {"Idefics2": IDEFICS2, "Idefics3": IDEFICS3}.get(tiny.name, SMOLVLM)
    vocabulary = tiny.tokenizer.convert_tokens_to_ids
    engine = tiny.engine()
    assert engine.utterance_id == vocabulary("<end_of_utterance>")
    assert {vocabulary(token) for token in tiny.kind.eos} <= engine.eos_ids | {engine.utterance_id}
    # Where text_config names no end, transformers says 2; that ends a reply only where 2 is a token of its own.
    assert (2 in engine.eos_ids) == (tiny.name != "Idefics3")
    closing = {*tiny.kind.eos, "<end_of_utterance>", *(["<|im_end|>"] if 2 in engine.eos_ids else [])}
    assert set(engine.banned_ids) == {vocabulary(token) for token in tiny.kind.added_tokens if token not in closing}


@every_kind
@pytest.mark.parametrize(("width", "height"), [(40, 30), (32, 32), (7, 5), (300, 40), (40, 300), (400, 3), (1, 200)])
def test_a_picture_is_seen_pixel_by_pixel_as_the_reference_shows_it(tiny: Tiny, width: int, height: int) -> None:
    import torch

    image = noise(width, width, height)
    reference = tiny.pixels((image,))
    assert torch.equal(pixels_seen(tiny.engine(), image), reference["pixel_values"][0])
    if tiny.name != "Idefics2":
        assert reference["pixel_values"].shape == (1, 1, 3, TILE, TILE)
        assert reference["pixel_attention_mask"].all()


@every_class
@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_quantized_weights_answer_and_what_sees_stays_whole(tiny: Tiny, quantize: str) -> None:
    from chat.models.families import family_of
    from chat.models.weights import read_model

    request = CheckpointRequest(str(tiny.folder), quantize=quantize)
    family = family_of(tiny.kind.model_type)
    model = read_model(request, tiny.folder, family.model_class, family.whole_modules, "cpu", tiny.model.dtype)
    kinds = {name: type(module).__name__ for name, module in model.named_modules() if name.endswith(("proj", "fc1"))}
    assert {kind for name, kind in kinds.items() if "vision_model" in name or "connector" in name} == {"Linear"}
    assert all(kind.startswith("Linear") and kind != "Linear" for name, kind in kinds.items() if "text_model" in name)
    assert type(model.lm_head).__name__ == "Linear"
    _, reply = run(tiny.load(quantize=quantize), Conversation((user_turn(IMAGES[0], "What?"),)))
    assert reply.token_ids


def test_every_family_that_is_named_can_be_put_together() -> None:
    from chat.models.families import family_of

    assert {"idefics", "idefics2", "idefics3", "smolvlm"} == set(SUPPORTED)
    for model_type in SUPPORTED:
        assert family_of(model_type).model_class.config_class.model_type == model_type


@pytest.mark.parametrize("tiny", ["SmolVLM"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            lambda folder: edit_config(folder, model_type="llava"),
            r"kind 'llava'; what works: IDEFICS \(.*\), Idefics2, Idefics3 and SmolVLM, SmolVLM2$",
        ),
        (lambda folder: edit_config(folder, scale_factor="two"), "cannot be loaded"),
        (lambda folder: rename_token(folder, "<|im_start|>"), r"neither <\|begin_of_text\|> nor <\|im_start\|>"),
        (lambda folder: rename_token(folder, "<image>"), "the tokenizer has no <image>"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
    ],
)
def test_a_checkpoint_that_cannot_work_is_refused(
    tiny: Tiny, tmp_path: Path, damage: Callable[[Path], object], expected: str
) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(tiny.folder, folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=expected) as caught:
        load_generator(CheckpointRequest(str(folder)), lambda _: None, threading.Event())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({}, 4096),
        ({"sliding_window": None}, 32768),
        ({"sliding_window": 3000}, 3000),
        ({"max_position_embeddings": 2000}, 2000),
        ({"max_position_embeddings": 2000, "sliding_window": None}, 2000),
    ],
)
def test_a_conversation_with_idefics2_fits_into_one_window_of_attention(text: dict[str, object], expected: int) -> None:
    assert context_length({"model_type": "idefics2", "text_config": text}) == expected


@pytest.mark.parametrize("tiny", ["Idefics2"], indirect=True)
def test_an_idefics2_without_the_token_that_closes_turns_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(tiny.folder, folder)
    rename_token(folder, "<end_of_utterance>")
    with pytest.raises(CheckpointError, match="no <end_of_utterance>: this is not an instruct checkpoint"):
        loaded(folder)


@pytest.mark.parametrize("tiny", ["SmolVLM2"], indirect=True)
def test_smolvlm2_sees_pictures_where_nothing_for_videos_is_installed(tiny: Tiny) -> None:
    script = (
        "import sys\n"
        "for name in ('torchvision', 'num2words', 'av', 'decord', 'torchcodec', 'cv2'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from chat.conversation import Conversation, user_turn\n"
        "from tests.models.reference import IMAGES, loaded, run\n"
        f"_, reply = run(loaded(Path({str(tiny.folder)!r})), Conversation((user_turn(IMAGES[0], 'What?'),)))\n"
        "print(*reply.token_ids)\n"
    )
    alone = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    _, reply = run(tiny.load(), Conversation((user_turn(IMAGES[0], "What?"),)))
    assert alone.stdout.split() == [str(token_id) for token_id in reply.token_ids]


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rename_token(folder: Path, token: str) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace(f'"{token}"', '"<another>"'))
