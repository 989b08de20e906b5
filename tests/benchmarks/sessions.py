"""Prints what a store of many sessions costs: `python -m tests.benchmarks.sessions [--sessions N] [--db FILE]`."""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chat.conversation import user_turn
from chat.generation import CheckpointFacts, Chunk, GenerationSettings
from chat.search import parse_query
from chat.store import SqliteStore, open_store
from chat.talk.kept_reply import KeptReply
from chat.talk.saving import ReplySaver
from tests.benchmarks.__main__ import COMMAND, EMPTY_APP
from tests.benchmarks.many_sessions import COMMON, vocabulary, write_many
from tests.benchmarks.ratio import HEADER, Ratio, compare, milliseconds, seconds
from tests.benchmarks.terminal import first_frame_s

SEARCHES = 300
"""Different words that are looked for."""
OPENED = 100
"""Sessions that are opened."""
PIECES = 1_000
"""Of a reply that is saved while it is streamed."""


def first_frame_ratio(database: Path, runs: int) -> Ratio:
    """The first frame over that store beside an empty Textual app's."""
    return compare(
        "first frame with all these sessions, beside an empty Textual app's",
        lambda: first_frame_s([COMMAND, "--db", str(database)], {}),
        lambda: first_frame_s([sys.executable, "-c", EMPTY_APP], {}),
        limit=1.5,
        runs=runs,
    )


def typed_words() -> list[str]:
    """What people may type: common words and rare ones, parts of words, several at once, and words that are nowhere."""
    draw, words = random.Random(3), vocabulary()
    makers: list[Callable[[], str]] = [
        lambda: draw.choice(words[: len(COMMON)]),
        lambda: draw.choice(words),
        lambda: draw.choice(words)[:3],
        lambda: draw.choice(words[:100])[:1],
        lambda: f"{draw.choice(words[:50])} {draw.choice(words[:2000])}",
        lambda: draw.choice(words) + draw.choice(words),
    ]
    return [makers[number % len(makers)]() for number in range(SEARCHES)]


def search_times(store: SqliteStore) -> list[float]:
    """Seconds for each search, with the snippets of a page."""
    queries = [parse_query(words) for words in typed_words()]
    return [seconds(lambda query=query: store.search(query)) for query in queries]  # type: ignore[misc]


def opening_times(store: SqliteStore, count: int) -> list[float]:
    """Seconds to read each of some sessions spread over all."""
    ids = [store.sessions(limit=1, offset=place)[0].id for place in range(0, count, max(1, count // OPENED))]
    return [seconds(lambda one=one: store.turns(one)) for one in ids]  # type: ignore[misc]


def saving_times(store: SqliteStore) -> list[float]:
    """Seconds for each commit of a reply of 2,000 tokens as it grows."""
    message = store.add_user_turn(store.new_session(title="benchmark"), user_turn("How is it?"))
    turn_id = store.open_reply(message, CheckpointFacts("shapes"), GenerationSettings())
    texts = ["word " * length for length in range(100, 2_001, 100)]
    return [seconds(lambda text=text: store.save_reply(turn_id, text, [1] * (len(text) // 5))) for text in texts]  # type: ignore[misc]


def handing_times(store: SqliteStore) -> list[float]:
    """Seconds that the UI's thread spends on each piece of a reply at 200 tokens a second, while another saves it."""
    message = store.add_user_turn(store.new_session(title="benchmark"), user_turn("How is it?"))
    reply = KeptReply(message, CheckpointFacts("shapes"), GenerationSettings())
    reply.save(store)
    problems: list[str] = []
    saver = ReplySaver(store.open_again, reply.turn_id, problems.append)

    def hand(number: int) -> None:
        reply.add(Chunk("word ", number))
        saver.take(reply.text, reply.token_ids)

    times = []
    for number in range(PIECES):
        times.append(seconds(lambda number=number: hand(number)))  # type: ignore[misc]
        time.sleep(0.005)
    saver.stop()
    if problems:
        raise RuntimeError(problems[0])
    return times


def row(what: str, times: Sequence[float]) -> str:
    """A line of the table: median and 99th percentile."""
    worst = statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]
    return f"| {what} | {milliseconds(statistics.median(times))} | {milliseconds(worst)} |"


def main() -> None:
    """Write the store, if it is not there, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description="Measure a store of many sessions.")
    parser.add_argument("--sessions", type=int, default=100_000, help="of ten turns each")
    parser.add_argument("--db", type=Path, help="written there, or used again")
    parser.add_argument("--runs", type=int, default=10, help="runs of each side of the ratio")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        database = arguments.db or Path(name) / "many.db"
        if not database.exists():
            started = time.perf_counter()
            write_many(database, arguments.sessions)
            size = database.stat().st_size / 1e6
            print(f"{arguments.sessions:,} sessions written in {time.perf_counter() - started:.0f} s: {size:,.0f} MB\n")
        print("| what | median | 99th percentile |\n|---|---|---|")
        with open_store(database) as store:
            print(row("first page of the list", [seconds(lambda: store.sessions(limit=200)) for _ in range(50)]))
            print(row("a search, with snippets", search_times(store)), flush=True)
            print(row("opening a session", opening_times(store, arguments.sessions)))
            print(row("a commit of a reply as it grows", saving_times(store)))
            print(row("what the UI's thread does for one piece of it", handing_times(store)), flush=True)
        print(f"\n{HEADER}\n{first_frame_ratio(database, arguments.runs).row()}")


if __name__ == "__main__":
    main()
