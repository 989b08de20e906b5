"""A reply is drawn so that keys need not wait for it."""

import asyncio
import time
from collections.abc import Callable

from textual.content import Content
from textual.screen import Screen

from chat.tui.widgets.growing_text import GrowingText
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


async def test_a_text_without_a_width_waits() -> None:
    assert not GrowingText(Content("Two")).grow(Content("Two cats"))
