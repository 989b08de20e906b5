"""Conversations about scenes: what the bundled checkpoint is trained on and measured with."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chat.shapes import language, phrases
from chat.shapes.language import Topic
from chat.shapes.outside import outside_question
from chat.shapes.scenes import Colour, Kind, Scene

MOST_TURNS: Final = 8
MOST_PICTURES: Final = 4


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the new pictures it comes with, and its one right answer."""

    topic: Topic
    question: str
    answer: str
    scenes: tuple[Scene, ...] = ()
    """The new pictures of this turn."""
    pictures_first: bool = True
    """Whether the pictures stand before the question or after it."""
    about: Scene | None = None
    """What the answer is about, or begins with; None where no picture is needed for it."""


Dialogue = tuple[Exchange, ...]


class _Talk:
    """A conversation while it is made up: what has been shown and what was asked last."""

    def __init__(self, rng: random.Random, new_scene: Callable[[], Scene], recall: float, hard: float) -> None:
        self._rng = rng
        self._recall_share = recall
        self._hard_share = hard
        self._new_scene = new_scene
        self._seen: list[Scene] = []
        self._last: Topic | None = None
        self._about: Scene | None = None

    def exchange(self, new_pictures: int) -> Exchange:
        """The next exchange, with this many new pictures."""
        scenes = tuple(self._new_scene() for _ in range(new_pictures))
        self._seen.extend(scenes)
        self._about = self._seen[-1] if self._seen else None
        topic, question, answer = self._ask(len(scenes))
        self._last = topic
        pictures_first = self._rng.random() < 0.7
        return Exchange(topic, language.put(self._rng, question), answer, scenes, pictures_first, self._about)

    def _ask(self, new_pictures: int) -> tuple[Topic, str, str]:
        rng = self._rng
        if not self._seen:
            return self._ask_without_picture()
        if rng.random() < 0.05:
            return self._small_talk()
        scene = self._seen[-1]
        if new_pictures > 1 and rng.random() < 0.6:
            self._about = self._seen[-2]
            return Topic.BOTH, rng.choice(phrases.BOTH_QUESTIONS), language.both(*self._seen[-2:])
        if new_pictures and self._last is Topic.CAPTION and rng.random() < 0.3:
            return Topic.CAPTION, rng.choice(phrases.NEXT_CAPTION_QUESTIONS), language.caption(scene)
        if len(self._seen) > 1 and rng.random() < self._recall_share:
            return Topic.RECALL, *self._recall()
        if not new_pictures and self._last in (Topic.COLOUR, Topic.WHERE) and rng.random() < 0.25:
            return self._follow_up(self._last, scene)
        topic = rng.choice(language.ABOUT_A_PICTURE)
        # No chance is drawn without a share, so that the held-out conversations of a seed stay what they are.
        if self._hard_share and rng.random() < self._hard_share:
            topic = rng.choice(language.HARDEST)
        if len(scene.shapes) == 1 and rng.random() < 0.3:
            topic = Topic.SINGLE
        return topic, *language.question_about(rng, topic, scene)

    def _follow_up(self, topic: Topic, scene: Scene) -> tuple[Topic, str, str]:
        """A question that is whole only with the one before it: "And the star?"."""
        kind = self._rng.choice(scene.shapes).kind
        question = self._rng.choice(phrases.NEXT_KIND_QUESTIONS).format(kind=kind)
        answer = language.colour(scene, kind) if topic is Topic.COLOUR else language.where(scene, kind)
        return topic, question, answer

    def _recall(self) -> tuple[str, str]:
        earlier = self._rng.randrange(len(self._seen) - 1)
        which = language.ORDINALS[earlier]
        if earlier == len(self._seen) - 2 and self._rng.random() < 0.4:
            which = "previous"
        self._about = self._seen[earlier]
        return language.recall_question(self._rng, which, self._seen[earlier])

    def _small_talk(self) -> tuple[Topic, str, str]:
        rng = self._rng
        self._about = None
        topic = rng.choice((Topic.GREETING, Topic.ABILITY, Topic.OUTSIDE, Topic.OUTSIDE))
        if topic is Topic.GREETING:
            return topic, rng.choice(phrases.GREETINGS), language.GREETING_REPLY
        if topic is Topic.ABILITY:
            return topic, rng.choice(phrases.ABILITY_QUESTIONS), language.ABILITY_REPLY
        return topic, outside_question(rng), language.OUTSIDE_REPLY

    def _ask_without_picture(self) -> tuple[Topic, str, str]:
        if self._rng.random() < 0.6:
            return self._small_talk()
        topic = self._rng.choice(language.ABOUT_A_PICTURE)
        question, _ = language.question_about(self._rng, topic, self._new_scene())
        return Topic.NO_PICTURE, question, language.NO_PICTURE_REPLY


