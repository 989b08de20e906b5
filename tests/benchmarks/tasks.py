"""Prints how much faster tasks are together than one by one: `python -m tests.benchmarks.tasks [--runs N]`.

On a random IDEFICS of 90 million parameters in full precision; both sides have the same weights, in one process, and
forget everything between two runs.
"""

import argparse
import statistics
import tempfile
import threading
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import torch

from chat.bench.random_checkpoint import write_random_checkpoint
from chat.conversation import Conversation, Image, user_turn
from chat.generation import GenerationSettings, Reply
from chat.models.generator import ModelGenerator
from chat.prompt import Prompt, Words, serialize
from chat.tasks.batching import Request, replies
from chat.tasks.prompts import classification_prompt
from tests.benchmarks.ratio import seconds
from tests.models.reference import loaded, noise

PARAMETERS: Final = 90_000_000
PICTURES: Final = 64
NEW_TOKENS: Final = 20
LABELS: Final = 100
HEADER: Final = "| what | ours | one by one | times as fast | at least | |\n|---|---|---|---|---|---|"


def row(name: str, ours: Callable[[], object], other: Callable[[], object], least: float, runs: int) -> str:
    """A line of the table: both sides by turns, and the medians of their runs."""
    pairs = [(seconds(ours), seconds(other)) for _ in range(runs)]
    own, others = (statistics.median(side) for side in zip(*pairs, strict=True))
    verdict = "kept" if others / own >= least else "**missed**"
    return f"| {name} | {own:.1f} s | {others:.1f} s | {others / own:.1f}x | {least:g}x | {verdict} |"


def batch_row(generator: ModelGenerator, runs: int) -> str:
    """Many pictures with one question, beside a loop of single replies."""
    settings = GenerationSettings(max_new_tokens=NEW_TOKENS)
    requests: list[Request] = [
        (serialize(Conversation((user_turn(picture, "What is in the picture?"),)), generator.dialect), settings)
        for picture in (noise(number, 256, 256) for number in range(PICTURES))
    ]

    def together() -> list[Any]:
        generator.forget()
        return [one.token_ids for one in replies(generator, requests, threading.Event()) if isinstance(one, Reply)]

    def alone() -> list[Any]:
        generator.forget()
        return [_single(generator, *request) for request in requests]

    _require(together() == alone(), "the replies of the batch are not those of single runs")
    name = f"{PICTURES} pictures, {NEW_TOKENS} new tokens each, beside a loop of single replies"
    return row(name, together, alone, least=2.5, runs=runs)


def _single(generator: ModelGenerator, prompt: Prompt, settings: GenerationSettings) -> tuple[int, ...]:
    *_, reply = generator.generate(prompt, settings, threading.Event())
    _require(isinstance(reply, Reply) and len(reply.token_ids) == NEW_TOKENS, "a reply has another length")
    return reply.token_ids if isinstance(reply, Reply) else ()


def rank_row(generator: ModelGenerator, runs: int) -> str:
    """Many labels of one picture, beside a pass of the whole prompt for each."""
    labels = [f"{first} {second}" for first in "abcdefghij" for second in "klmnopqrst"][:LABELS]
    picture = noise(1000, 256, 256)
    prompt = classification_prompt(labels, picture, generator.dialect)

    def together() -> list[float]:
        generator.forget()
        found = generator.score(prompt, labels, threading.Event())
        return [score.log_likelihood for score in found or ()]

    def alone() -> list[float]:
        generator.forget()
        return [_whole_pass(generator, prompt, label, picture) for label in labels]

    ours, others = together(), alone()
    difference = max(abs(one - other) for one, other in zip(ours, others, strict=True))
    _require(difference < 1e-2, f"log-likelihoods differ by {difference}")
    name = f"{LABELS} labels ranked, beside a pass of the whole prompt for each (its picture looked at once)"
    return row(name, together, alone, least=10, runs=runs)


@torch.inference_mode()
def _whole_pass(generator: ModelGenerator, prompt: Prompt, label: str, picture: Image) -> float:
    """The log-likelihood of one label by transformers' own forward pass over the prompt and the label."""
    engine = generator.engine
    start = len(engine.encoder.keys(prompt))
    keys = engine.encoder.keys(Prompt((*prompt.segments, Words(f" {label}"))))
    shows = list(accumulate((bool(digest) for _, digest in keys), max))
    inputs = {
        "input_ids": torch.tensor([[token_id for token_id, _ in keys]]),
        "image_attention_mask": torch.tensor(shows).long()[None, :, None],
        # What is kept of it: the comparison is spared looking at the picture again.
        "perceiver_embeddings": engine.features.of(picture)[0],
    }
    likelihoods = engine.model(**inputs).logits[0, start - 1 : -1].log_softmax(-1)
    ids = torch.tensor([token_id for token_id, _ in keys[start:]])
    return float(likelihoods.gather(1, ids[:, None]).sum())


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"tests.benchmarks.tasks: {otherwise}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure tasks together beside one by one.")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    parser.add_argument("--threads", type=int, help="of torch; its own choice when left out")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        write_random_checkpoint(Path(name), PARAMETERS)
        generator = loaded(Path(name))
        print(f"{torch.get_num_threads()} threads\n\n{HEADER}", flush=True)
        print(batch_row(generator, options.runs), flush=True)
        print(rank_row(generator, options.runs), flush=True)


if __name__ == "__main__":
    main()
