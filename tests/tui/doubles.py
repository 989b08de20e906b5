"""A generator and a loader that a test leads by the hand, and what tests look at."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from textual.app import App
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Static

from chat.conversation import Image
from chat.errors import ChatError, CheckpointError, StoreBusyError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, Score, TextGenerator
from chat.images import open_image
from chat.loading import Loader, LoadProgress
from chat.prompt import Prompt, Said, Words
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import open_store
from chat.tui.app import ChatApp
from chat.tui.screens.chat import ChatScreen
from chat.tui.widgets.code_block import CodeBlock
from chat.tui.widgets.message_input import MessageInput
from chat.tui.widgets.picture import PictureView
from chat.tui.widgets.reply_text import ReplyText

FACTS = CheckpointFacts("shapes", context_length=1024)


class CountingGenerator(ScriptedGenerator):
    """Counts a picture as IDEFICS does: itself and the fences around it, a token each."""

    def count_tokens(self, prompt: Prompt) -> int:
        return sum(len(segment.text.split()) if isinstance(segment, Words | Said) else 1 for segment in prompt.segments)


class HeldGenerator(ScriptedGenerator):
    """Says the next word when it is let."""

    def __init__(self, *replies: str | Exception, facts: CheckpointFacts = FACTS) -> None:
        super().__init__(replies, facts=facts)
        self._words = threading.Semaphore(0)
        self.is_free = False

    def let(self, words: int = 1) -> None:
        """Let it say some words."""
        self._words.release(words)

    def free(self) -> None:
        """Let it say everything."""
        self.is_free = True
        self._words.release()

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        for piece in super().generate(prompt, settings, stop):
            while isinstance(piece, Chunk) and not self.is_free and not stop.is_set():
                if self._words.acquire(timeout=0.01):
                    break
            yield piece


class RankingGenerator(HeldGenerator):
    """Ranks labels when it is let, and says at once what it replies; the shorter a label, the likelier."""

    def __init__(self, *replies: str | Exception, failure: Exception | None = None) -> None:
        super().__init__(*replies)
        self.free()
        self.gate = threading.Event()
        self._failure = failure

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        while not self.gate.wait(0.005):
            if stop.is_set():
                return None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return super().score(prompt, texts, stop)


class HeldLoader:
    """Loads when it is let; stops when it is told."""

    def __init__(self, generator: TextGenerator, *failures: ChatError) -> None:
        self.gate = threading.Event()
        self._generator = generator
        self._failures = list(failures)
        self.calls = 0

    def __call__(self, progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        self.calls += 1
        progress(LoadProgress("3 of 4 files", 0.62))
        while not self.gate.wait(0.005):
            if stop.is_set():
                raise CheckpointError("cancelled")
        if self._failures:
            raise self._failures.pop(0)
        return self._generator


class Gates:
    """Lets each picture be read when its file's name is said."""

    def __init__(self) -> None:
        self._gates: dict[str, threading.Event] = {}

    def __call__(self, path: Path) -> Image:
        self._gate(path.name).wait(10)
        return open_image(path)

    def let(self, name: str) -> None:
        """Let this picture be read."""
        self._gate(name).set()

    def _gate(self, name: str) -> threading.Event:
        return self._gates.setdefault(name, threading.Event())


def busy(*_: object) -> None:
    """What a store does while another program holds its file."""
    raise StoreBusyError("it is locked")


def load(generator: TextGenerator) -> Loader:
    """Loads at once."""
    return lambda progress, stop: generator


