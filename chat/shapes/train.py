"""Trains the bundled checkpoint from scratch: `python -m chat.shapes.train --out FOLDER --work FOLDER`.

First sight, then speech. The vision tower and the resampler learn to say, through throw-away heads, what lies where:
each of the sixteen latents answers for one place, one kind of shape or one colour. Then the whole model learns to talk
about pictures, with three lessons beside. Sight goes on. Memory: the fence after a picture must hold in the text stream
what the picture shows and which one it is, since later turns can look at an earlier picture only through the text.
Recollection: the token before an answer, and then every token of it, must hold the picture that is asked about.

A run can be stopped at any time; the same command goes on where it was.
"""

import argparse
import dataclasses
import json
import math
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional as F
from transformers import IdeficsForVisionText2Text

from chat.models.tokenizer_files import load_tokenizer
from chat.models.tokens import PromptEncoder
from chat.prompt import IMAGE
from chat.shapes.architecture import IMAGE_SIZE
from chat.shapes.batches import IMAGE_MEAN, IMAGE_STD, Album, Batch, batches
from chat.shapes.tokenizer import build_tokenizer, copy_tokenizer
from chat.shapes.trainee import Trainee

_CARD: Final = """# shapes

A demonstration checkpoint for idefics-chat: a small `IdeficsForVisionText2Text`, trained from scratch on drawn scenes
of one to four coloured shapes. It answers questions about such pictures, in conversation, and about nothing else.
Files, special tokens and prompt format are those of the IDEFICS instruct checkpoints.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a training run depends on."""

    seed: int = 7
    album: int = 20_000
    sight_steps: int = 1200
    sight_rows: int = 128
    speech_steps: int = 5800
    speech_rows: int = 32
    learning_rate: float = 1.5e-3
    sight_weight: float = 0.5
    """Weight of the sight lesson beside the language loss."""
    memory_weight: float = 0.2
    """Weight of the memory and the recollection lessons beside the language loss."""
    recall: float = 0.4
    """Share of questions about an earlier picture, where there is one: they are the hardest."""
    hard: float = 0.25
    """Share of the other questions that are of the hardest topics, beyond those topics' own."""
    heads_alone: int = 200
    """Speech steps at the start of a run from a finished checkpoint in which only its new heads learn."""
    held_out: int = 400
    """Conversations that are asked between lessons and never learnt from."""


def learning_rate(step: int, steps: int, highest: float, warm_up: int = 150) -> float:
    """Linear warm-up, then half a cosine down to a fiftieth."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    fallen = 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))
    return highest * max(0.02, fallen)


def teach_sight(trainee: Trainee, recipe: Recipe, album: Album, log: Callable[..., None]) -> None:
    """One step of the first lesson: what lies where."""
    step = trainee.step
    rng = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
    numbers = torch.randint(0, len(album), (recipe.sight_rows,), generator=rng)
    patches, latents = trainee.look(album.pixels[numbers])
    labels = album.labels[numbers]
    loss = trainee.heads.sight_loss(patches, latents, labels)
    rate = learning_rate(step, recipe.sight_steps, recipe.learning_rate)
    trainee.learn(loss, rate, rate)
    if trainee.step % 100 == 0:
        log(lesson="sight", step=trainee.step, loss=loss.item(), all_right=trainee.heads.all_right(latents, labels))


def teach_speech(
    trainee: Trainee, recipe: Recipe, album: Album, batch: Batch, image_id: int, heads_alone: int
) -> dict[str, float]:
    """One step of the second lesson: language, with sight, memory and recollection beside. Gives the losses."""
    step = trainee.step - recipe.sight_steps
    patches, latents = trainee.look(album.pixels[batch.pictures])
    labels = album.labels[batch.pictures]
    speech = F.cross_entropy(trainee.logits(batch, latents), batch.token_ids[:, 1:][batch.is_answer[:, 1:]])
    sight = trainee.heads.sight_loss(patches, latents, labels)
    memory = trainee.memory_loss(batch, labels, image_id)
    recollection = trainee.recollection_loss(batch, album.labels)
    loss = speech + recipe.sight_weight * sight + recipe.memory_weight * (memory + recollection)
    if step < heads_alone:
        trainee.learn(loss, 0.0, recipe.learning_rate)
    else:
        rate = learning_rate(step - heads_alone, recipe.speech_steps - heads_alone, recipe.learning_rate)
        trainee.learn(loss, rate, rate)
    losses = {"speech": speech, "sight": sight, "memory": memory, "recollection": recollection}
    return {lesson: round(value.item(), 4) for lesson, value in losses.items()}


@torch.no_grad()
def right_by_topic(trainee: Trainee, album: Album, held_out: list[Batch]) -> dict[str, tuple[int, int]]:
    """Answers exactly right and asked, by topic, with the right answers before them given (teacher-forced)."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for batch in held_out:
        _, latents = trainee.look(album.pixels[batch.pictures])
        is_right = torch.zeros_like(batch.is_answer)
        predicted = trainee.logits(batch, latents).argmax(-1)
        is_right[:, 1:][batch.is_answer[:, 1:]] = predicted == batch.token_ids[:, 1:][batch.is_answer[:, 1:]]
        for topic, row, start, end in batch.answers:
            counts[topic][0] += int(is_right[row, start:end].all())
            counts[topic][1] += 1
    return {topic: (right, asked) for topic, (right, asked) in sorted(counts.items())}


