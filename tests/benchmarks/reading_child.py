"""Runs the whole program in its terminal and writes down how quickly it shows things: `WHAT ARGUMENT FILE`.

`stream` takes a kind of text and has it written at a steady pace; `open` takes a database and opens its sessions.
"""

import asyncio
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from chat.drafts import Draft
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.store import open_store
from chat.tui.app import ChatApp
from chat.tui.widgets.reply_text import ReplyText
from tests.benchmarks.reading_texts import tokens_of
from tests.tui.doubles import shown_text

TOKENS_PER_S: Final = 200
LOOK_S: Final = 0.005
"""Seconds between two looks at the event loop's clock."""
FACTS: Final = CheckpointFacts("paced", context_length=100_000)


class PacedGenerator(ScriptedGenerator):
    """Says tokens at a steady pace, whatever else the process does."""

    def __init__(self, tokens: list[str]) -> None:
        super().__init__([], facts=FACTS)
        self._tokens = tokens
        self.began = 0.0

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """Say the tokens, each at its time."""
        self.began = time.perf_counter()
        for place, token in enumerate(self._tokens, start=1):
            time.sleep(max(0.0, self.began + place / TOKENS_PER_S - time.perf_counter()))
            yield Chunk(token, place)
        ids = tuple(range(1, len(self._tokens) + 1))
        total = time.perf_counter() - self.began
        yield Reply("".join(self._tokens), ids, StopReason.END_OF_UTTERANCE, 1, 0, None, 0.0, total)


async def lags(into: list[float]) -> None:
    """Note how much later than asked for the event loop comes back, over and over."""
    while True:
        asked = time.perf_counter() + LOOK_S
        await asyncio.sleep(LOOK_S)
        into.append(max(0.0, time.perf_counter() - asked))


async def until(is_so: Callable[[], object]) -> None:
    """Wait for a condition."""
    while not is_so():
        await asyncio.sleep(0.002)


async def measure_stream(app: ChatApp, model: PacedGenerator, tokens: list[str]) -> dict[str, Any]:
    """Have a reply written and measure how it is shown."""
    chat = app.chat
    await until(lambda: chat.facts is not None and chat._session is not None)
    found: list[float] = []
    watch = asyncio.create_task(lags(found))
    await until(lambda: len(found) > 100)
    found.clear()
    await chat.submit(Draft("Go on"))
    await until(lambda: len(chat.session.turns) == 2 and chat.log_view.said_turns[-1].stored is not None)
    # The text that was growing is gone when the last block is in its place.
    await until(lambda: not chat.query("ReplyText > PiecedText"))
    total = time.perf_counter() - model.began
    watch.cancel()
    stored = chat.session.turns[-1].turn.text
    found.sort()
    return {
        "total_s": total,
        "ideal_s": len(tokens) / TOKENS_PER_S,
        "p95_s": found[int(len(found) * 0.95)],
        "max_s": found[-1],
        "is_same": shown_text(chat.query(ReplyText).last()) == stored == "".join(tokens),
    }


async def measure_opening(app: ChatApp, small: str, large: str, runs: int) -> dict[str, Any]:
    """Open a small and a large session by turns."""
    chat = app.chat
    await until(lambda: chat.facts is not None and chat._session is not None)
    times: dict[str, list[float]] = {small: [], large: []}
    await _opened(app, small)
    before = _resident()
    await _opened(app, large)
    grown = _resident() - before
    for _ in range(runs):
        for session_id in (small, large):
            times[session_id].append(await _opened(app, session_id))
    mounted = len(chat.query("TurnView"))
    return {"small_s": times[small], "large_s": times[large], "grown": grown, "mounted": mounted}


async def _opened(app: ChatApp, session_id: str) -> float:
    chat = app.chat
    # What the session before still has to do is not this one's.
    await asyncio.sleep(0.5)
    started = time.perf_counter()
    await chat.change_session(session_id)
    is_shown = asyncio.Event()
    chat.call_after_refresh(is_shown.set)
    await is_shown.wait()
    return time.perf_counter() - started


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def run(model: ScriptedGenerator, database: Path, measure: Callable[[ChatApp], Awaitable[Any]]) -> Any:
    """Run the program and measure something in it."""
    app = ChatApp(
        open_store=lambda: open_store(database),
        load=lambda progress, stop: model,
        checkpoint="paced",
        is_demonstration=False,
        settings=GenerationSettings(max_new_tokens=50_000),
    )

    async def work() -> Any:
        try:
            return await measure(app)
        finally:
            app.exit()

    task: asyncio.Task[Any] | None = None

    def begin() -> None:
        nonlocal task
        task = asyncio.create_task(work())

    app.call_later(begin)
    await app.run_async()
    return await task if task is not None else None


def main() -> None:
    """Measure what the arguments ask for."""
    what, argument, file, *more = sys.argv[1:]
    if what == "stream":
        tokens = tokens_of(argument)
        model = PacedGenerator(tokens)
        with tempfile.TemporaryDirectory() as name:
            found = asyncio.run(run(model, Path(name) / "x.db", lambda app: measure_stream(app, model, tokens)))
    else:
        small, large, runs = more
        database = Path(argument)
        model = PacedGenerator([])
        found = asyncio.run(run(model, database, lambda app: measure_opening(app, small, large, int(runs))))
    Path(file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
