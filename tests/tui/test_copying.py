"""What was said in the clipboard: turns, code and selections."""

from collections.abc import Callable

import pytest

from chat.generation import GenerationSettings
from chat.tui.widgets.code_block import CopySign
from chat.tui.widgets.flow import FlowText
from chat.tui.widgets.turn import UserTurn
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until

MakeDesk = Callable[..., Desk]
REPLY = "Use **this**:\n\n```python\nx = 1\n```\n\nor\n\n```\ny\n```\n\nor\n\n```js\nz = '\x1b[0m'\n```"


async def test_turns_are_copied_as_they_were_written(make_desk: MakeDesk) -> None:
    desk = make_desk(REPLY)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "How *so*?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(desk.turns()) == 2)
        await pilot.press("up", "c")
        assert desk.app.clipboard == REPLY
        assert desk.notice() == f"reply copied · {len(REPLY)} characters"
        await pilot.press("up", "c")
        assert desk.app.clipboard == "How *so*?"
        assert "message copied" in desk.notice()


async def test_code_is_copied_block_after_block(make_desk: MakeDesk) -> None:
    desk = make_desk(REPLY)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "How?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(desk.turns()) == 2)
        await pilot.press("up")
        for code, said in [
            ("x = 1", "code block 1 of 3 copied · python"),
            ("y", "code block 2 of 3 copied · 1"),
            ("z = '\x1b[0m'", "code block 3 of 3 copied · js"),
            ("x = 1", "code block 1 of 3 copied · python"),
        ]:
            await pilot.press("y")
            assert desk.app.clipboard == code
            assert desk.notice().startswith(said)
        await pilot.press("up", "y")
        assert "There is no code block in this turn." in desk.notice()


async def test_the_last_reply_and_its_code_are_a_command_away(make_desk: MakeDesk) -> None:
    desk = make_desk(REPLY)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/copy")
        assert "There is no reply to copy yet." in desk.notice()
        assert desk.text() == "/copy"
        await pilot.press("ctrl+u")
        await send(pilot, desk, "How?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(desk.turns()) == 2)
        await send(pilot, desk, "/copy")
        assert desk.app.clipboard == REPLY
        await send(pilot, desk, "/copy code")
        assert desk.app.clipboard == "x = 1"
        await send(pilot, desk, "/copy all")
        assert "/copy copies the last reply" in desk.notice()


async def test_a_reply_is_copied_as_far_as_it_was_written(make_desk: MakeDesk) -> None:
    model = HeldGenerator("One two three")
    desk = make_desk(generator=model, settings=GenerationSettings())
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count")
        model.let(2)
        await until(pilot, lambda: desk.screen.session.reply_text == "One two ")
        await send(pilot, desk, "/copy")
        assert desk.app.clipboard == "One two "
        model.free()


async def test_a_click_copies_the_code_below_it(make_desk: MakeDesk) -> None:
    desk = make_desk(REPLY)
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "How?")
        await until(pilot, lambda: len(desk.screen.query(CopySign)) == 3 and desk.state().endswith("ready"))
        await pilot.click(desk.screen.query(CopySign).first())
        assert desk.app.clipboard == "x = 1"
        assert desk.notice() == "code block copied · python · 5 characters"


@pytest.mark.parametrize("is_whole", [True, False])
async def test_dragging_selects_text_and_ctrl_c_copies_it(make_desk: MakeDesk, is_whole: bool) -> None:
    desk = make_desk("- one **two** three\n- four")
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count up")
        await until(pilot, lambda: desk.screen.query(FlowText) and desk.state().endswith("ready"))
        begin = desk.screen.query_one(UserTurn).query_one(".said") if is_whole else desk.screen.query_one(FlowText)
        await pilot.mouse_down(begin, offset=(6, 0))
        await pilot.hover(FlowText, offset=(6, 1))
        await pilot.mouse_up(FlowText, offset=(6, 1))
        await pilot.press("ctrl+c")
        expected = "up\n• one two three\n• four" if is_whole else "two three\n• four"
        assert desk.app.clipboard == expected
        assert desk.notice().startswith("selection copied")
