"""Slash commands, and the texts that are none."""

from collections.abc import Callable

import pytest

from chat.conversation import Image
from chat.drafts import Draft
from chat.session import SessionStore
from chat.talk import commands
from chat.talk.commands import COMMANDS, Call, completions, no_command, parse
from chat.tui.screens.help import HelpScreen
from chat.tui.widgets.command_list import CommandList
from tests.tui.doubles import Desk, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("/new", Call("new")),
        ("/NEW ", Call("new")),
        ("/system  Be brief.\nVery. ", Call("system", "Be brief.\nVery.")),
        ("/image /home/me/x y.png", Call("image", "/home/me/x y.png")),
        ("/nosuch", Call("nosuch")),
        (" /new", None),
        ("/home/me/x.png", None),
        ("/x.png", None),
        ("/", None),
        ("1/2", None),
        ("what is /new?", None),
        ("/new\nline", None),
    ],
)
def test_what_is_a_command(text: str, call: Call | None) -> None:
    assert parse(text) == call


def test_completions_are_those_that_begin_so() -> None:
    assert completions("/") == COMMANDS
    assert [command.name for command in completions("/s")] == ["sessions", "search", "system", "stop", "story"]
    assert completions("/image ") == completions("/home/x") == completions("") == completions(" /") == ()


async def test_an_unknown_command_says_so_and_stays(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/nosuch thing")
        await until(pilot, lambda: "There is no command /nosuch" in desk.notice())
        assert desk.text() == "/nosuch thing"
    assert desk.turns() == []


async def test_what_is_typed_behind_a_refused_command_takes_its_place(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for refused in ("/tree", "/help me", "/continue"):
            await send(pilot, desk, refused)
            await until(pilot, lambda said=refused: desk.text() == said and desk.notice())  # type: ignore[misc]
            if refused == "/tree":
                assert "did you mean /branch?" in desk.notice()
        await pilot.press(*"Hello")
        assert desk.text() == "Hello"
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[0] == ("user", "Hello")


@pytest.mark.parametrize(
    ("typed", "meant"), [("exprot", "export"), ("retry", "regenerate"), ("imag", "image"), ("model", "checkpoint")]
)
def test_a_command_that_is_none_tells_which_may_be_meant(typed: str, meant: str) -> None:
    assert no_command(typed) == f"There is no command /{typed}, did you mean /{meant}? /help lists them"


def test_what_names_stand_for_are_commands() -> None:
    assert no_command("zzzz") == "There is no command /zzzz: /help lists them"
    assert {command.name for command in COMMANDS}.issuperset(commands._MEANT.values())
    assert not {command.name for command in COMMANDS} & commands._MEANT.keys()


async def test_a_space_in_front_sends_a_command_as_text(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, " /new")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[0][1] == " /new"


async def test_the_list_opens_completes_and_runs(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("slash", "s")
        commands = desk.screen.query_one(CommandList)
        await until(pilot, lambda: commands.display)
        await pilot.press("down", "down", "tab")
        await until(pilot, lambda: desk.text() == "/system ")
        assert not commands.display
        desk.screen.composer._input.text = "/he"
        await until(pilot, lambda: commands.display)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen))
        assert desk.text() == ""


@pytest.mark.parametrize("columns", [80, 120])
async def test_every_command_stands_apart_from_what_it_does_in_one_line(make_desk: MakeDesk, columns: int) -> None:
    rows = [f"{command.usage:<21}{command.description}" for command in COMMANDS]
    desk = make_desk()
    async with desk.app.run_test(size=(columns, 100)) as pilot:
        await ready(pilot, desk)
        for row, command in zip(rows, COMMANDS, strict=True):
            desk.screen.composer._input.text = f"/{command.name}"
            await until(pilot, lambda row=row: row in desk.shown())  # type: ignore[misc]
        await pilot.press("f1")
        await until(pilot, lambda: rows[-1] in desk.shown())
        assert [row for row in rows if row not in desk.shown()] == []


async def test_what_does_not_fit_in_the_help_goes_on_in_its_own_column(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(60, 60)) as pilot:
        await ready(pilot, desk)
        await pilot.press("f1")
        await until(pilot, lambda: "/image PATH" in desk.shown())
        lines = desk.shown().splitlines()
        row = next(number for number, line in enumerate(lines) if "/system TEXT" in line)
        assert lines[row].index("show or set") == len(lines[row + 1]) - len(lines[row + 1].lstrip()) > 21


async def test_escape_closes_the_list_first(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("slash")
        await until(pilot, lambda: desk.screen.composer.is_completing)
        await pilot.press("escape")
        assert not desk.screen.composer.is_completing
        assert desk.text() == "/"


async def test_system_text_is_shown_set_and_used(make_desk: MakeDesk, store: SessionStore) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/system")
        await until(pilot, lambda: "There is no text before the first turn" in desk.notice())
        await send(pilot, desk, "/system Be brief.")
        await until(pilot, lambda: "Be brief." in desk.notice())
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert "system" in desk.shown()
    latest = store.latest_session()
    assert latest is not None
    assert latest.system == "Be brief."


async def test_new_keeps_the_draft_in_the_old_session(make_desk: MakeDesk, store: SessionStore) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        old = desk.screen.session.id
        await write(pilot, desk, "half a thought")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.id is None)
        assert desk.text() == ""
        assert desk.screen.welcome.display
    assert store.draft(old) == Draft("half a thought")


async def test_quit_leaves(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/quit")
        await pilot.pause()
    assert desk.app.return_code == 0


async def test_help_tells_what_works_here(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 90)) as pilot:
        await ready(pilot, desk)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen))
        shown = desk.shown()
        for key in ("ctrl+o", "ctrl+r", "ctrl+n", "ctrl+q", "ctrl+j", "esc back"):
            assert key in shown
        for command in COMMANDS:
            assert command.usage in shown
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)


async def test_the_keys_of_the_footer_are_those_that_work(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await until(
            pilot, lambda: "^o Picture  ^r Sessions  ^t Model's view  ^n New  f1 Help" in desk.shown().splitlines()[-1]
        )


async def test_ctrl_j_begins_a_new_line_and_the_composer_grows(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, desk)
        height = desk.screen.composer.size.height
        await pilot.press("a", "ctrl+j", "b")
        await until(pilot, lambda: desk.screen.composer.size.height == height + 1)
        assert desk.text() == "a\nb"
        await pilot.press(*["ctrl+j"] * 20)
        await until(pilot, lambda: desk.screen.composer.size.height == height + 7)


async def test_ctrl_c_without_a_selection_tells_how_to_leave(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "ctrl+q leaves" in desk.notice())


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 12), (30, 8)])
async def test_the_list_leaves_room_for_what_is_typed(
    make_desk: MakeDesk, scene_image: MakeImage, size: tuple[int, int]
) -> None:
    desk = make_desk(images=[scene_image(1, name="one.png")])
    async with desk.app.run_test(size=size) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "/")
        await until(pilot, lambda: desk.screen.query(CommandList))
        for command in COMMANDS:
            shown = desk.shown().splitlines()
            assert any(line.strip("│ ") == "/" for line in shown)
            assert any(f"/{command.name}" in line for line in shown)
            await pilot.press("down")
            await pilot.pause()


@pytest.mark.parametrize("command", ["/new what about this?", "/help me please", "/quit now", "/drop it"])
async def test_what_stands_behind_a_command_that_takes_nothing_is_not_lost(make_desk: MakeDesk, command: str) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, command)
        await until(pilot, desk.notice)
        assert desk.text() == command
