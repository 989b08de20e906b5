"""Prints our listing and search beside those of `llm logs` over the same conversations.

`llm` is no dependency; it stands in an environment of its own:

    python -m venv /tmp/llm && /tmp/llm/bin/pip install llm
    python -m tests.benchmarks.llm_logs --llm /tmp/llm/bin [--ours VENV/bin] [--sessions N] [--db FILE] [--logs FILE]

The conversations are those of `tests.benchmarks.sessions`, written into a logs database by llm's own schema, ids and
hashes. Compared are commands with commands, which both have to start, and calls with calls, which need not; both give
pages of as many entries, and of a search the quickest of a few tries counts.

Commands are run as people run them, by the scripts that pip makes. `--ours` names the environment of ours, if not that
of whoever runs this; installed in an editable form or as a package, the program starts within a millisecond as fast.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Final

from chat.search import parse_query
from chat.store import open_store
from tests.benchmarks.many_sessions import COMMON, vocabulary, write_many
from tests.benchmarks.ratio import TRIES, milliseconds, seconds
from tests.benchmarks.terminal import ENVIRONMENT

COUNT: Final = 20
"""Entries of a page."""
AT_LEAST: Final = 10.0
"""So many times as fast is promised."""
CHILD: Final = Path(__file__).with_name("llm_child.py")
COMMANDS: Final = 5
"""How often each command is run."""


def words_by_kind(each: int) -> dict[str, list[str]]:
    """Whole words, which llm finds, too: those that stand nearly everywhere, those of every day, and rare ones."""
    draw, words = random.Random(4), vocabulary()
    whole = [word for word in words[len(COMMON) :] if len(word) > 3]
    return {
        "words that stand nearly everywhere": [word for word in COMMON if word.isascii()][:each],
        "common words": draw.sample(whole[:500], each),
        "rare words": draw.sample(whole[5000:], each),
        "two common words": [" ".join(draw.sample(whole[:500], 2)) for _ in range(each)],
    }


def row(what: str, ours_s: float, theirs_s: float, *, at_least: float | None = None) -> str:
    """A line of the table; without a promise, one to be read only."""
    ratio = theirs_s / ours_s
    verdict = "" if at_least is None else "kept" if ratio >= at_least else "**missed**"
    return f"| {what} | {milliseconds(ours_s)} | {milliseconds(theirs_s)} | {ratio:,.1f}x | {verdict} |"


def compare_calls(ours: Path, python: Path, logs: Path, each: int) -> None:
    """Print the calls' part of the table."""
    kinds = words_by_kind(each)
    queries = [query for kind in kinds.values() for query in kind]
    command = [str(python), str(CHILD), "time", str(logs), str(COUNT), str(TRIES)]
    done = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    with open_store(ours) as store:
        store.sessions(limit=COUNT)
        listed = [seconds(lambda: store.sessions(limit=COUNT)) for _ in range(20)]
        found = [
            min(seconds(lambda query=query: store.search(parse_query(query), limit=COUNT)) for _ in range(TRIES))  # type: ignore[misc]
            for query in queries
        ]
    print(row("call: the newest", median(listed), median(theirs["list"]), at_least=AT_LEAST))
    print(row("call: a search, mean of all", mean(found), mean(theirs["best"]), at_least=AT_LEAST))
    print(row("the same, llm's newest first as well", mean(found), mean(theirs["newest"])))
    start = 0
    for kind, words in kinds.items():
        part = slice(start, start + len(words))
        print(row(f"of these: {kind}", mean(found[part]), mean(theirs["best"][part])), flush=True)
        start += len(words)


def compare_commands(program: Path, ours: Path, llm: Path, logs: Path) -> None:
    """Print the commands' part of the table."""
    mine, other = [str(program), "sessions"], [str(llm), "logs", "list", "-d", str(logs), "--short"]
    end, theirs_end = ["--db", str(ours), "--limit", str(COUNT)], ["-n", str(COUNT)]
    kinds = words_by_kind(1)
    common, everywhere = kinds["common words"][0], kinds["words that stand nearly everywhere"][0]
    for what, ours_words, theirs_words in (
        ("`sessions list` beside `llm logs list`", ["list"], []),
        ("`sessions search` beside `llm logs list -q`, a common word", ["search", common], ["-q", common]),
        ("the same, a word that stands nearly everywhere", ["search", everywhere], ["-q", everywhere]),
    ):
        sides = [[*mine, *ours_words, *end], [*other, *theirs_words, *theirs_end]]
        times = [[seconds(lambda one=one: _run(one)) for one in sides] for _ in range(COMMANDS + 1)][1:]  # type: ignore[misc]
        print(row(what, *(median(side) for side in zip(*times, strict=True))), flush=True)


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT)


def main() -> None:
    """Write both databases, where they are not there, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Our sessions beside `llm logs`.")
    parser.add_argument("--llm", type=Path, required=True, help="the folder of its commands: VENV/bin")
    parser.add_argument(
        "--ours", type=Path, default=Path(sys.executable).parent, help="the folder of our own; by default this Python's"
    )
    parser.add_argument("--sessions", type=int, default=100_000, help="of ten turns each")
    parser.add_argument("--searches", type=int, default=10, help="of each of four kinds")
    parser.add_argument("--db", type=Path, help="written there, or used again")
    parser.add_argument("--logs", type=Path, help="of llm: written there, or used again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ours, logs = arguments.db or Path(name) / "many.db", arguments.logs or Path(name) / "logs.db"
        if not ours.exists():
            write_many(ours, arguments.sessions)
        python = arguments.llm / "python"
        if not logs.exists():
            _run([str(python), str(CHILD), "write", str(ours), str(logs)])
        version = subprocess.run([arguments.llm / "llm", "--version"], capture_output=True, text=True, check=True)
        print(f"{version.stdout.strip()}, pages of {COUNT}:\n")
        print("| what | ours | llm | times as fast | |\n|---|---|---|---|---|")
        compare_calls(ours, python, logs, arguments.searches)
        compare_commands(arguments.ours / "idefics-chat", ours, arguments.llm / "llm", logs)


if __name__ == "__main__":
    main()
