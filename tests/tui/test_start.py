"""What starting costs: nothing heavy is imported, and nothing is opened before the first frame."""

import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
from textual._compositor import ReflowResult
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.geometry import Size
from textual.widget import Widget

from chat.session import SessionStore
from chat.store import open_store
from chat.tui.app import ChatApp
from chat.tui.compositor import OnceCompositor
from tests.tui.doubles import Desk, ready

HEAVY = ("torch", "transformers", "sqlite3", "sqlite_utils", "PIL", "textual_image", "markdown_it", "numpy")


@pytest.mark.parametrize("module", ["chat.tui", "chat.tui.app"])
def test_importing_the_ui_is_cheap(module: str) -> None:
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)


def test_what_draws_a_conversation_is_imported_after_the_first_frame() -> None:
    code = "import chat.tui.app, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    later = {
        "chat.config_keys",
        "chat.config_reading",
        "chat.records",
        "chat.search",
        "chat.session",
        "chat.summaries",
        "chat.talk.blocks",
        "chat.talk.open_session",
        "chat.tui.keys",
        "chat.tui.widgets.log",
        "chat.tui.widgets.turn",
        "json",
        "textual.widgets._footer",
    }
    assert not later & set(loaded)


async def test_on_the_way_to_the_first_frame_only_the_focus_has_anything_styled_once_more(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    update_nodes, reflow = Stylesheet.update_nodes, OnceCompositor.reflow

    def update(self: Stylesheet, nodes: Iterable[DOMNode], animate: bool = False) -> None:
        listed = list(nodes)
        events.extend(type(node).__name__ for node in listed)
        update_nodes(self, listed, animate)

    def lay_out(self: OnceCompositor, parent: Widget, size: Size) -> ReflowResult:
        events.append("laid out")
        return reflow(self, parent, size)

    monkeypatch.setattr(Stylesheet, "update_nodes", update)
    monkeypatch.setattr(OnceCompositor, "reflow", lay_out)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
    assert sorted(events[: events.index("laid out")]) == ["Composer", "MessageInput"]


async def test_the_first_frame_comes_before_the_store(make_desk: Callable[..., Desk], store: SessionStore) -> None:
    shown: list[str] = []

    def look_and_open() -> SessionStore:
        shown.append(desk.shown())
        return open_store(store._database.path)  # type: ignore[attr-defined]

    desk = make_desk(open_store=look_and_open)
    async with desk.app.run_test() as pilot:
        await pilot.pause()
    assert "New conversation" in shown[0]
    assert "enter send" in shown[0]


async def test_keys_that_come_before_the_store_do_no_harm(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = ChatApp._begin

    async def begin_later(_: ChatApp) -> None:
        pass

    monkeypatch.setattr(ChatApp, "_begin", begin_later)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        for key in ("up", "ctrl+home", "ctrl+r", "ctrl+n", "escape"):
            await pilot.press(key)
        desk.app.call_later(begin, desk.app)
        await ready(pilot, desk)
        assert desk.app.screen is desk.screen
