"""The bundled checkpoint: its world, its files, its answers, and the sample sessions that show them."""

import json
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.cli.compose import sample_images
from chat.conversation import Conversation, Image, Role
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import serialize
from chat.session import conversation_of
from chat.session_files import import_transcript
from chat.shapes import language
from chat.shapes.batches import normalise, preprocess
from chat.shapes.bundled import SAMPLES
from chat.shapes.dialogues import MOST_PICTURES, MOST_TURNS, random_completion, random_dialogue
from chat.shapes.evaluate import HELD_OUT_SEED, measure, table
from chat.shapes.language import Topic
from chat.shapes.scenes import JITTER, PAINT, Colour, Kind, Place, Scene, Shape, draw, random_scene
from chat.store import open_store
from chat.transcript import load_transcript

SAMPLE_SESSIONS = Path(__file__).parent.parent / "sample_sessions"


def test_a_scene_is_what_the_design_says() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        scene = random_scene(rng)
        assert 1 <= len(scene.shapes) <= 4
        assert len({shape.kind for shape in scene.shapes}) == len(scene.shapes)
        assert len({shape.place for shape in scene.shapes}) == len(scene.shapes)
        assert 64 <= scene.side <= 1024
        for shape in scene.shapes:
            assert 0.10 <= shape.radius <= 0.22
            assert all(abs(a - b) <= JITTER for a, b in zip(shape.rgb, PAINT[shape.colour], strict=True))
            for middle, name in zip(shape.centre, ("left", "top"), strict=True):
                low, high = (0, 0.5) if name in shape.place else (0.5, 1)
                assert low <= middle - shape.radius
                assert middle + shape.radius <= high


@pytest.mark.parametrize("side", [64, 100, 257, 1024])
@pytest.mark.parametrize("antialiased", [True, False])
def test_a_shape_is_drawn_where_and_in_the_colour_it_is_said_to_be(side: int, antialiased: bool) -> None:
    for kind in Kind:
        shape = Shape(kind, Colour.RED, Place.TOP_RIGHT, (0.75, 0.25), 0.2, (212, 42, 40))
        picture = draw(Scene((shape,), (128, 128, 128), side, antialiased))
        assert picture.size == (side, side)
        assert picture.getpixel((int(side * 0.75), int(side * 0.25))) == (212, 42, 40)
        assert picture.getpixel((int(side * 0.25), int(side * 0.75))) == (128, 128, 128)


SCENE = Scene(
    (
        Shape(Kind.CIRCLE, Colour.ORANGE, Place.TOP_LEFT, (0.25, 0.25), 0.2, (240, 135, 35)),
        Shape(Kind.STAR, Colour.BLUE, Place.TOP_RIGHT, (0.75, 0.25), 0.2, (42, 85, 205)),
        Shape(Kind.SQUARE, Colour.BLUE, Place.BOTTOM_RIGHT, (0.75, 0.75), 0.2, (42, 85, 205)),
    ),
    (128, 128, 128),
    128,
    True,
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (language.caption(SCENE), "An orange circle, a blue star and a blue square."),
        (language.colour(SCENE, Kind.STAR), "The star is blue."),
        (language.colour(SCENE, Kind.TRIANGLE), "There is no triangle."),
        (language.count(SCENE), "There are three shapes."),
        (language.where(SCENE, Kind.SQUARE), "The square is at the bottom right."),
        (language.across(SCENE, Kind.CIRCLE), "The circle is on the left."),
        (language.up_down(SCENE, Kind.SQUARE), "The square is at the bottom."),
        (language.is_there(SCENE, Kind.STAR, Colour.BLUE), "Yes, there is a blue star."),
        (language.is_there(SCENE, Kind.STAR, Colour.RED), "No, the star is blue."),
        (language.is_there(SCENE, Kind.TRIANGLE, None), "No, there is no triangle."),
        (language.at_place(SCENE, Place.BOTTOM_LEFT), "Nothing."),
        (language.on_side(SCENE, language.SIDES["on the right"]), "A blue star and a blue square."),
        (language.of_colour(SCENE, Colour.BLUE), "The star and the square are blue."),
        (language.of_colour(SCENE, Colour.RED), "Nothing."),
        (
            language.story(SCENE),
            "Once upon a time an orange circle met a blue star and a blue square. They became friends.",
        ),
    ],
)
def test_every_question_has_this_one_right_answer(answer: str, expected: str) -> None:
    assert answer == expected


def test_dialogues_keep_to_their_turns_and_pictures_and_meet_every_topic() -> None:
    rng = random.Random(3)
    topics: set[Topic] = set()
    for _ in range(1500):
        dialogue = random_dialogue(rng, lambda: random_scene(rng))
        assert 1 <= len(dialogue) <= MOST_TURNS
        assert sum(len(exchange.scenes) for exchange in dialogue) <= MOST_PICTURES
        assert all(exchange.question.strip() and exchange.answer for exchange in dialogue)
        topics |= {exchange.topic for exchange in dialogue}
    assert topics == set(Topic)
    completions = [random_completion(rng, lambda: random_scene(rng), lambda: random_scene(rng, 1)) for _ in range(200)]
    assert all(completion.completion for completion in completions)


def test_training_sees_the_pixels_that_the_image_processor_gives(
    shapes_folder: Path, scene_image: Callable[..., Image]
) -> None:
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    processor = IdeficsImageProcessorPil.from_pretrained(shapes_folder)
    for seed in range(12):
        picture = draw(random_scene(random.Random(seed)))
        processed = processor([picture], return_tensors="pt").reshape(3, 64, 64)
        assert (processed - normalise(preprocess(picture)[None])[0]).abs().max() < 1e-5


