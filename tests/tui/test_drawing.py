"""A reply is drawn so that keys need not wait for it."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from chat.tui import garbage
from chat.tui.widgets.growing_text import Pace, PiecedText
from chat.tui.widgets.reply_text import ReplyText
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until

MakeDesk = Callable[..., Desk]


async def test_words_of_one_line_are_drawn_without_laying_the_screen_out(make_desk: MakeDesk) -> None:
    model = HeldGenerator("one two three four five six")
    desk = make_desk(generator=model)
    layouts: list[Screen[object]] = []
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(1)
        await until(pilot, lambda: desk.said()[-1].startswith("one"))
        await pilot.pause(0.3)
        desk.screen.screen_layout_refresh_signal.subscribe(desk.screen, layouts.append)
        model.let(3)
        await until(pilot, lambda: desk.said()[-1].startswith("one two three four"))
        await pilot.pause(0.2)
        assert layouts == []
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        await until(pilot, lambda: layouts)


async def test_lines_that_come_too_fast_are_drawn_a_little_later(make_desk: MakeDesk) -> None:
    words = [f"word{number}" for number in range(120)]
    model = HeldGenerator(" ".join(words))
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        for part in range(1, 4):
            model.let(30)
            # No further word comes until these are seen.
            await until(pilot, lambda part=part: f"word{part * 30 - 2}" in desk.shown())  # type: ignore[misc]
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert desk.said()[-1] == " ".join(words)


async def test_a_reply_goes_on_while_somebody_types_without_a_pause(make_desk: MakeDesk) -> None:
    model = HeldGenerator("one two three four five six")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        for count, word in enumerate(("one", "two", "three"), 1):
            model.let(1)
            end = time.monotonic() + 5
            while word not in desk.said()[-1] and time.monotonic() < end:
                await pilot.press("x")
                await asyncio.sleep(0.02)
            assert desk.said()[-1].count(" ") >= count - 1
            assert word in desk.said()[-1]
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))


class Cycle:
    """Something that only a look for garbage finds to be garbage."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_made_while_garbage_is_not_looked_for_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "gc", gc)
    gc.unfreeze()
    with garbage.paused():
        assert not gc.isenabled()
        made = Cycle()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert all(one is not made for one in gc.get_objects())
    garbage.release()


async def test_what_is_made_during_a_reply_is_looked_over_for_garbage_at_rest(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.screens.following.REST_S", 0.1)
    monkeypatch.setattr(garbage, "gc", gc)
    model = HeldGenerator("one two three four five six")
    desk = make_desk(generator=model)
    gc.unfreeze()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(1)
        await until(pilot, lambda: desk.said()[-1].startswith("one"))
        gc.disable()
        made = weakref.ref(Cycle())
        set_aside = gc.get_freeze_count()
        await pilot.pause(0.3)
        gc.enable()
        gc.collect()
        assert gc.get_freeze_count() >= set_aside > 1000
        assert made() is not None
        model.free()
        await until(pilot, lambda: made() is None)
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0


async def test_a_further_block_leaves_the_styles_of_those_before_as_they_are(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled: list[object] = []
    apply = Stylesheet.apply

    def noting(sheet: Stylesheet, node: DOMNode, **options: Any) -> None:
        styled.append(node)
        apply(sheet, node, **options)

    model = HeldGenerator("one two\n\nthree four\n\nfive six\n\nseven eight")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(2)
        await until(pilot, lambda: len(_blocks(desk)) == 2)
        await pilot.pause(0.3)
        monkeypatch.setattr(Stylesheet, "apply", noting)
        model.let(1)
        await until(pilot, lambda: len(_blocks(desk)) == 3)
        await pilot.pause(0.3)
        first, second, _ = _blocks(desk)
        assert second in styled
        assert first not in styled
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert [block.region.y - _blocks(desk)[0].region.y for block in _blocks(desk)] == [0, 2, 4, 6]


async def test_a_layout_after_a_scroll_is_made_once(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []
    arrange = Compositor._arrange_root

    def noting(compositor: Compositor, root: Widget, size: Size, visible_only: bool = True) -> Any:
        made.append(visible_only)
        return arrange(compositor, root, size, visible_only=visible_only)

    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        await pilot.pause(0.3)
        monkeypatch.setattr(Compositor, "_arrange_root", noting)
        desk.screen._refresh_layout(scroll=True)
        desk.screen._refresh_layout()
        assert all(view.region for view in desk.screen.log_view.said_turns)
        assert made == [True, False]


def _blocks(desk: Desk) -> list[Widget]:
    return [block for reply in desk.screen.query(ReplyText) for block in reply.children]


async def test_words_that_come_before_their_place_wait_for_it(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        assert not log.stream_reply("Two", calmly=False)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        assert not log.stream_reply("Two", calmly=False)
        await log.begin_reply()
        await until(pilot, lambda: log.stream_reply("Two", calmly=False))


class _Turning(Pace):
    """May take lines at every other look."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = cycle([False, True])

    def allows(self, *, calmly: bool) -> bool:
        return next(self._looks)


class _Growing(App[None]):
    def compose(self) -> ComposeResult:
        yield PiecedText(pace=_Turning())


async def test_a_long_text_takes_lines_by_settling() -> None:
    app = _Growing()
    async with app.run_test(size=(80, 200)) as pilot:
        await pilot.pause()
        text = app.query_one(PiecedText)
        for drawn in (False, True, False, True):
            text.append("a line of a long text\n" * 70)
            assert text.draw(calmly=False) is drawn
            await pilot.pause()
        assert [len(str(piece.visual).split("\n")) for piece in app.query(Static)] == [139, 140, 1]


async def test_a_text_without_a_place_waits() -> None:
    text = PiecedText(pace=Pace())
    text.append("Two cats")
    assert not text.draw(calmly=False)


async def test_a_text_without_a_width_waits() -> None:
    app = _Growing()
    async with app.run_test(size=(80, 20)) as pilot:
        text = app.query_one(PiecedText)
        text.styles.width = 0
        await pilot.pause()
        text.append("Two cats")
        assert not text.draw(calmly=False)
        assert not text.draw(calmly=False)
