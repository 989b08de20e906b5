"""Which label a picture has, from what a model says or finds likeliest; and where labels come from."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image
from chat.errors import InputError, UsageError
from chat.generation import GenerationSettings, TextGenerator
from chat.scripted import ScriptedGenerator
from chat.shapes.evaluate import HELD_OUT_SEED, picture_of
from chat.shapes.evaluate_tasks import has_format
from chat.shapes.scenes import Colour, Kind, random_scene
from chat.tasks import classify
from chat.tasks.classification import all_labels, named_label, tokens_of

COLOURS = [str(colour) for colour in Colour]
KINDS = [str(kind) for kind in Kind]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Vegetables", "vegetables"),
        ("vegetables\nCategory: cars", "vegetables"),
        (" 'cars'.", "cars"),
        ("It is a city landscape.", "city landscape"),
        ("city landscape", "city landscape"),
        ("city", "city"),
        ("not cars but animals", None),
        ("cars, or animals", "cars"),
        ("carsharing", None),
        ("Nothing of that", None),
        ("", None),
    ],
)
def test_the_label_that_a_text_names(text: str, label: str | None) -> None:
    assert named_label(text, ["animals", "vegetables", "city", "city landscape", "cars"]) == label


def test_labels_that_differ_in_case_alone_are_told_apart_by_it() -> None:
    assert [named_label(text, ["Polish", "polish"]) for text in ("polish", "Polish", "POLISH")] == [
        "polish",
        "Polish",
        "Polish",
    ]
    assert named_label("C++ (new)", ["c", "c++"]) == "c++"
    assert named_label("see a.b", ["a.b", "axb"]) == "a.b"


@pytest.mark.parametrize("rank", [False, True])
def test_colours_and_kinds_of_held_out_pictures_are_found(shapes: TextGenerator, rank: bool) -> None:
    rng = random.Random(HELD_OUT_SEED + 1)
    scenes = [random_scene(rng, 1) for _ in range(12)]
    images = [picture_of(scene) for scene in scenes]
    colours, kinds = (classify(shapes, images, labels, rank=rank) for labels in (COLOURS, KINDS))
    assert [found.image for found in colours] == images
    shapes_drawn = [scene.shapes[0] for scene in scenes]
    pairs = [(found.label, str(shape.colour)) for found, shape in zip(colours, shapes_drawn, strict=True)]
    pairs += [(found.label, str(shape.kind)) for found, shape in zip(kinds, shapes_drawn, strict=True)]
    assert sum(label == right for label, right in pairs) >= 23


def test_a_ranking_compares_whole_labels_or_their_tokens(scene_image: Callable[..., Image]) -> None:
    model, images = ScriptedGenerator([]), [scene_image(1), scene_image(2)]
    labels = ["a very long label", "short"]
    assert [found.label for found in classify(model, images, labels, rank=True)] == ["short", "short"]
    assert [prompt.images for prompt in model.scored] == [(image,) for image in images]
    (found,) = classify(model, images[0], labels, rank=True, per_token=True)
    assert (found.label, found.reply) == ("a very long label", None)
    assert found.ranking is not None
    assert sum(found.ranking.probabilities) == pytest.approx(1)


def test_a_model_that_names_no_label_gives_none_and_its_words(scene_image: Callable[..., Image]) -> None:
    (found,) = classify(ScriptedGenerator(["I do not know."]), scene_image(1), ["cat", "dog"])
    assert (found.label, found.text, found.ranking) == (None, "I do not know.", None)


def test_a_label_of_many_tokens_can_be_said_whole(shapes: TextGenerator) -> None:
    assert tokens_of(["red", "blue"], shapes) == 6
    long = "a small red circle and a large blue star"
    assert tokens_of(["red", long], shapes) >= len(long.split()) + 1


def test_stopping_leaves_out_the_pictures_not_yet_classified(
    shapes: TextGenerator, scene_image: Callable[..., Image]
) -> None:
    stop = threading.Event()
    stop.set()
    for rank in (False, True):
        images = [scene_image(1), scene_image(2)]
        settings = GenerationSettings(max_new_tokens=6)
        assert classify(shapes, images, KINDS, rank=rank, settings=settings, stop=stop) == []


def test_labels_come_from_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeff# animals\n\n cat \r\ndog\n".encode())
    assert all_labels(["bird"], path) == ("bird", "cat", "dog")
    assert all_labels([], path) == ("cat", "dog")


@pytest.mark.parametrize(
    ("given", "content", "error", "words"),
    [
        ([], "cat\n\ncat\n", UsageError, "labels.txt: line 3: the label “cat” was given before"),
        (["dog"], "cat\ndog\n", UsageError, "labels.txt: line 2: the label “dog” was given before"),
        (["dog", "dog"], "cat\n", UsageError, "the label “dog” stands twice"),
        ([], "cat\n", UsageError, "labels.txt: there is one label"),
        ([], "# none\n", InputError, "labels.txt: holds no label"),
        ([], b"cat\n\xff\n", InputError, "labels.txt: line 2 is no text in UTF-8"),
        (["dog"], None, InputError, "labels.txt: there is no such file"),
    ],
)
def test_labels_that_cannot_be_chosen_from_are_told(
    tmp_path: Path, given: list[str], content: str | bytes | None, error: type[Exception], words: str
) -> None:
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error) as caught:
        all_labels(given, path)
    assert words in str(caught.value)


@pytest.mark.parametrize("labels", [[], ["one"], ["a", " a"], ["a", " "]])
def test_labels_that_are_none_or_equal_are_refused(scene_image: Callable[..., Image], labels: list[str]) -> None:
    with pytest.raises(UsageError, match="label"):
        classify(ScriptedGenerator([]), scene_image(1), labels)


def test_a_format_is_told_apart_from_others() -> None:
    assert has_format("star, red", "{kind}, {colour}")
    assert not has_format("red, star", "{kind}, {colour}")
    assert not has_format("A red star", "A {colour} {kind}.")
