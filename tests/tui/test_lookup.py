"""The palette and the help: what can be done is found and done there."""

from collections.abc import Callable

import pytest

from chat.session import SessionStore
from chat.talk.commands import COMMANDS
from chat.tui.entries import command_entries, key_entries
from chat.tui.screens.attach import AttachScreen
from chat.tui.screens.help import HelpScreen, PaletteScreen
from chat.tui.screens.settings import SettingsDialog
from chat.tui.widgets.entry_list import EntryList
from tests.tui.doubles import Desk, ready, send, until, write

MakeDesk = Callable[..., Desk]


async def test_palette_and_help_have_every_command_and_key(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert [entry.typed for entry in command_entries(desk.screen)] == [command.usage for command in COMMANDS]
        keys = {entry.typed: entry.words for entry in key_entries(desk.app, desk.screen.active_bindings)}
        assert keys["ctrl+o"] == "Choose a picture to attach"
        assert keys["ctrl+q"].startswith("Leave")


async def test_the_palette_runs_a_key_and_a_command(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(100, 30)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(desk.app.screen, PaletteScreen) and "ctrl+o" in desk.shown())
        await pilot.press(*"generation")
        await until(pilot, lambda: "Choose a picture" not in desk.shown() and "ctrl+s" in desk.shown())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(desk.app.screen, SettingsDialog))
        await pilot.press("escape", "ctrl+p")
        await until(pilot, lambda: isinstance(desk.app.screen, PaletteScreen))
        await pilot.press(*"/stop")
        await until(pilot, lambda: "/stop" in desk.shown() and "Choose a picture" not in desk.shown())
        await pilot.press("enter")
        await until(pilot, lambda: desk.notice().endswith("There is nothing to stop."))


async def test_a_command_that_needs_words_is_put_before_what_is_written(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "What is this?")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen))
        await pilot.press(*"/each")
        await until(pilot, lambda: desk.app.screen.query_one(EntryList).highlighted is not None)
        await pilot.press("enter")
        await until(pilot, lambda: desk.text() == "/each What is this?")
        assert desk.app.screen is desk.screen


async def test_help_finds_by_words_and_runs_what_is_clicked(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 90)) as pilot:
        await ready(pilot, desk)
        await pilot.press("f1")
        await until(pilot, lambda: "First steps" in desk.shown())
        assert "esc back" in desk.shown()
        await pilot.press(*"picture", "space", *"attach")
        await until(pilot, lambda: "Choose a picture to attach" in desk.shown() and "First steps" not in desk.shown())
        assert "/quit" not in desk.shown()
        await pilot.press("escape")
        await until(pilot, lambda: "First steps" in desk.shown())
        await pilot.press(*"zzz")
        await until(pilot, lambda: "attach" not in desk.shown())
        await pilot.press("enter", "escape", *"choose", "space", *"a", "space", *"pic")
        await until(pilot, lambda: "Choose a picture to attach" in desk.shown())
        await pilot.click(EntryList, offset=(5, 1))
        await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen))


async def test_a_question_mark_on_a_turn_shows_what_can_be_done_with_it(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 90)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.said()) == 2 and desk.state().endswith("ready"))
        await pilot.press("up")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen) and "Go to the turn above" in desk.shown())


@pytest.mark.parametrize("size", [(80, 24), (20, 5), (200, 50)])
async def test_help_can_be_read_in_every_window(
    make_desk: MakeDesk, store: SessionStore, size: tuple[int, int]
) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=size) as pilot:
        await ready(pilot, desk)
        await pilot.press("f1")
        await until(pilot, lambda: "Here and now" in desk.shown())
        for other in ((20, 5), (200, 50), size):
            await pilot.resize_terminal(*other)
            await until(pilot, lambda: "Here and now" in desk.shown())