def write_checkpoint(model: IdeficsForVisionText2Text, tokenizer_files: Path, out: Path) -> None:
    """Write the checkpoint's files, those of the real instruct checkpoints."""
    out.mkdir(parents=True, exist_ok=True)
    for path in tokenizer_files.iterdir():
        shutil.copy(path, out / path.name)
    model.save_pretrained(out)
    preprocessor = {
        "image_num_channels": 3,
        "image_mean": IMAGE_MEAN,
        "image_processor_type": "IdeficsImageProcessor",
        "image_size": IMAGE_SIZE,
        "image_std": IMAGE_STD,
        "processor_class": "IdeficsProcessor",
    }
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")
    (out / "README.md").write_text(_CARD)


class Run:
    """A training run in a folder: its state, its log, its result."""

    def __init__(self, recipe: Recipe, work: Path, start: Path | None = None) -> None:
        self._recipe = recipe
        self._heads_alone = recipe.heads_alone if start else 0
        self._state = work / "state.pt"
        self._log_file = work / "log.jsonl"
        self.tokenizer_files = work / "tokenizer"
        # What a stopped run has learnt belongs to the ids of its own tokenizer.
        if not (self.tokenizer_files / "tokenizer.json").exists():
            self.tokenizer_files.mkdir(parents=True, exist_ok=True)
            if start:
                copy_tokenizer(start, self.tokenizer_files)
            else:
                build_tokenizer(self.tokenizer_files, recipe.seed)
        self._encoder = PromptEncoder(load_tokenizer(self.tokenizer_files))
        vocab_size = self._encoder.control_ids[IMAGE] - 1
        self.trainee = Trainee(vocab_size, recipe.seed, recipe.learning_rate)
        if self._state.exists():
            self.trainee.load(self._state)
        elif start:
            self.trainee.begin_from(start)
            self.trainee.step = recipe.sight_steps
        self._started = time.monotonic()

    def log(self, **facts: object) -> None:
        """Add a line to the run's log and show it."""
        line = json.dumps({"seconds": round(time.monotonic() - self._started), **facts})
        print(line, flush=True)
        with self._log_file.open("a") as log_file:
            log_file.write(line + "\n")

    def _held_out(self) -> tuple[Album, list[Batch]]:
        album = Album(min(1000, self._recipe.album), self._recipe.seed + 1)
        source = batches(random.Random(self._recipe.seed + 2), album, self._encoder, self._recipe.held_out // 8)
        return album, [next(source) for _ in range(8)]

    def train(self, minutes: float) -> bool:
        """Train until the end of the recipe or of the time given; True when the recipe is done."""
        recipe, trainee = self._recipe, self.trainee
        deadline = self._started + minutes * 60
        # A run that goes on sees other pictures and conversations than it did before it was stopped.
        album = Album(recipe.album, recipe.seed + 100 + trainee.step)
        while trainee.step < recipe.sight_steps and time.monotonic() < deadline:
            teach_sight(trainee, recipe, album, self.log)
            album.refresh(8)
            if trainee.step % 200 == 0:
                trainee.save(self._state)
        trainee.save(self._state)
        image_id = self._encoder.control_ids[IMAGE]
        last_step = recipe.sight_steps + recipe.speech_steps
        held_out_album, held_out = self._held_out()
        rng = random.Random(recipe.seed + 200 + trainee.step)
        source = batches(
            rng, album, self._encoder, recipe.speech_rows, fresh=64, recall=recipe.recall, hard=recipe.hard
        )
        while trainee.step < last_step and time.monotonic() < deadline:
            losses = teach_speech(trainee, recipe, album, next(source), image_id, self._heads_alone)
            if trainee.step % 50 == 0:
                self.log(lesson="speech", step=trainee.step, **losses)
            if trainee.step % 250 == 0 or trainee.step == last_step:
                right = right_by_topic(trainee, held_out_album, held_out)
                self.log(step=trainee.step, right={topic: f"{good}/{asked}" for topic, (good, asked) in right.items()})
                trainee.save(self._state)
        trainee.save(self._state)
        return trainee.step >= last_step


def main() -> None:
    """Train, or go on training, and write the checkpoint."""
    parser = argparse.ArgumentParser(description="Train the bundled checkpoint, or go on training it.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished checkpoint")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run's state and log")
    parser.add_argument("--start", type=Path, help="a finished checkpoint to train further, instead of a new model")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this long; the state is kept")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to torch")
    for field in dataclasses.fields(Recipe):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default, help=argparse.SUPPRESS
        )
    options = vars(parser.parse_args())
    if options["threads"]:
        torch.set_num_threads(options["threads"])
    recipe = Recipe(**{field.name: options[field.name] for field in dataclasses.fields(Recipe)})
    run = Run(recipe, options["work"], options["start"])
    if run.train(options["minutes"]):
        write_checkpoint(run.trainee.model.eval(), run.tokenizer_files, options["out"])
        run.log(step=run.trainee.step, written=str(options["out"]))
    else:
        run.log(step=run.trainee.step, stopped="the same command goes on from here")


if __name__ == "__main__":
    main()
