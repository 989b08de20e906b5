"""Tasks in Python, on the bundled checkpoint: one answer for each picture, in order."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.checkpoints import load, request
from chat.conversation import Image
from chat.errors import ChatError, GenerationError, ImageError, UsageError
from chat.generation import GenerationSettings, StopReason, TextGenerator
from chat.scripted import ScriptedGenerator
from chat.shapes.evaluate import HELD_OUT_SEED, picture_of
from chat.shapes.evaluate_tasks import followed, ranked
from chat.shapes.scenes import Kind, random_scene
from chat.tasks import Example, Recipe, caption, few_shot, story, vqa
from chat.tasks.answers import answers
from chat.tasks.captioning import captions_asked
from tests.tasks.test_recipes import SAMPLE

PICTURES = sorted((SAMPLE.parents[1] / "pictures").glob("*.png"))
CAPTIONS = [
    "A black star, an orange circle, a white triangle and a blue square.",
    "A green triangle and a purple circle.",
    "A purple square.",
    "A red circle, a yellow square and a blue star.",
]


def test_every_picture_has_its_own_caption_asked_for_or_not(shapes: TextGenerator) -> None:
    for raw in (False, True):
        given = caption(shapes, PICTURES, raw=raw)
        assert [answer.text for answer in given] == CAPTIONS
        assert [answer.image.name for answer in given] == [str(path) for path in PICTURES]
        assert not any(answer.is_cut for answer in given)


def test_one_picture_may_be_a_path_a_text_or_an_image(shapes: TextGenerator, scene_image: Callable[..., Image]) -> None:
    for given in (PICTURES[2], str(PICTURES[2]), [PICTURES[2]]):
        assert [answer.text for answer in caption(shapes, given)] == [CAPTIONS[2]]
    image = scene_image(1)
    assert caption(shapes, image)[0].images == (image,)


@pytest.mark.parametrize("prefix", ["This is an image of ", "This is an image of"])
def test_a_caption_begins_with_its_prefix_and_goes_on_in_one_line(shapes: TextGenerator, prefix: str) -> None:
    for images in (PICTURES[2:3], PICTURES[2:]):
        assert caption(shapes, images, prefix=prefix)[0].text == "This is an image of a purple square."


@pytest.mark.parametrize(
    ("prefix", "said", "text"),
    [
        ("A dog", "runs.", "A dog runs."),
        ("A dog ", "runs.", "A dog runs."),
        ("A dog ", ", running.", "A dog, running."),
        ("A dog", "(brown)", "A dog (brown)"),
        ("A dog\n", "\nA cat", "A dog\n\nA cat"),
        ("A dog ", "", "A dog"),
    ],
)
def test_what_is_said_goes_on_from_the_prefix(
    scene_image: Callable[..., Image], prefix: str, said: str, text: str
) -> None:
    pieces: list[str] = []
    model = ScriptedGenerator([said])
    asked = captions_asked([scene_image(1)], model.dialect, prefix=prefix)
    (answer,) = answers(model, asked, told=pieces.append)
    assert answer.text == text
    assert "".join(pieces) == (text if said else "")


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("priming", [False, True])
def test_a_question_is_answered_for_each_picture(shapes: TextGenerator, raw: bool, priming: bool) -> None:
    given = vqa(shapes, "How many shapes are there?", PICTURES, raw=raw, priming=priming)
    assert [answer.text for answer in given] == [
        "There are four shapes.",
        "There are two shapes.",
        "There is one shape.",
        "There are three shapes.",
    ]


def test_an_answer_ends_with_its_first_line(scene_image: Callable[..., Image]) -> None:
    model = ScriptedGenerator(["\nTwo  \nQuestion: And", "one two three", "one\ntwo three"])
    settings = GenerationSettings(max_new_tokens=3)
    first, second, third = (vqa(model, "How many?", scene_image(1), settings=settings)[0] for _ in range(3))
    assert [first.text, second.text, third.text] == ["Two", "one two three", "one"]
    assert [first.is_cut, second.is_cut, third.is_cut] == [False, True, False]
    assert first.reply.text.startswith("\nTwo")


def test_a_story_is_one_text_about_all_its_pictures(shapes: TextGenerator) -> None:
    alone, together = story(shapes, PICTURES[3]), story(shapes, [PICTURES[3], PICTURES[1]])
    assert alone.text == "Once upon a time a red circle met a yellow square and a blue star. They became friends."
    assert [image.name for image in together.images] == [str(PICTURES[3]), str(PICTURES[1])]
    assert together.reply.prompt_tokens > alone.reply.prompt_tokens


def test_a_story_is_searched_with_the_guides_beams_and_asked_once() -> None:
    model = ScriptedGenerator(["one two three"])
    assert story(model, PICTURES[:2]).text == "one two three"
    (prompt,) = model.prompts
    assert len(prompt.images) == 2


def test_a_recipe_or_its_file_shows_how_to_answer(shapes: TextGenerator) -> None:
    assert [answer.text for answer in few_shot(shapes, SAMPLE, PICTURES[2])] == ["square: purple"]
    image = picture_of(random_scene(random.Random(HELD_OUT_SEED), 1))
    recipe = Recipe("What is this?", (Example((image,), "What is this?", "It is a star."),))
    given = few_shot(shapes, recipe, [PICTURES[2], image])
    assert given[0].text == "It is a square."
    assert given[1].text.startswith("It is a ")


def test_the_figures_of_tasks_are_measured_on_a_few_pictures(shapes: TextGenerator) -> None:
    share = ranked(shapes, list(Kind), 6, HELD_OUT_SEED)
    assert (share.of, share.right >= 5) == (6, True)
    shares = followed(shapes, 16, HELD_OUT_SEED)
    assert sum(share.of for share in shares) == 32
    assert sum(share.right for share in shares if share.what.endswith("format")) >= 12


def test_a_stopped_task_gives_no_more_answers(shapes: TextGenerator) -> None:
    stop = threading.Event()
    stop.set()
    assert caption(shapes, PICTURES, stop=stop) == []
    (alone,) = caption(shapes, PICTURES[0], stop=stop)
    assert (alone.text, alone.is_cut, alone.reply.stop_reason) == ("", True, StopReason.CANCELLED)


def test_what_fails_is_raised_after_what_was_answered(scene_image: Callable[..., Image]) -> None:
    model = ScriptedGenerator(["A cat.", GenerationError("no memory"), GenerationError("no memory")])
    asked = captions_asked([scene_image(1), scene_image(2)], model.dialect)
    given = answers(model, asked)
    assert next(given).text == "A cat."
    with pytest.raises(ChatError, match="no memory"):
        next(given)


def test_pictures_that_are_none_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    model = ScriptedGenerator(["A cat."])
    with pytest.raises(ImageError, match=r"gone\.png: there is no such file"):
        caption(model, [PICTURES[0], tmp_path / "gone.png"])
    with pytest.raises(UsageError, match="there is no picture"):
        caption(model, [])
    with pytest.raises(UsageError, match="the question is empty"):
        vqa(model, " ", PICTURES)
    assert model.prompts == []


def test_a_checkpoint_is_loaded_by_its_name(shapes_folder: Path) -> None:
    assert (request().folder, request().is_demonstration) == (shapes_folder, True)
    named = request("org/model", dtype="bfloat16", device="cpu")
    assert (named.name, named.folder, named.is_demonstration, named.dtype) == ("org/model", None, False, "bfloat16")
    with pytest.raises(ChatError, match="nowhere is no folder"):
        load("./nowhere")
    assert load(device="cpu").facts.is_demonstration
