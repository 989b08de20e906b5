"""Prints how quickly replies and long sessions are shown: `python -m tests.benchmarks.reading [--runs N]`."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import PIL.Image

from chat.conversation import Image, Text, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.images import read_image
from chat.session import SessionStore
from chat.store import open_store
from tests.benchmarks.ratio import HEADER, Ratio
from tests.benchmarks.reading_texts import KINDS
from tests.benchmarks.terminal import Terminal
from tests.pictures import encoded

MIB: Final = 2**20
EXCHANGES: Final = 5_000
PICTURES: Final = 100
MOST_P95_S: Final = 0.050
MOST_LAG_S: Final = 0.250
MOST_TOTAL: Final = 1.05
MOST_OPENING: Final = 3.0
MOST_GROWN: Final = 150 * MIB

SHARED_MEMORY: Final = Path("/dev/shm")
SPIN: Final = "while True: pass"


def child(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the program in a terminal until it has written down what was measured."""
    file = folder / "found.json"
    file.unlink(missing_ok=True)
    what, argument, *more = arguments
    command = [sys.executable, "-m", "tests.benchmarks.reading_child", what, argument, str(file), *more]
    terminal = Terminal(command, {})
    try:
        deadline = time.perf_counter() + 300
        # The terminal of a program that has ended cannot be read.
        with suppress(OSError):
            while time.perf_counter() < deadline:
                terminal.read_for(0.2)
                terminal.output = terminal.output[-4_000:]
        if not file.exists():
            raise RuntimeError(f"nothing was measured: {terminal.output.decode(errors='replace')}")
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    finally:
        terminal.close()


def stream_row(folder: Path, kind: str) -> str:
    """A line of the table: one kind of reply at 200 tokens a second."""
    spinning = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        found = child(folder, "stream", kind)
    finally:
        spinning.kill()
        spinning.wait()
    ratio = found["total_s"] / found["ideal_s"]
    is_kept = ratio <= MOST_TOTAL and found["p95_s"] < MOST_P95_S and found["max_s"] < MOST_LAG_S and found["is_same"]
    return (
        f"| {kind} | {found['total_s']:.2f} s | {ratio:.3f}x | {found['p95_s'] * 1000:.0f} ms "
        f"| {found['max_s'] * 1000:.0f} ms | {'the same' if found['is_same'] else '**another**'} "
        f"| {'kept' if is_kept else '**missed**'} |"
    )


def exchange(store: SessionStore, session_id: str, number: int, image: Image | None) -> None:
    """Put a message and its reply into a session."""
    text = f"Question {number}: what is near the {number % 7}th shape, and how would you describe it to somebody?"
    message = store.add_user_turn(session_id, user_turn(*([image] if image else []), Text(text)))
    reply = store.open_reply(message, CheckpointFacts("paced"), GenerationSettings())
    words = f"It is **{number % 11}** steps away from the star.\n\n- a red circle\n- a blue star number {number}"
    ids = tuple(range(1_000, 1_060))
    store.close_reply(reply, Reply(words, ids, StopReason.END_OF_UTTERANCE, 900, 800, None, 0.1, 1.4))


def write_sessions(database: Path) -> tuple[str, str]:
    """A session of 10 turns and one of 10,000 with 100 pictures, each picture another one."""
    with open_store(database) as store:
        small, large = store.new_session(), store.new_session()
        for number in range(5):
            exchange(store, small, number, _picture(number) if number == 4 else None)
        for number in range(EXCHANGES):
            is_shown = number % (EXCHANGES // PICTURES) == EXCHANGES // PICTURES - 1
            exchange(store, large, number, _picture(number) if is_shown else None)
    return small, large


def _picture(number: int) -> Image:
    colour = (number % 256, 80, number // 256 * 9)
    return read_image(encoded(PIL.Image.new("RGB", (200 + number % 50, 150), colour)), f"{number}.png")


def opening_rows(folder: Path, runs: int) -> str:
    """Lines of the table: a session of 10,000 turns beside one of 10."""
    database = folder / "sessions.db"
    small, large = write_sessions(database)
    found = child(folder, "open", str(database), small, large, str(runs))
    name = f"opening 10,000 turns with {PICTURES} pictures, beside 10 turns"
    ratio = Ratio(name, statistics.median(found["large_s"]), statistics.median(found["small_s"]), MOST_OPENING)
    verdict = "kept" if found["grown"] < MOST_GROWN else "**missed**"
    return (
        f"{HEADER}\n{ratio.row()}\n\nMemory grew by {found['grown'] / MIB:.0f} MiB, at most {MOST_GROWN // MIB}: "
        f"{verdict}. {found['mounted']} turns are mounted."
    )


def main() -> None:
    """Measure everything and print Markdown tables."""
    parser = argparse.ArgumentParser(description="Measure how quickly replies and long sessions are shown.")
    parser.add_argument("--runs", type=int, default=7, help="openings of each session")
    runs = parser.parse_args().runs
    print(f"{os.cpu_count()} cores, one kept busy; load before: {os.getloadavg()[0]:.1f}\n")
    print("| 2,000 tokens at 200/s | total | of ideal | lag, 95th percentile | lag, most | shown text | |")
    print("|---|---|---|---|---|---|---|", flush=True)
    # In memory where there is such a folder: 15,000 commits to a disk take minutes.
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as name:
        for kind in KINDS:
            print(stream_row(Path(name), kind), flush=True)
        print(f"\n{opening_rows(Path(name), runs)}", flush=True)


if __name__ == "__main__":
    main()
