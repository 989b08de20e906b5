"""Measures the bundled checkpoint: `python -m chat.shapes.evaluate`.

Held-out conversations of one to eight turns with one to four pictures, through the program's own prompt, generator and
greedy settings. The history holds what the model itself said, right or wrong. Only an exactly right answer counts.
"""

import argparse
import io
import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chat.conversation import Conversation, Image, assistant_turn
from chat.generation import GenerationSettings, Reply, StopReason, TextGenerator
from chat.images import read_image
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.prompt import serialize
from chat.shapes.batches import question_turn
from chat.shapes.bundled import CHECKPOINT
from chat.shapes.dialogues import Dialogue, random_dialogue
from chat.shapes.scenes import Scene, draw, random_scene

HELD_OUT_SEED: Final = 20_000_000
"""Far from every seed that training draws scenes and conversations from."""


def load_shapes(folder: Path = CHECKPOINT) -> TextGenerator:
    """The bundled checkpoint, or another that was trained as it was, ready to reply."""
    request = CheckpointRequest("shapes", folder=folder, is_demonstration=True)
    return load_generator(request, lambda _: None, threading.Event())


def picture_of(scene: Scene, name: str = "scene.png") -> Image:
    """A scene as a PNG picture."""
    file = io.BytesIO()
    draw(scene).save(file, "PNG")
    return read_image(file.getvalue(), name)


def held_out_dialogues(seed: int) -> Iterator[Dialogue]:
    """Endless conversations that training has not seen, each with a picture at least."""
    rng = random.Random(seed)
    while True:
        dialogue = random_dialogue(rng, lambda: random_scene(rng))
        if any(exchange.scenes for exchange in dialogue):
            yield dialogue


def answers(generator: TextGenerator, dialogue: Dialogue) -> Iterator[Reply]:
    """The model's replies to the questions of a dialogue, one after another."""
    conversation = Conversation()
    for exchange in dialogue:
        turn = question_turn(exchange, tuple(picture_of(scene) for scene in exchange.scenes))
        conversation = conversation.with_turn(turn)
        *_, reply = generator.generate(
            serialize(conversation, generator.dialect), GenerationSettings(max_new_tokens=80), threading.Event()
        )
        if not isinstance(reply, Reply):
            raise TypeError("a generator's last word is its reply")
        yield reply
        conversation = conversation.with_turn(assistant_turn(reply.text, reply.spoken_ids if reply.text else ()))


def measure(generator: TextGenerator, questions: int, seed: int, wrong: list[str]) -> dict[str, tuple[int, int]]:
    """Answers exactly right and questions asked, by topic.

    Args:
        generator: A loaded checkpoint.
        questions: How many to ask at least; the last conversation is finished.
        seed: Of the conversations.
        wrong: Filled with a line for each wrong answer.
    """
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for dialogue in held_out_dialogues(seed):
        for exchange, reply in zip(dialogue, answers(generator, dialogue), strict=True):
            is_right = reply.text == exchange.answer and reply.stop_reason is StopReason.END_OF_UTTERANCE
            counts[str(exchange.topic)][0] += is_right
            counts[str(exchange.topic)][1] += 1
            if not is_right:
                wrong.append(f"{exchange.topic}: {exchange.question} | {exchange.answer} | {reply.text}")
        if sum(asked for _, asked in counts.values()) >= questions:
            break
    return {topic: (right, asked) for topic, (right, asked) in sorted(counts.items())}


def table(counts: dict[str, tuple[int, int]]) -> str:
    """The result as a Markdown table."""
    right, asked = (sum(column) for column in zip(*counts.values(), strict=True))
    lines = ["| kind of question | exactly right | asked | share |", "|---|---|---|---|"]
    rows = [*counts.items(), ("**all**", (right, asked))]
    lines += [f"| {topic} | {good:,} | {of:,} | {good / of:.1%} |" for topic, (good, of) in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the bundled checkpoint on held-out conversations.")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="folder of the checkpoint")
    parser.add_argument("--questions", type=int, default=2000, help="how many to ask at least")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--wrong", action="store_true", help="list every wrong answer: topic, question, right, given")
    options = parser.parse_args()
    wrong: list[str] = []
    counts = measure(load_shapes(options.checkpoint), options.questions, options.seed, wrong)
    print(json.dumps(counts) if options.json else table(counts))
    if options.wrong:
        print(*wrong, sep="\n")


if __name__ == "__main__":
    main()
