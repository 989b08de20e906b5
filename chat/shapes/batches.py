"""Makes training batches: token ids, pictures and masks of random conversations."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.models.tokens import PromptEncoder
from chat.prompt import (
    BEGIN_OF_SEQUENCE,
    END_OF_SEQUENCE,
    FENCE,
    IMAGE,
    Control,
    Picture,
    Prompt,
    Said,
    Segment,
    Words,
    serialize,
)
from chat.shapes.architecture import IMAGE_SIZE
from chat.shapes.dialogues import (
    MOST_PICTURES,
    Completion,
    Dialogue,
    Exchange,
    random_completion,
    random_dialogue,
)
from chat.shapes.language import Topic
from chat.shapes.scenes import Colour, Kind, Place, Scene, draw, random_scene

IMAGE_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""The CLIP constants that every IDEFICS checkpoint normalises its pictures with."""

COMPLETION: Final = "completion"
"""The name, in logs, of prompts without turns."""

_SYSTEM_TEXTS: Final = (
    "Answer the questions about the pictures.",
    "You are a helpful assistant.",
    "Be short.",
    "The following is a conversation about pictures.",
)


def preprocess(picture: PillowImage.Image) -> Tensor:
    """The pixels the model sees, (size, size, 3) bytes: what the image processor makes of it before normalising."""
    small = picture.resize((IMAGE_SIZE, IMAGE_SIZE), PillowImage.Resampling.BICUBIC)
    return torch.from_numpy(np.array(small))


def normalise(pixels: Tensor) -> Tensor:
    """Bytes (N, size, size, 3) as the model's input (N, 3, size, size)."""
    scaled = (pixels.float() / 255 - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_STD)
    return scaled.permute(0, 3, 1, 2).contiguous()


def scene_labels(scene: Scene) -> list[int]:
    """What is where, as numbers: (kind, colour) for each place, then (place, colour) for each kind; 0 is nothing."""
    kinds, colours, places = list(Kind), list(Colour), list(Place)
    labels = []
    for place in places:
        shape = scene.at(place)
        labels += [1 + kinds.index(shape.kind), 1 + colours.index(shape.colour)] if shape else [0, 0]
    for kind in kinds:
        shape = scene.of_kind(kind)
        labels += [1 + places.index(shape.place), 1 + colours.index(shape.colour)] if shape else [0, 0]
    return labels