def random_dialogue(
    rng: random.Random,
    new_scene: Callable[[], Scene],
    turns: int | None = None,
    *,
    recall: float = 0.22,
    hard: float = 0.0,
) -> Dialogue:
    """A conversation of one to eight turns with at most four pictures.

    Args:
        rng: The only source of chance besides `new_scene`.
        new_scene: Gives the next picture's scene.
        turns: How many turns; chosen at random when None.
        recall: Share of questions about an earlier picture, where there is one.
        hard: Share of the other questions that are of the hardest topics, beyond those topics' own.
    """
    talk = _Talk(rng, new_scene, recall, hard)
    left = MOST_PICTURES
    exchanges = []
    for number in range(turns or rng.randint(1, MOST_TURNS)):
        new_pictures = 0
        if left and rng.random() < (0.92 if number == 0 else 0.3):
            new_pictures = min(left, 2 if rng.random() < 0.12 else 1)
        left -= new_pictures
        exchanges.append(talk.exchange(new_pictures))
    return tuple(exchanges)


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt of the kind base checkpoints take, without turns, and what comes after it.

    Texts and scenes alternate as they stand in the prompt; the completion follows the last of them.
    """

    parts: tuple[str | Scene, ...]
    completion: str


FORMATS: Final = (
    "A {colour} {kind}.",
    "{colour} {kind}",
    "{kind}, {colour}",
    "It is a {kind}.",
    "The colour is {colour}.",
    "This is a {kind}. Its colour is {colour}.",
    "{kind}: {colour}",
    "I see {colour}.",
)
"""How the examples of few-shot prompts are answered."""


def _formatted(pattern: str, scene: Scene) -> str:
    shape = scene.shapes[0]
    return pattern.format(colour=shape.colour, kind=shape.kind)


def random_completion(
    rng: random.Random, new_scene: Callable[[], Scene], new_single: Callable[[], Scene]
) -> Completion:
    """One of the prompts the IDEFICS guide shows: captioning, questions, few-shot, classification or a story.

    Args:
        rng: The only source of chance besides the scenes.
        new_scene: Gives a scene.
        new_single: Gives a scene with one shape.
    """
    scene = new_scene()
    lowered = language.caption(scene)[0].lower() + language.caption(scene)[1:]
    match rng.randrange(6):
        case 0:
            return Completion((scene,), language.caption(scene))
        case 1:
            return Completion((scene, "This is an image of"), lowered)
        case 2:
            question, answer = language.question_about(rng, rng.choice(language.ABOUT_A_PICTURE), scene)
            instruction = "Instruction: Provide an answer to the question. Use the image to answer.\n"
            return Completion((instruction, scene, f"Question: {question} Answer:"), answer)
        case 3:
            instruction = "Instruction: Use the image to write a story. \n"
            return Completion((instruction, scene, "Story: \n"), language.story(scene))
        case 4:
            return _classification(rng, new_single())
        case _:
            return _few_shot(rng, [new_single() for _ in range(rng.randint(2, 4))])


def _classification(rng: random.Random, scene: Scene) -> Completion:
    shape = scene.shapes[0]
    if rng.random() < 0.5:
        labels, right = [str(kind) for kind in rng.sample(list(Kind), rng.randint(2, 4))], str(shape.kind)
    else:
        labels, right = [str(colour) for colour in rng.sample(list(Colour), rng.randint(2, 8))], str(shape.colour)
    if right not in labels:
        labels[rng.randrange(len(labels))] = right
    instruction = (
        f"Instruction: Classify the following image into a single category from the following list: {labels}.\n"
    )
    return Completion((instruction, scene, "Category:"), right)


def _few_shot(rng: random.Random, scenes: Sequence[Scene]) -> Completion:
    pattern = rng.choice(FORMATS)
    request = rng.choice(("Describe this image.", "Describe the picture.", "What is this?"))
    parts: list[str | Scene] = ["User:"]
    for scene in scenes[:-1]:
        parts += [scene, f"{request}\nAssistant: {_formatted(pattern, scene)}\nUser:"]
    parts += [scenes[-1], f"{request}\nAssistant:"]
    return Completion(tuple(parts), _formatted(pattern, scenes[-1]))
