"""Prints how many turns a second go into files and come out of them: `python -m tests.benchmarks.files`.

The commands themselves, from the arguments to the last file on the disk.
"""

import argparse
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Final

from chat.cli.app import run
from chat.store import open_store
from tests.benchmarks.many_sessions import write_many
from tests.benchmarks.ratio import seconds

TURNS: Final = 10
"""Of a session."""
AT_LEAST: Final = 2_000
"""Turns a second that are promised."""


def quietly(*arguments: object) -> None:
    """Run a command of `sessions`, whose words nobody reads."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(["sessions", *map(str, arguments)])
    if code:
        raise RuntimeError(f"{arguments[0]} ended with {code}")


def row(what: str, turns: int, taken_s: float) -> str:
    """A line of the table."""
    rate = turns / taken_s
    return f"| {what} | {taken_s:.1f} s | {rate:,.0f} | {AT_LEAST:,} | {'kept' if rate >= AT_LEAST else '**missed**'} |"


def measure(folder: Path, sessions: int) -> None:
    """Export a store that is written into a folder, import all of that into an empty one, and print a row of each."""
    database, again, files = folder / "many.db", folder / "again.db", folder / "files"
    write_many(database, sessions, TURNS, has_pictures=False)
    open_store(again).close()
    turns = sessions * TURNS
    export = ["export", "--all", "--format", "json", "-o", files, "--db", database]
    print(row("export as JSON, a file for each session", turns, seconds(lambda: quietly(*export))), flush=True)
    print(row("import of these", turns, seconds(lambda: quietly("import", files, "--db", again))))
    with open_store(again) as store:
        kept = sum(summary.turn_count for summary in store.sessions(limit=sessions + 1))
    if kept != turns:
        raise RuntimeError(f"{kept:,} turns came back of {turns:,}")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure export and import without pictures.")
    parser.add_argument("--sessions", type=int, default=2_000, help="of ten turns each")
    with tempfile.TemporaryDirectory() as name:
        print("| what | took | turns/s | at least | |\n|---|---|---|---|---|")
        measure(Path(name), parser.parse_args().sessions)


if __name__ == "__main__":
    main()
