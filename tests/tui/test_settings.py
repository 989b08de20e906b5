"""Settings that are changed while the program runs."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from chat.errors import ChatError, UsageError
from chat.generation import GenerationSettings
from chat.session import SessionStore
from chat.talk.params import changed, difference_in_words, settings_in_words
from chat.tui.screens.help import ThemesScreen
from chat.tui.screens.settings import SettingsDialog, SystemText
from tests.tui.doubles import Desk, HeldGenerator, HeldLoader, ready, send, until

MakeDesk = Callable[..., Desk]
FIRST = GenerationSettings(temperature=0.5)


@pytest.mark.parametrize(
    ("typed", "settings"),
    [
        ("temperature=0.7 seed=3", GenerationSettings(temperature=0.7, seed=3, top_k=4)),
        ("top-k=0  max_new_tokens=9", GenerationSettings(max_new_tokens=9)),
        ("default", FIRST),
        ("default seed=1", GenerationSettings(temperature=0.5, seed=1)),
        ("seed=none", GenerationSettings(top_k=4)),
    ],
)
def test_settings_as_they_are_typed(typed: str, settings: GenerationSettings) -> None:
    assert changed(GenerationSettings(top_k=4), FIRST, typed) == settings


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("temprature=1", 'unknown setting "temprature", did you mean "temperature"?'),
        ("temperature", 'unknown setting "temperature", did you mean "temperature"?: /params temperature=0.7 seed=3'),
        ("temperature=hot", "temperature is hot: give a number"),
        ("top-k=1.5", "top-k is 1.5: give a whole number"),
        ("seed=x", "seed is x: give a whole number, or none"),
        ("num_beams=", "num-beams is empty: give a whole number"),
        ("seed=1 top_p=3", "top-p is 3.0: give a number above 0, up to 1"),
    ],
)
def test_what_cannot_be_set_is_said(typed: str, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        changed(FIRST, FIRST, typed)
    assert str(raised.value).startswith(problem)


def test_settings_in_words() -> None:
    assert settings_in_words(FIRST).startswith("max_new_tokens 256 · temperature 0.5 · ")
    after = GenerationSettings(temperature=0.7, seed=3)
    assert difference_in_words(FIRST, after) == "temperature 0.7 (was 0.5), seed 3 (was none)"
    assert difference_in_words(FIRST, FIRST) == ""


async def test_a_line_changes_the_next_reply_and_default_brings_the_first_ones_back(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/params temperature=0.7 seed=3")
        await until(pilot, lambda: "temperature 0.7 (was 0), seed 3 (was none)" in desk.notice())
        await send(pilot, desk, "One")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, "/params top_p=7")
        await until(pilot, lambda: "top-p is 7.0" in desk.notice())
        assert desk.text() == "/params top_p=7"
        desk.screen.composer._input.text = ""
        await send(pilot, desk, "/params default")
        await until(pilot, lambda: "seed none (was 3)" in desk.notice())
        await send(pilot, desk, "Two")
        await until(pilot, lambda: len(desk.turns()) == 4)
    latest = store.latest_session()
    assert latest is not None
    replies = [turn.generation for turn in store.turns(latest.id) if turn.generation is not None]
    assert [reply.settings.temperature for reply in replies] == [0.7, 0.0]
    assert replies[0].settings.seed == 3


async def test_a_message_that_waits_is_sent_with_the_new_settings(make_desk: MakeDesk, store: SessionStore) -> None:
    model = HeldGenerator("Done.")
    loader = HeldLoader(model)
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: desk.screen._session is not None and desk.screen.is_loading)
        await send(pilot, desk, "Hello")
        await send(pilot, desk, "/params max_new_tokens=7")
        await until(pilot, lambda: "max_new_tokens 7" in desk.notice())
        model.free()
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    generation = store.turns(latest.id)[1].generation
    assert generation is not None
    assert generation.settings.max_new_tokens == 7


async def _dialog(pilot: Pilot[ChatError], desk: Desk) -> SettingsDialog:
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(desk.app.screen, SettingsDialog) and desk.app.focused is not None)
    assert isinstance(desk.app.screen, SettingsDialog)
    return desk.app.screen


async def test_the_dialog_changes_settings_and_the_text_before_the_first_turn(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        dialog = await _dialog(pilot, desk)
        await pilot.press(*"12")
        assert dialog.query(Input).first().value == "12"
        dialog.query_one(SystemText).focus()
        await pilot.press(*"Be", "ctrl+j", *"brief", "enter")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        await until(pilot, lambda: "max_new_tokens 12 (was 256); the system text is set" in desk.notice())
        assert desk.screen._settings == GenerationSettings(max_new_tokens=12)
        assert desk.screen.session.system == "Be\nbrief"
        await until(pilot, lambda: desk.app.focused is not None and desk.app.focused.id == "message")


@pytest.mark.parametrize("size", [(80, 24), (20, 5)])
async def test_the_dialog_says_at_once_what_cannot_be(make_desk: MakeDesk, size: tuple[int, int]) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=size) as pilot:
        await ready(pilot, desk)
        await _dialog(pilot, desk)
        await pilot.press("down", *"200")
        await until(pilot, lambda: desk.app.screen.query("#row-temperature.-wrong"))
        if size == (80, 24):
            await until(pilot, lambda: "give 0 for greedy" in desk.shown())
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(desk.app.screen, SettingsDialog)
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert desk.screen._settings == GenerationSettings()


async def test_a_hostile_system_text_is_shown_in_marks_and_kept_as_it_is(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        desk.screen.session.system = "a\x1b]0;x\x07"
        dialog = await _dialog(pilot, desk)
        assert dialog.query_one(SystemText).text == "a␛]0;x␇"
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert desk.screen.session.system == "a\x1b]0;x\x07"


async def test_a_theme_is_changed_by_name(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/theme paper")
        await until(pilot, lambda: desk.app.theme == "paper")
        assert 'theme = "paper" in the config' in desk.notice()
        await send(pilot, desk, "/theme pper")
        await until(pilot, lambda: 'unknown theme "pper", did you mean "paper"?' in desk.notice())
        desk.screen.composer._input.text = ""
        await send(pilot, desk, "/theme")
        await until(pilot, lambda: isinstance(desk.app.screen, ThemesScreen) and "paper" in desk.shown())
