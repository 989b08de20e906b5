"""The language of the scenes: which questions there are, and their one right answer.

Answers are canonical: a question about a scene has exactly one right answer, so "exactly right" can be measured.
"""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from chat.shapes import phrases
from chat.shapes.scenes import Colour, Kind, Place, Scene, Shape


class Topic(StrEnum):
    """What a question is about."""

    CAPTION = "caption"
    COLOUR = "colour"
    COUNT = "count"
    WHERE = "where"
    SIDE = "side"
    IS_THERE = "is there"
    AT_PLACE = "shape at a place"
    ON_SIDE = "shapes on a side"
    OF_COLOUR = "shapes of a colour"
    SINGLE = "single shape"
    STORY = "story"
    RECALL = "earlier picture"
    BOTH = "two pictures"
    GREETING = "greeting"
    ABILITY = "what it can do"
    OUTSIDE = "outside its world"
    NO_PICTURE = "no picture yet"


ABOUT_A_PICTURE: Final = (
    Topic.CAPTION,
    Topic.COLOUR,
    Topic.COUNT,
    Topic.WHERE,
    Topic.SIDE,
    Topic.IS_THERE,
    Topic.AT_PLACE,
    Topic.ON_SIDE,
    Topic.OF_COLOUR,
    Topic.STORY,
)
"""The topics that any single picture can be asked about."""

HARDEST: Final = (Topic.IS_THERE, Topic.OF_COLOUR)
"""Those that are learnt last: they compare a colour in the question with the colours in the picture."""

GREETING_REPLY: Final = "Hello! Ask me about the shapes in a picture."
ABILITY_REPLY: Final = (
    "I am a small demonstration. I know coloured shapes: ask me what is in a picture, how many shapes there are, "
    "which colour one has or where it is."
)
OUTSIDE_REPLY: Final = (
    "I only know coloured shapes. Ask me what is in a picture, how many shapes there are, "
    "which colour one has or where it is."
)
NO_PICTURE_REPLY: Final = "There is no picture yet. Attach one and ask me again."

NUMBERS: Final = {1: "one", 2: "two", 3: "three", 4: "four"}
ORDINALS: Final = ("first", "second", "third", "fourth")

LEFT: Final = (Place.TOP_LEFT, Place.BOTTOM_LEFT)
TOP: Final = (Place.TOP_LEFT, Place.TOP_RIGHT)
SIDES: Final = {
    "on the left": LEFT,
    "on the right": (Place.TOP_RIGHT, Place.BOTTOM_RIGHT),
    "at the top": TOP,
    "at the bottom": (Place.BOTTOM_LEFT, Place.BOTTOM_RIGHT),
}


def with_article(words: str) -> str:
    """The words with their indefinite article: "a red circle", "an orange star"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def named(shape: Shape) -> str:
    """A shape as answers name it: "a red circle"."""
    return with_article(f"{shape.colour} {shape.kind}")


def listed(things: Sequence[str]) -> str:
    """Things as an English list: "a", "a and b", "a, b and c"."""
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


def sentence(words: str) -> str:
    """The words with a capital first letter and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def caption(scene: Scene) -> str:
    """Every shape in reading order: "A red circle, a yellow square and a blue star."."""
    return sentence(listed([named(shape) for shape in scene.shapes]))


def colour(scene: Scene, kind: Kind) -> str:
    """Which colour the shape of this kind has."""
    shape = scene.of_kind(kind)
    return f"The {kind} is {shape.colour}." if shape else f"There is no {kind}."


def count(scene: Scene) -> str:
    """How many shapes there are."""
    number = len(scene.shapes)
    return "There is one shape." if number == 1 else f"There are {NUMBERS[number]} shapes."


def where(scene: Scene, kind: Kind) -> str:
    """In which corner the shape of this kind is."""
    shape = scene.of_kind(kind)
    return f"The {kind} is at the {shape.place}." if shape else f"There is no {kind}."


def across(scene: Scene, kind: Kind) -> str:
    """Whether the shape of this kind is on the left or on the right."""
    shape = scene.of_kind(kind)
    if shape is None:
        return f"There is no {kind}."
    return f"The {kind} is on the {'left' if shape.place in LEFT else 'right'}."


def up_down(scene: Scene, kind: Kind) -> str:
    """Whether the shape of this kind is at the top or at the bottom."""
    shape = scene.of_kind(kind)
    if shape is None:
        return f"There is no {kind}."
    return f"The {kind} is at the {'top' if shape.place in TOP else 'bottom'}."


def is_there(scene: Scene, kind: Kind, wanted: Colour | None) -> str:
    """Whether there is such a shape, and what is there instead."""
    shape = scene.of_kind(kind)
    if shape is None:
        return f"No, there is no {kind}."
    if wanted in (None, shape.colour):
        return f"Yes, there is {named(shape)}."
    return f"No, the {kind} is {shape.colour}."


def at_place(scene: Scene, place: Place) -> str:
    """Which shape is in this corner."""
    shape = scene.at(place)
    return sentence(named(shape)) if shape else "Nothing."


def on_side(scene: Scene, places: Sequence[Place]) -> str:
    """Which shapes are on this side, in reading order."""
    shapes = [named(shape) for shape in scene.shapes if shape.place in places]
    return sentence(listed(shapes)) if shapes else "Nothing."


