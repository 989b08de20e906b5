"""Which keys actions have, and those that the config gives them."""

from collections.abc import Callable

import pytest
from textual.binding import Binding as PlainBinding

from chat.config import Config
from chat.store import SqliteStore
from chat.tui.app import TOLD_S
from chat.tui.keys import RESERVED, Action, _owners, actions, keymap_for
from chat.tui.screens.attach import AttachScreen
from chat.tui.screens.help import HelpScreen
from tests.tui.doubles import Desk, ready, until

MakeDesk = Callable[..., Desk]


def config(**keys: str | tuple[str, ...]) -> Config:
    given = {name: key if isinstance(key, tuple) else (key,) for name, key in keys.items()}
    return Config(keys=given, lines={f"keys.{name}": number for number, name in enumerate(given, start=2)})


def test_every_binding_of_the_program_has_a_name() -> None:
    assert actions()
    from textual.dom import DOMNode

    nameless = [
        f"{owner.__qualname__}: {binding.key}: import Binding from chat.tui.binding"
        for owner in _owners(DOMNode)
        for binding in PlainBinding.make_bindings(owner.__dict__["BINDINGS"])
        if binding.id is None
    ]
    assert nameless == []


def test_no_key_does_two_things_by_itself() -> None:
    doubled = [
        f"{mine.__qualname__}: {key} is {action.name} and {other.name}"
        for action in actions().values()
        for mine, keys in action.bound
        for key in {*keys} - RESERVED
        for other in actions().values()
        if other.name != action.name and Action(action.name, "", ((mine, keys),)).meets(key, other)
    ]
    assert doubled == []


@pytest.mark.parametrize(
    ("given", "keymap"),
    [
        ({"attach": "ctrl+b"}, {"attach": ("ctrl+b",)}),
        ({"attach": ("Ctrl+B", "F2")}, {"attach": ("ctrl+b", "f2")}),
        ({"attach": "ctrl+r", "sessions": "ctrl+o"}, {"attach": ("ctrl+r",), "sessions": ("ctrl+o",)}),
        ({"send": "f9"}, {"send": ("enter", "f9")}),
        ({"first": "H", "last": "$"}, {"first": ("H",), "last": ("dollar_sign",)}),
        ({"delete": "x"}, {"delete": ("x",)}),
        ({"help": ("f1", "f2")}, {"help": ("f1", "f2")}),
    ],
)
def test_actions_get_other_keys(given: dict[str, str], keymap: dict[str, tuple[str, ...]]) -> None:
    assert keymap_for(config(**given)) == (keymap, ())


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"atach": "f2"}, 'config line 2: unknown action "atach", did you mean "attach"?'),
        ({"attach": "ctrl+q"}, 'config line 2: ctrl+q is reserved: "attach" keeps its keys'),
        ({"attach": "tab"}, 'config line 2: tab is reserved: "attach" keeps its keys'),
        ({"attach": "ctrl+m"}, 'config line 2: ctrl+m is reserved: "attach" keeps its keys'),
        ({"first": "enter"}, 'config line 2: enter is reserved: "first" keeps its keys'),
        ({"attach": "a"}, 'config line 2: a is for writing: "attach" keeps its keys'),
        ({"attach": "/"}, 'config line 2: / is for writing: "attach" keeps its keys'),
        ({"new": "ctrl+a"}, 'config line 2: ctrl+a is for writing: "new" keeps its keys'),
        ({"new": "ctlr+b"}, 'config line 2: unknown key "ctlr+b", did you mean "ctrl+b"?'),
        ({"new": "\x1b]0;"}, 'config line 2: unknown key "␛]0;"'),
        ({"new": "ctrl+o"}, 'config line 2: ctrl+o is taken by "attach": "new" keeps its keys'),
        ({"first": "ctrl+o"}, 'config line 2: ctrl+o is taken by "attach": "first" keeps its keys'),
        ({"first": "j"}, 'config line 2: j is taken by "next": "first" keeps its keys'),
    ],
)
def test_what_cannot_be_is_told_and_left_as_it_is(given: dict[str, str], problem: str) -> None:
    assert keymap_for(config(**given)) == ({}, (problem,))


def test_of_two_actions_that_want_one_key_one_has_it() -> None:
    keymap, problems = keymap_for(config(attach="f2", new="f2"))
    assert keymap == {"new": ("f2",)}
    assert problems == ('config line 2: f2 is taken by "new": "attach" keeps its keys',)


async def test_footer_help_and_keys_follow_the_config(make_desk: MakeDesk) -> None:
    desk = make_desk(config=config(attach="f2", nosuch="f3"))
    async with desk.app.run_test(size=(100, 90), notifications=True) as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: "f2 Picture" in desk.shown())
        (told,) = desk.app._notifications
        assert (told.message, told.timeout) == ('config line 3: unknown action "nosuch"', TOLD_S)
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert desk.app.screen is desk.screen
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen))
        await pilot.press("escape", "f1")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen))
        await until(pilot, lambda: "Attach a picture with f2" in desk.shown())
        assert "ctrl+o" not in desk.shown()


async def test_a_theme_of_the_config_is_there_from_the_first_frame(make_desk: MakeDesk, store: SqliteStore) -> None:
    seen: list[str] = []

    def look() -> SqliteStore:
        seen.append(desk.app.screen.styles.background.hex)
        return _opened(store)

    desk = make_desk(config=Config(values={"theme": "paper"}), open_store=look)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
    assert seen == ["#FAFAF7"]


def _opened(store: SqliteStore) -> SqliteStore:
    from chat.store import open_store

    return open_store(store._database.path)


async def test_an_unknown_theme_is_told_and_the_usual_one_is_shown(make_desk: MakeDesk) -> None:
    desk = make_desk(config=Config(values={"theme": "papper"}, lines={"theme": 1}))
    async with desk.app.run_test(notifications=True) as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: desk.app._notifications)
        (told,) = desk.app._notifications
        assert told.message == 'config line 1: unknown theme "papper", did you mean "paper"?'
        assert desk.app.theme == "ink"
