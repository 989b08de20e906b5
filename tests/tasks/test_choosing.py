"""The question which of several labels it is, and how often the bundled checkpoint ranks the right one first."""

import random
import threading
from collections.abc import Sequence

import pytest

from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.generation import TextGenerator
from chat.prompt import serialize
from chat.ranking import Ranking
from chat.shapes import language
from chat.shapes.evaluate import HELD_OUT_SEED, picture_of
from chat.shapes.scenes import Colour, Kind, random_scene
from chat.tasks.choosing import choice_conversation

LABELS = ("cat", "dog's")
INSTRUCTION = (
    "Instruction: Classify the following image into a single category from the following list: ['cat', \"dog's\"].\n"
)
ENDING = "Category: \n\n"


@pytest.fixture
def image() -> Image:
    return picture_of(random_scene(random.Random(1)), "one.png")


@pytest.fixture
def other() -> Image:
    return picture_of(random_scene(random.Random(2)), "two.png")


def test_new_pictures_are_asked_about(image: Image, other: Image) -> None:
    asked = choice_conversation(Conversation((), "Be brief."), (image, other), LABELS)
    assert asked == Conversation((user_turn(INSTRUCTION, image, other, ENDING),), "Be brief.")


def test_without_new_pictures_it_is_the_newest(image: Image, other: Image) -> None:
    said = Conversation((user_turn(image, other, "What?"), assistant_turn("Two."), user_turn("Sure?")))
    asked = choice_conversation(said, (), LABELS)
    assert asked.turns[:3] == said.turns
    assert asked.turns[3:] == (assistant_turn(""), user_turn(INSTRUCTION, other, ENDING))


def test_without_pictures_it_is_about_what_was_said() -> None:
    said = Conversation((user_turn("I liked it."), assistant_turn("Good.")))
    assert choice_conversation(said, (), LABELS).turns[-1] == user_turn(INSTRUCTION + ENDING)


def _history(seed: int) -> tuple[Conversation, Image, str, str]:
    """Nothing, or another picture's caption, or that of the picture itself; the picture; its kind and colour."""
    rng = random.Random(HELD_OUT_SEED + seed)
    scene, another = random_scene(rng, 1), random_scene(rng)
    shape, image = scene.shapes[0], picture_of(scene)
    question = "What is in the picture?"
    histories = (
        (),
        (user_turn(picture_of(another), question), assistant_turn(language.caption(another))),
        (user_turn(image, question), assistant_turn(language.caption(scene))),
    )
    return Conversation(histories[seed % 3]), image, str(shape.kind), str(shape.colour)


def _best(shapes: TextGenerator, said: Conversation, image: Image, labels: Sequence[str]) -> str:
    images = () if image in said.images else (image,)
    prompt = serialize(choice_conversation(said, images, labels), shapes.dialect)
    scores = shapes.score(prompt, labels, threading.Event())
    assert scores is not None
    return Ranking(tuple(labels), scores).best


def test_the_bundled_checkpoint_ranks_shapes_and_colours(shapes: TextGenerator) -> None:
    right = 0
    for seed in range(30):
        said, image, kind, colour = _history(seed)
        right += _best(shapes, said, image, random.Random(seed).sample(list(Kind), len(Kind))) == kind
        right += _best(shapes, said, image, random.Random(seed).sample(list(Colour), len(Colour))) == colour
    assert right >= 57