class Album:
    """Many scenes with their pixels, so that a training step need not draw all its pictures anew."""

    def __init__(self, size: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._scenes: list[Scene] = []
        self.pixels = torch.empty(size, IMAGE_SIZE, IMAGE_SIZE, 3, dtype=torch.uint8)
        self.labels = torch.empty(size, 16, dtype=torch.long)
        self._singles: list[int] = []
        self._numbers: dict[int, int] = {}
        for number in range(size):
            scene = random_scene(self._rng)
            self._scenes.append(scene)
            self._put(number, scene)
        self._index()

    def __len__(self) -> int:
        return len(self._scenes)

    def _put(self, number: int, scene: Scene) -> None:
        self._scenes[number] = scene
        self.pixels[number] = preprocess(draw(scene))
        self.labels[number] = torch.tensor(scene_labels(scene))

    def _index(self) -> None:
        self._numbers = {id(scene): number for number, scene in enumerate(self._scenes)}
        self._singles = [number for number, scene in enumerate(self._scenes) if len(scene.shapes) == 1]

    def refresh(self, how_many: int) -> None:
        """Replace some scenes by new ones."""
        for number in self._rng.sample(range(len(self)), min(how_many, len(self))):
            self._put(number, random_scene(self._rng))
        self._index()

    def number(self, scene: Scene) -> int:
        """Where a scene that this album gave lies in `pixels` and `labels`."""
        return self._numbers[id(scene)]

    def any_scene(self) -> Scene:
        """A random scene of the album."""
        return self._rng.choice(self._scenes)

    def any_single(self) -> Scene:
        """A random scene with one shape."""
        return self._scenes[self._rng.choice(self._singles)]


def _stand_in(scene: Scene) -> Image:
    """A scene as a conversation's picture; training needs its place in the prompt alone, not its bytes."""
    return Image("0" * 64, scene.side, scene.side, "scene", bytes)


def question_turn(exchange: Exchange, images: tuple[Image, ...]) -> Turn:
    """The user's turn of an exchange."""
    if exchange.pictures_first:
        return user_turn(*images, exchange.question)
    return user_turn(exchange.question, *images)


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence to learn from."""

    token_ids: tuple[int, ...]
    answers: tuple[tuple[str, int, int], ...]
    """Topic, start and end of every answer in `token_ids`, its closing token included."""
    scenes: tuple[Scene, ...]
    about: tuple[Scene | None, ...]
    """For every answer, the scene that it is about or begins with."""


class Examples:
    """Turns dialogues into token ids with the program's own prompt and encoder."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self._encoder = encoder
        self._reply_ids = lru_cache(maxsize=50_000)(encoder.reply_ids)

    def of_dialogue(self, dialogue: Dialogue, system: str = "") -> Example:
        """A conversation and where its answers lie."""
        turns = []
        for exchange in dialogue:
            turns.append(question_turn(exchange, tuple(_stand_in(scene) for scene in exchange.scenes)))
            turns.append(assistant_turn(exchange.answer, self._reply_ids(exchange.answer)))
        prompt = serialize(Conversation(tuple(turns), system), open_reply=False)
        encoded = self._encoder.encode(prompt)
        spans = [
            span for segment, span in zip(prompt.segments, encoded.spans, strict=True) if isinstance(segment, Said)
        ]
        answers = tuple(
            (str(exchange.topic), start, end + 1) for exchange, (start, end) in zip(dialogue, spans, strict=True)
        )
        scenes = tuple(scene for exchange in dialogue for scene in exchange.scenes)
        return Example(encoded.token_ids, answers, scenes, tuple(exchange.about for exchange in dialogue))

    def of_completion(self, completion: Completion) -> Example:
        """A prompt without turns and where its completion lies."""
        segments: list[Segment] = [Control(BEGIN_OF_SEQUENCE)]
        scenes = []
        for part in completion.parts:
            if isinstance(part, str):
                segments += self._few_shot_texts(part)
            else:
                scenes.append(part)
                segments += [Control(FENCE), Picture(_stand_in(part)), Control(FENCE)]
        opened = self._encoder.encode(Prompt(tuple(segments))).token_ids
        space = " " if isinstance(completion.parts[-1], str) else ""
        whole = self._encoder.encode(Prompt((*segments, Words(space + completion.completion)))).token_ids
        closed = (*whole, self._encoder.control_ids[END_OF_SEQUENCE])
        return Example(closed, ((COMPLETION, len(opened), len(closed)),), tuple(scenes), (scenes[-1],))

    @staticmethod
    def _few_shot_texts(part: str) -> list[Segment]:
        stripped = part.strip(" ")
        return [Words(stripped)] if stripped else []


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sequences: B conversations of T tokens with at most N pictures each."""

    token_ids: Tensor  # (B, T)
    attention_mask: Tensor  # (B, T)
    image_attention_mask: Tensor  # (B, T, N)
    is_answer: Tensor  # (B, T): this token belongs to an answer or closes it
    answers: tuple[tuple[str, int, int, int], ...]
    """Topic, row, start and end of every answer."""
    recollections: Tensor  # (R, 3): row and column of the token before an answer, and what it is about in the album
    answering: Tensor  # (A, 3): the same of every token that an answer's next token follows from
    pictures: Tensor  # (P,): numbers in the album
    places: Tensor  # (P,): row * N + column of every picture


def collate(examples: list[Example], album: Album, image_id: int) -> Batch:
    """Pad examples to one length, on the right."""
    rows, length = len(examples), max(len(example.token_ids) for example in examples)
    token_ids = torch.zeros(rows, length, dtype=torch.long)
    attention_mask = torch.zeros(rows, length, dtype=torch.long)
    is_answer = torch.zeros(rows, length, dtype=torch.bool)
    answers, recollections, answering, pictures, places = [], [], [], [], []
    for row, example in enumerate(examples):
        token_ids[row, : len(example.token_ids)] = torch.tensor(example.token_ids)
        attention_mask[row, : len(example.token_ids)] = 1
        for (topic, start, end), about in zip(example.answers, example.about, strict=True):
            is_answer[row, start:end] = True
            answers.append((topic, row, start, end))
            if about is not None:
                recollections.append((row, start - 1, album.number(about)))
                # An answer about two pictures goes on to the second one on its way.
                last = start if topic == Topic.BOTH else end - 1
                answering += [(row, column, album.number(about)) for column in range(start - 1, last)]
        for column, scene in enumerate(example.scenes):
            pictures.append(album.number(scene))
            places.append(row * MOST_PICTURES + column)
    seen = (token_ids == image_id).cumsum(1)
    image_attention_mask = torch.nn.functional.one_hot(seen, MOST_PICTURES + 1)[:, :, 1:]
    return Batch(
        token_ids,
        attention_mask,
        image_attention_mask,
        is_answer,
        tuple(answers),
        torch.tensor(recollections, dtype=torch.long).view(-1, 3),
        torch.tensor(answering, dtype=torch.long).view(-1, 3),
        torch.tensor(pictures, dtype=torch.long),
        torch.tensor(places, dtype=torch.long),
    )


def batches(
    rng: random.Random,
    album: Album,
    encoder: PromptEncoder,
    rows: int,
    *,
    fresh: int = 0,
    recall: float = 0.22,
    hard: float = 0.0,
    completions: float = 0.12,
) -> Iterator[Batch]:
    """Endless batches of random examples; neighbours in length share a batch, so that little of it is padding.

    Args:
        rng: Decides what is talked about.
        album: Where the scenes come from.
        encoder: Of the checkpoint's tokenizer.
        rows: Examples in a batch.
        fresh: How many of the album's scenes to replace before every fourth batch.
        recall: Share of questions about an earlier picture, where there is one.
        hard: Share of the other questions that are of the hardest topics, beyond those topics' own.
        completions: Share of examples that are prompts without turns.
    """
    examples = Examples(encoder)
    image_id = encoder.control_ids[IMAGE]
    while True:
        album.refresh(fresh)
        drawn = []
        for _ in range(rows * 4):
            if rng.random() < completions:
                drawn.append(examples.of_completion(random_completion(rng, album.any_scene, album.any_single)))
            else:
                system = rng.choice(_SYSTEM_TEXTS) if rng.random() < 0.06 else ""
                dialogue = random_dialogue(rng, album.any_scene, recall=recall, hard=hard)
                drawn.append(examples.of_dialogue(dialogue, system))
        drawn.sort(key=lambda example: len(example.token_ids))
        starts = list(range(0, len(drawn), rows))
        rng.shuffle(starts)
        for start in starts:
            batch = collate(drawn[start : start + rows], album, image_id)
            # The lessons about pictures have no loss where there are none.
            if len(batch.pictures) and len(batch.recollections):
                yield batch