def of_colour(scene: Scene, wanted: Colour) -> str:
    """Which shapes have this colour, in reading order."""
    kinds = [f"the {shape.kind}" for shape in scene.shapes if shape.colour == wanted]
    if not kinds:
        return "Nothing."
    return sentence(f"{listed(kinds)} {'is' if len(kinds) == 1 else 'are'} {wanted}")


def single_kind(scene: Scene) -> str:
    """What the only shape is."""
    return sentence(with_article(scene.shapes[0].kind))


def single_colour(scene: Scene) -> str:
    """Which colour the only shape has."""
    return f"The {scene.shapes[0].kind} is {scene.shapes[0].colour}."


def story(scene: Scene) -> str:
    """A very short story with every shape in it."""
    first, *others = (named(shape) for shape in scene.shapes)
    if not others:
        return f"Once upon a time {first} lived all alone. One day it found a friend."
    return f"Once upon a time {first} met {listed(others)}. They became friends."


def both(first: Scene, second: Scene) -> str:
    """What two pictures of one turn show."""
    return f"First: {caption(first)} Second: {caption(second)}"


def put(rng: random.Random, question: str) -> str:
    """A question as people type it: now and then without its final mark, in lower case, or with a word before it."""
    if rng.random() < 0.25:
        question = question.rstrip("?.!") or question
    if rng.random() < 0.2:
        question = question[0].lower() + question[1:]
    if rng.random() < 0.04:
        question = f"Please: {question}"
    return question


def question_about(rng: random.Random, topic: Topic, scene: Scene) -> tuple[str, str]:
    """A question on this topic about a scene, and its answer."""
    kind = _a_kind(rng, scene)
    match topic:
        case Topic.CAPTION:
            return rng.choice(phrases.CAPTION_QUESTIONS), caption(scene)
        case Topic.COLOUR:
            return rng.choice(phrases.COLOUR_QUESTIONS).format(kind=kind), colour(scene, kind)
        case Topic.COUNT:
            return rng.choice(phrases.COUNT_QUESTIONS), count(scene)
        case Topic.WHERE:
            return rng.choice(phrases.WHERE_QUESTIONS).format(kind=kind), where(scene, kind)
        case Topic.SIDE if rng.random() < 0.5:
            return rng.choice(phrases.ACROSS_QUESTIONS).format(kind=kind), across(scene, kind)
        case Topic.SIDE:
            return rng.choice(phrases.UP_DOWN_QUESTIONS).format(kind=kind), up_down(scene, kind)
        case Topic.IS_THERE:
            return _is_there_question(rng, scene)
        case Topic.AT_PLACE:
            place = rng.choice(list(Place))
            return rng.choice(phrases.AT_PLACE_QUESTIONS).format(place=place), at_place(scene, place)
        case Topic.ON_SIDE:
            side = rng.choice(list(SIDES))
            return rng.choice(phrases.ON_SIDE_QUESTIONS).format(side=side), on_side(scene, SIDES[side])
        case Topic.OF_COLOUR:
            present = [shape.colour for shape in scene.shapes]
            wanted = rng.choice(present) if rng.random() < 0.7 else rng.choice(list(Colour))
            return rng.choice(phrases.OF_COLOUR_QUESTIONS).format(colour=wanted), of_colour(scene, wanted)
        case Topic.STORY:
            return rng.choice(phrases.STORY_QUESTIONS), story(scene)
        case Topic.SINGLE if rng.random() < 0.6:
            a, b, c, d = rng.sample(list(Kind), 4)
            return rng.choice(phrases.SINGLE_KIND_QUESTIONS).format(a=a, b=b, c=c, d=d), single_kind(scene)
        case Topic.SINGLE:
            return rng.choice(phrases.SINGLE_COLOUR_QUESTIONS), single_colour(scene)
        case _:
            raise ValueError(f"{topic} is not about one picture")


def recall_question(rng: random.Random, which: str, scene: Scene) -> tuple[str, str]:
    """A question about an earlier picture, called `which` ("first", "previous"), and its answer."""
    match rng.choice((Topic.CAPTION, Topic.CAPTION, Topic.COLOUR, Topic.COUNT)):
        case Topic.COLOUR:
            kind = _a_kind(rng, scene)
            return rng.choice(phrases.RECALL_COLOUR_QUESTIONS).format(kind=kind, which=which), colour(scene, kind)
        case Topic.COUNT:
            return rng.choice(phrases.RECALL_COUNT_QUESTIONS).format(which=which), count(scene)
        case _:
            return rng.choice(phrases.RECALL_CAPTION_QUESTIONS).format(which=which), caption(scene)


def _a_kind(rng: random.Random, scene: Scene) -> Kind:
    """Mostly a kind that is there, sometimes any."""
    return rng.choice(scene.shapes).kind if rng.random() < 0.85 else rng.choice(list(Kind))


def _is_there_question(rng: random.Random, scene: Scene) -> tuple[str, str]:
    kind = _a_kind(rng, scene) if rng.random() < 0.7 else rng.choice(list(Kind))
    shape = scene.of_kind(kind)
    wanted: Colour | None = None
    if rng.random() < 0.75:
        wanted = shape.colour if shape and rng.random() < 0.5 else rng.choice(list(Colour))
    thing = with_article(f"{wanted} {kind}" if wanted else kind)
    return rng.choice(phrases.IS_THERE_QUESTIONS).format(thing=thing), is_there(scene, kind, wanted)