class Desk:
    """An app on a real store, and ways to look at both."""

    def __init__(self, app: ChatApp, store: SessionStore) -> None:
        self.app = app
        self.store = store

    @property
    def screen(self) -> ChatScreen:
        """The conversation."""
        return self.app.chat

    def shown(self) -> str:
        """Every text of the screen in view, as somebody reads it."""
        lines = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)

    def said(self) -> list[str]:
        """The texts of the turns, whether in view or not."""
        return [str(static.visual) for static in self.screen.log_view.query(".said").results(Static)]

    def notice(self) -> str:
        """The line above the composer."""
        notice = self.screen.query_one("Notice", Static)
        return str(notice.visual) if notice.display else ""

    def state(self) -> str:
        """The left of the status row."""
        return "".join(str(state.visual) for state in self.screen.query("#state").results(Static))

    def text(self) -> str:
        """The message being written."""
        return self.screen.query_one(MessageInput).text

    def turns(self) -> list[tuple[str, str]]:
        """What the store holds of the newest session: roles and texts."""
        latest = self.store.latest_session()
        return [(turn.turn.role, turn.turn.text) for turn in self.store.turns(latest.id)] if latest else []


def shown_text(reply: ReplyText) -> str:
    """What a reply shows, from the widgets that show it; code between fences."""
    blocks = []
    for block in reply.children:
        statics = [block] if isinstance(block, Static) else list(block.query(Static))
        texts = [str(static.visual) for static in statics]
        blocks.append(
            "\n".join([f"```{block.language}", *texts[2:], "```"]) if isinstance(block, CodeBlock) else "\n".join(texts)
        )
    return "\n\n".join(blocks)


def press_at_once(app: App[ChatError], *keys: str) -> None:
    """Press keys that arrive together, as those of somebody fast do over a slow line."""
    for key in keys:
        is_character = len(key) == 1
        app.post_message(Key(_character_to_key(key) if is_character else key, key if is_character else None))


async def until(pilot: Pilot[ChatError], is_so: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition; fail when it does not come, however busy the machine may be."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come: {is_so}")
        await asyncio.sleep(0.003)
    await pilot.pause()


async def ready(pilot: Pilot[ChatError], desk: Desk) -> None:
    """Wait for store and model."""
    await until(pilot, lambda: desk.screen.facts is not None and desk.screen._session is not None)


async def write(pilot: Pilot[ChatError], desk: Desk, text: str) -> None:
    """Put text into the composer as a paste would."""
    desk.screen.composer.insert(text)
    await pilot.pause()


async def send(pilot: Pilot[ChatError], desk: Desk, text: str) -> None:
    """Write a message and send it."""
    await write(pilot, desk, text)
    await pilot.press("enter")
    await pilot.pause()


def saved(image: Image, folder: Path, name: str) -> Path:
    """The picture as a file."""
    path = folder / name
    path.write_bytes(image.read())
    return path


def opened(path: Path) -> SessionStore:
    """A store to look into while, or after, an app uses it."""
    return open_store(path)


async def workers_done(pilot: Pilot[ChatError]) -> None:
    """Wait for all work beside the UI but counts of the context, of which a later one cancels an earlier one."""
    await pilot.app.workers.wait_for_complete([worker for worker in pilot.app.workers if worker.group != "context"])


async def drawn(pilot: Pilot[ChatError], desk: Desk) -> None:
    """Wait until every picture in view is drawn and the context is counted."""
    await workers_done(pilot)
    screen = desk.screen
    area = screen.log_view.region if screen.log_view.region else screen.region
    await until(
        pilot, lambda: all(view._lines for view in screen.query(PictureView) if area.intersection(view.region).area)
    )
    await until(pilot, lambda: str(desk.screen.query_one("#meter").visual))  # type: ignore[attr-defined]
    await at_rest(pilot, desk)


async def at_rest(pilot: Pilot[ChatError], desk: Desk) -> None:
    """Wait until nothing on the screen changes any more: what is drawn late may have had to wait for a processor."""
    before, same, end = "", 0, time.monotonic() + 30
    while same < 3:
        if time.monotonic() > end:
            raise AssertionError("the screen does not come to rest")
        await workers_done(pilot)
        await pilot.pause(0.1)
        shown = desk.shown()
        in_view = desk.app.screen._compositor.visible_widgets.items()
        is_drawn = all(
            view._lines for view, (region, clip) in in_view if isinstance(view, PictureView) and region.overlaps(clip)
        )
        before, same = shown, same + 1 if shown == before and is_drawn else 0
