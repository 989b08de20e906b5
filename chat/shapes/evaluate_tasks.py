"""Measures the bundled checkpoint at tasks without turns: `python -m chat.shapes.evaluate_tasks`.

Held-out pictures of one shape each. Labels are ranked after the guide's prompt for classification; few-shot examples
are written as in the guide, and the answer to a new picture has to be in their format.
"""

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat.generation import TextGenerator
from chat.shapes.bundled import CHECKPOINT
from chat.shapes.dialogues import FORMATS
from chat.shapes.evaluate import HELD_OUT_SEED, load_shapes, picture_of
from chat.shapes.scenes import Colour, Kind, Scene, random_scene
from chat.tasks.answers import answers
from chat.tasks.classification import classify
from chat.tasks.few_shots import few_shots_asked
from chat.tasks.recipes import Example, Recipe

MOST_SHOTS: Final = 4
REQUEST: Final = "Describe this image."

NEW_FORMATS: Final = (
    "shape={kind}; colour={colour}",
    "[{colour}] {kind}",
    "{kind} in {colour}",
    "The picture shows a {colour} {kind}.",
    "Look: {kind}, and it is {colour}.",
    "{kind} ({colour})",
    "{colour}, a {kind}",
    "kind {kind} / colour {colour}",
)
"""Ways to answer that no example of the training was written in."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    what: str
    right: int
    of: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the bundled checkpoint at tasks without turns.")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="folder of the checkpoint")
    parser.add_argument("--cases", type=int, default=240, help="how many of each task")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    generator = load_shapes(options.checkpoint)
    shares = [
        ranked(generator, list(Kind), options.cases, options.seed),
        ranked(generator, list(Colour), options.cases, options.seed),
        *followed(generator, options.cases, options.seed),
        *followed(generator, options.cases // 3, options.seed, NEW_FORMATS, "new format, "),
    ]
    print(json.dumps({share.what: [share.right, share.of] for share in shares}) if options.json else table(shares))


def ranked(generator: TextGenerator, labels: Sequence[Kind] | Sequence[Colour], cases: int, seed: int) -> Share:
    """Pictures whose kind, or whose colour, is the likeliest of all."""
    rng = random.Random(seed)
    scenes = [random_scene(rng, 1) for _ in range(cases)]
    found = classify(generator, [picture_of(scene) for scene in scenes], [str(label) for label in labels], rank=True)
    shapes = [scene.shapes[0] for scene in scenes]
    right = sum(one.label in (shape.kind, shape.colour) for one, shape in zip(found, shapes, strict=True))
    return Share(f"rank classification, {len(labels)} {'kinds' if Kind.STAR in labels else 'colours'}", right, cases)


def followed(
    generator: TextGenerator, cases: int, seed: int, patterns: Sequence[str] = FORMATS, kind: str = ""
) -> list[Share]:
    """Answers in the format of one to four examples, and those that are exactly right, by the number of examples.

    Args:
        generator: A loaded checkpoint.
        cases: How many.
        seed: Of the pictures.
        patterns: The formats, which take turns.
        kind: What the formats are called in the results.
    """
    rng = random.Random(seed)
    formats = [patterns[number % len(patterns)] for number in range(cases)]
    shots_of = [1 + number // len(patterns) % MOST_SHOTS for number in range(cases)]
    scenes = [[random_scene(rng, 1) for _ in range(shots + 1)] for shots in shots_of]
    asked = [
        few_shots_asked(_recipe(shown[:-1], pattern), [picture_of(shown[-1])], generator.dialect)[0]
        for shown, pattern in zip(scenes, formats, strict=True)
    ]
    texts = [answer.text for answer in answers(generator, asked)]
    shares = []
    for shots in range(1, MOST_SHOTS + 1):
        given = [
            (text, pattern, shown[-1])
            for text, pattern, shown in zip(texts, formats, scenes, strict=True)
            if len(shown) == shots + 1
        ]
        follow = sum(has_format(text, pattern) for text, pattern, _ in given)
        right = sum(text == formatted(scene, pattern) for text, pattern, scene in given)
        name = f"few-shot, {kind}{shots} example{'s' * (shots > 1)}"
        shares += [Share(f"{name}: in their format", follow, len(given)), Share(f"{name}: right", right, len(given))]
    return shares


def formatted(scene: Scene, pattern: str) -> str:
    """The one right answer about a scene of one shape."""
    return pattern.format(colour=scene.shapes[0].colour, kind=scene.shapes[0].kind)


def has_format(text: str, pattern: str) -> bool:
    """Whether a text is what the format makes of any shape."""
    expression = re.escape(pattern).replace(r"\{colour\}", f"(?:{'|'.join(Colour)})")
    return re.fullmatch(expression.replace(r"\{kind\}", f"(?:{'|'.join(Kind)})"), text) is not None


def table(shares: Sequence[Share]) -> str:
    """The result as a Markdown table."""
    rows = [f"| {share.what} | {share.right} | {share.of} | {share.right / share.of:.1%} |" for share in shares]
    return "\n".join(["| task | right | asked | share |", "|---|---|---|---|", *rows])


def _recipe(scenes: Sequence[Scene], pattern: str) -> Recipe:
    return Recipe(REQUEST, tuple(Example((picture_of(scene),), REQUEST, formatted(scene, pattern)) for scene in scenes))


if __name__ == "__main__":
    main()
