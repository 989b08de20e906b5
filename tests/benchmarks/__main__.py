"""Prints the table of ratios: `python -m tests.benchmarks [--runs N]`."""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from chat.shapes.bundled import CHECKPOINT, SAMPLES
from tests.benchmarks.ratio import HEADER, Ratio, compare, seconds
from tests.benchmarks.terminal import ENVIRONMENT, Terminal, echo_times, first_frame_s

EMPTY_APP = "from textual.app import App; App().run()"
QUESTION = "What is in the picture?"
KEYS = 60
"""Keys pressed one after the other: as many as stay in one line of the composer."""
LONG_REPLIES = (24, 26, 28, 30, 33, 43, 49, 55, 57, 58, 59, 60)
"""Seeds with which the reply to so many keys is long; where torch draws otherwise, more runs are made."""
COMMAND = str(Path(sys.executable).parent / "idefics-chat")
"""What a person starts."""


def process(*command: str | Path, **environment: str) -> Callable[[], float]:
    """Gives the seconds that a whole process takes."""

    def run() -> None:
        subprocess.run(
            [sys.executable, *map(str, command)],
            env={**ENVIRONMENT, **environment},
            check=True,
            capture_output=True,
        )

    return lambda: seconds(run)


def help_ratio(runs: int) -> Ratio:
    """The list of commands beside the library that reads the arguments."""
    return compare(
        "--help, beside `import click`",
        process("-m", "chat", "--help"),
        process("-c", "import click"),
        limit=1.5,
        runs=runs,
    )


def first_frame_ratio(folder: Path, runs: int) -> Ratio:
    """The first frame beside an empty Textual app's."""
    python = sys.executable
    return compare(
        "first frame of the UI, beside an empty Textual app's",
        lambda: first_frame_s([COMMAND, "--db", str(folder / "frames.db")], {}),
        lambda: first_frame_s([python, "-c", EMPTY_APP], {}),
        limit=1.5,
        runs=runs,
    )


def ask_ratio(folder: Path, runs: int) -> Ratio:
    """One question beside the guide's recipe in a bare script."""
    picture = SAMPLES[0]
    recipe = Path(__file__).parent / "guide_recipe.py"
    return compare(
        "`ask`, beside the guide's recipe",
        process("-m", "chat", "ask", QUESTION, "-i", picture, "--db", folder / "asked.db"),
        process(recipe, CHECKPOINT, picture, QUESTION),
        limit=1.25,
        runs=runs,
    )


def echo_ratio(folder: Path, keys: int = 600) -> Ratio:
    """Keys while the model writes beside keys while it rests; 99 of 100 are no slower than this."""
    idle: list[float] = []
    writing: list[float] = []
    seeds = itertools.chain(LONG_REPLIES, itertools.count(100))
    while len(writing) < keys:
        some_idle, some_writing = echoes(folder / "keys.db", next(seeds))
        idle += some_idle
        writing += some_writing
    return Ratio(
        "a key's echo while the model writes (99th percentile), beside idle (99th percentile)",
        statistics.quantiles(writing, n=100)[98],
        statistics.quantiles(idle, n=100)[98],
        limit=2.0,
    )


def echoes(database: Path, seed: int) -> tuple[list[float], list[float]]:
    """Seconds until a key is seen, key after key, while the model rests and while it writes, as long as it does."""
    # At this temperature the demonstration finds the end of its utterance by chance alone: it mostly writes for long.
    options = ["--temperature", "30", "--max-new-tokens", "800", "--seed", str(seed)]
    terminal = Terminal([sys.executable, "-m", "chat", "--db", str(database), *options], {})
    try:
        terminal.wait_for(lambda output: b"ready" in output)
        terminal.read_for(1.0)
        idle = echo_times(terminal, KEYS, 0.03)
        terminal.forget()
        terminal.send("\r")
        terminal.wait_for(lambda output: b"reading" in output or b"writing" in output)
        if b"writing" not in terminal.output:
            terminal.forget()
            # A reply may end with its first words: then there is nothing to measure beside.
            terminal.wait_for(lambda output: b"writing" in output or b"ready" in output)
        return idle, echo_times(terminal, KEYS, 0.03, until=b"ready")
    finally:
        terminal.close()


def main() -> None:
    """Measure everything and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure the promised ratios.")
    parser.add_argument("--runs", type=int, default=10, help="runs of each side")
    runs = parser.parse_args().runs
    print(HEADER, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(help_ratio(runs).row(), flush=True)
        print(first_frame_ratio(folder, runs).row(), flush=True)
        print(ask_ratio(folder, runs).row(), flush=True)
        print(echo_ratio(folder).row(), flush=True)


if __name__ == "__main__":
    main()