def test_the_checkpoint_has_the_files_of_the_real_ones_and_is_small(shapes_folder: Path) -> None:
    files = {path.name: path.stat().st_size for path in shapes_folder.iterdir()}
    assert set(files) == {
        "README.md",
        "added_tokens.json",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
    assert sum(files.values()) < 12_000_000
    assert json.loads((shapes_folder / "tokenizer_config.json").read_text())["legacy"] is True
    config = json.loads((shapes_folder / "config.json").read_text())
    assert (config["model_type"], config["additional_vocab_size"]) == ("idefics", 3)


def test_it_answers_the_guides_own_recipe_in_plain_transformers(shapes_folder: Path) -> None:
    import torch
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    model = IdeficsForVisionText2Text.from_pretrained(shapes_folder)
    processor = AutoProcessor.from_pretrained(shapes_folder)
    prompts = [
        [
            "User: What is in this image?",
            draw(SCENE),
            "<end_of_utterance>",
            "\nAssistant: An orange circle, a blue star and a blue square.<end_of_utterance>",
            "\nUser:",
            draw(Scene((SCENE.shapes[0],), (110, 110, 110), 300, True)),
            "And in this one?<end_of_utterance>",
            "\nAssistant:",
        ],
        ["User: What is in this image?", draw(SCENE), "<end_of_utterance>", "\nAssistant:"],
    ]
    inputs = processor(text=prompts, add_end_of_utterance_token=False, return_tensors="pt")
    exit_condition = processor.tokenizer("<end_of_utterance>", add_special_tokens=False).input_ids
    bad_words_ids = processor.tokenizer(["<image>", "<fake_token_around_image>"], add_special_tokens=False).input_ids
    with torch.no_grad():
        ids = model.generate(**inputs, eos_token_id=exit_condition, bad_words_ids=bad_words_ids, max_length=150)
    replies = [
        text.rpartition("Assistant:")[2].strip() for text in processor.batch_decode(ids, skip_special_tokens=True)
    ]
    assert replies == ["An orange circle.", "An orange circle, a blue star and a blue square."]


def test_answers_in_held_out_conversations_are_right(shapes: TextGenerator) -> None:
    wrong: list[str] = []
    counts = measure(shapes, 150, HELD_OUT_SEED + 1, wrong)
    asked = sum(of for _, of in counts.values())
    assert asked >= 150
    assert len(wrong) <= asked * 0.05, wrong
    assert f"| **all** | {asked - len(wrong):,} | {asked:,} |" in table(counts)


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "Who won the football game yesterday?", "Tell me about quantum physics."],
)
def test_asked_something_outside_its_world_it_says_what_it_can_do(shapes: TextGenerator, question: str) -> None:
    from chat.conversation import user_turn

    prompt = serialize(Conversation((user_turn(question),)))
    *_, reply = shapes.generate(prompt, GenerationSettings(), threading.Event())
    assert isinstance(reply, Reply)
    assert reply.text == language.OUTSIDE_REPLY


def test_a_training_run_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from chat.shapes import train

    def run(*more: str) -> Any:
        """Gives the last line of the log."""
        folders = ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
        sizes = [
            "--album",
            "40",
            "--sight-steps",
            "2",
            "--sight-rows",
            "4",
            "--speech-steps",
            "2",
            "--speech-rows",
            "2",
        ]
        monkeypatch.setattr(sys, "argv", ["train", *folders, *sizes, "--held-out", "20", *more])
        train.main()
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    assert "goes on from here" in run("--minutes", "0")["stopped"]
    assert not (tmp_path / "out").exists()
    last = run()
    assert (last["step"], last["written"]) == (4, str(tmp_path / "out"))
    assert run()["step"] == 4
    assert (tmp_path / "out" / "model.safetensors").stat().st_size > 10_000_000


def test_an_installed_wheel_has_the_checkpoint_and_the_samples(tmp_path: Path) -> None:
    project = Path(__file__).parent.parent
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, source / name)
    shutil.copytree(project / "chat", source / "chat", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "chat/shapes/checkpoint/model.safetensors",
        "chat/shapes/checkpoint/tokenizer.model",
        "chat/shapes/checkpoint/README.md",
        "chat/tui/styles/app.tcss",
        "chat/py.typed",
        *(f"chat/shapes/samples/{path.name}" for path in SAMPLES),
    } <= names


def sample_files() -> list[Path]:
    return sorted(SAMPLE_SESSIONS.glob("*.json"))


def test_there_are_enough_sample_sessions_and_their_pictures_are_the_first_screens() -> None:
    assert len(sample_files()) >= 6
    in_sessions = {image.digest for path in sample_files() for image in load_transcript(path).images}
    assert {image.digest for image in sample_images()} <= in_sessions


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
def test_a_sample_session_is_imported_and_its_replies_are_the_checkpoints_own(
    path: Path, tmp_path: Path, shapes: TextGenerator
) -> None:
    transcript = load_transcript(path)
    with open_store(tmp_path / "sessions.db") as store:
        turns = store.turns(import_transcript(store, transcript))
        conversation = conversation_of(turns, facts=shapes.facts)
        for number, stored in enumerate(turns):
            if stored.turn.role is Role.USER or stored.generation is None:
                continue
            so_far = Conversation(conversation.turns[:number], conversation.system)
            *_, reply = shapes.generate(serialize(so_far), stored.generation.settings, threading.Event())
            assert isinstance(reply, Reply)
            assert (reply.text, reply.token_ids) == (stored.turn.text, stored.generation.token_ids)
