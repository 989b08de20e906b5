"""Sessions are found while one types, and what is done with them from the list or by a command."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from chat.conversation import Image, user_turn
from chat.errors import ChatError, CheckpointError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.search import Query
from chat.session import SessionStore
from chat.store import SqliteStore
from chat.summaries import FoundSessions
from chat.tui.screens.sessions import SessionsScreen
from chat.tui.widgets import found_sessions, session_keys, session_list
from chat.tui.widgets.session_keys import SessionOptions
from chat.tui.widgets.session_preview import ExcerptTurn, SessionPreview
from chat.tui.widgets.turn import SaidTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, press_at_once, ready, send, until

MakeDesk = Callable[..., Desk]


def talk(store: SessionStore, *exchanges: tuple[str, str], image: Image | None = None, title: str = "") -> str:
    session_id = store.new_session(title=title)
    for question, answer in exchanges:
        message = store.add_user_turn(session_id, user_turn(*([image] if image else []), question))
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, Reply(answer, (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0, 0))
        image = None
    return session_id


async def rows(pilot: Pilot[ChatError], desk: Desk, count: int) -> SessionOptions:
    """Open the list, and wait until it has so many rows."""
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
    options = desk.app.screen.query_one(SessionOptions)
    await until(pilot, lambda: options.option_count == count)
    return options


def in_view(desk: Desk, text: str) -> bool:
    """Whether a turn that says this is in view."""
    log = desk.screen.log_view
    return any(
        log.region.intersection(turn.region).area and any(text in str(said.visual) for said in turn.query(Static))
        for turn in log.query(SaidTurn)
    )


async def test_what_was_said_is_found_and_opened_where_it_was_said(make_desk: MakeDesk, store: SessionStore) -> None:
    talk(store, ("Hello", "Hi."))
    talk(store, *((f"Question {number}", "Nothing.") for number in range(4)), ("Which?", "A \x1b[31mgreen triangle."))
    found = talk(store, ("Which?", "A triangle."), *((f"Question {number}", "Nothing.") for number in range(20)))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 3)
        await pilot.press(*"triang")
        await until(pilot, lambda: "A ␛[31mgreen «triang»le." in desk.shown())
        assert options.option_count == 2
        assert "2 of 3 match" in desk.shown()
        await pilot.press("down", "enter")
        await until(pilot, lambda: desk.app.screen is desk.screen and desk.screen.session.id == found)
        await until(pilot, lambda: in_view(desk, "A triangle."))
        marked = desk.screen.log_view.query_one(".-found", SaidTurn)
        press_at_once(desk.app, *"undo")
        await until(pilot, lambda: desk.text() == "undo")
        press_at_once(desk.app, "ctrl+u", "up")
        await until(pilot, lambda: desk.app.focused is marked)
        assert marked.stored is not None
        assert "triangle" in marked.stored.turn.text


async def test_a_match_on_a_branch_that_is_not_shown_is_previewed_and_opened_there(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = talk(store, ("A triangle?", "Yes."))
    question = store.turns(session_id)[0]
    store.add_version(question.id, user_turn("A circle?"))
    assert [stored.turn.text for stored in store.turns(session_id)] == ["A circle?"]
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await rows(pilot, desk, 1)
        await pilot.press(*"triangle")
        await until(pilot, lambda: len(desk.app.screen.query(ExcerptTurn)) == 1)
        await until(pilot, lambda: desk.shown().count("A «triangle»?") == 4)
        head = str(desk.app.screen.query_one("#preview-head", Static).visual)
        assert "\n1 turn · no pictures · all branches: 3 turns, no pictures · " in head
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.screen is desk.screen and in_view(desk, "A triangle?"))
        assert store.turns(session_id)[0].turn.text == "A triangle?"


async def test_what_was_found_for_fewer_letters_never_takes_the_place_of_what_is_typed(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(store, ("A triangle", "Yes."))
    talk(store, ("A trial", "Yes."))
    gate, searched = threading.Event(), []
    search = SqliteStore.search

    def slowly(self: SqliteStore, query: Query, *, limit: int = 200, offset: int = 0) -> FoundSessions:
        found = search(self, query, limit=limit, offset=offset)
        if query.words == ("tri",):
            gate.wait(10)
        searched.append(query.words)
        return found

    monkeypatch.setattr(SqliteStore, "search", slowly)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 2)
        await pilot.press(*"tri")
        await pilot.pause(0.3)
        # Typing goes on although the search has not come back.
        await pilot.press(*"angle")
        await until(pilot, lambda: "1 of 2 match" in desk.shown())
        gate.set()
        await until(pilot, lambda: ("tri",) in searched)
        await pilot.pause(0.1)
        assert options.option_count == 1
        assert "1 of 2 match" in desk.shown()


@pytest.mark.parametrize("keys", [("enter",), ("down", "enter")])
async def test_enter_right_after_typing_opens_what_was_typed(
    make_desk: MakeDesk, store: SessionStore, keys: tuple[str, ...]
) -> None:
    found = talk(store, ("A triangle", "Yes."))
    talk(store, ("Hello", "Hi."))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await rows(pilot, desk, 2)
        press_at_once(desk.app, *"triangle", *keys)
        await until(pilot, lambda: desk.app.screen is desk.screen and desk.screen.session.id == found)


async def test_filters_are_typed_with_the_words_and_a_wrong_one_is_told(
    make_desk: MakeDesk, store: SessionStore, scene_image: Callable[..., Image]
) -> None:
    talk(store, ("A triangle", "Yes."), image=scene_image(1, 2, "a.png"))
    talk(store, ("A triangle", "Yes."))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 2)
        await pilot.press(*"triangle has:picture")
        await until(pilot, lambda: options.option_count == 1)
        # All of it at once: between letters that come slowly, parts of it would be looked for as words.
        desk.app.screen.query_one("#search", Input).insert_text_at_cursor(" before:7")
        await until(pilot, lambda: "✕ before:7 is no day; before:2026-11-01 is" in desk.shown())
        assert options.option_count == 1
        # Nothing was looked for: no row is the one that was meant.
        await until(pilot, lambda: "not looked for" in desk.shown() and options.styles.opacity < 1)
        await pilot.press("enter", "down", "enter")
        assert isinstance(desk.app.screen, SessionsScreen)
        search = desk.app.screen.query_one("#search", Input)
        search.value = "triangle has:picture"
        await until(pilot, lambda: "1 of 2 match" in desk.shown() and options.styles.opacity == 1)
        # What only the search itself finds out is no different.
        search.value = "image:nothing.png"
        await until(pilot, lambda: "nothing.png" in desk.shown() and "not looked for" in desk.shown())
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: "✕" in desk.shown() and "not looked for" in desk.shown())
        assert isinstance(desk.app.screen, SessionsScreen)


async def test_a_session_gets_a_title_in_the_list(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = talk(store, ("Hello", "Hi."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 1)
        await pilot.press("down", "r", "x", "escape")
        assert options.has_focus
        await pilot.press("r")
        line = desk.app.screen.query_one("#new-title", Input)
        await until(pilot, lambda: line.has_focus and line.value == "Hello")
        await pilot.press("end", *" there ", "enter")
        await until(pilot, lambda: "renamed" in desk.shown() and "Hello there" in desk.shown())
        assert store.find_session(session_id).title == "Hello there"
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen and "Hello there" in desk.shown())
        await send(pilot, desk, "/rename")
        await until(pilot, lambda: "called “Hello” again" in desk.notice())
        await send(pilot, desk, "/rename Mine")
        await until(pilot, lambda: store.find_session(session_id).title == "Mine")


async def test_a_pinned_session_stands_first_with_a_star(make_desk: MakeDesk, store: SessionStore) -> None:
    first = talk(store, ("First", "Yes."))
    talk(store, ("Second", "Yes."))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 2)
        await pilot.press("down", "down", "p")
        await until(pilot, lambda: "★ First" in desk.shown() and "pinned" in desk.shown())
        assert options.highlighted == 0
        assert store.sessions()[0].id == first
        await pilot.press("p")
        await until(pilot, lambda: "★ First" not in desk.shown())
        await desk.screen.change_session(first)
        await pilot.press("escape")
        await send(pilot, desk, "/pin")
        await until(pilot, lambda: store.find_session(first).is_pinned)
        await send(pilot, desk, "/pin")
        await until(pilot, lambda: not store.find_session(first).is_pinned)


async def test_a_deleted_session_comes_back_by_a_key_for_a_while_and_by_a_command_later(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "UNDO_S", 0.05)
    session_id = talk(store, ("Hello", "Hi."))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/restore")
        assert "Nothing was deleted" in desk.notice()
        options = await rows(pilot, desk, 1)
        await pilot.press("down", "d")
        await until(pilot, lambda: options.option_count == 0 and not options.can_undo)
        await until(pilot, lambda: "u undo" not in desk.shown())
        await pilot.press("escape")
        await send(pilot, desk, "/restore")
        await until(pilot, lambda: desk.screen.session.id == session_id)
        await send(pilot, desk, "/delete")
        await until(pilot, lambda: desk.screen.session.id is None and "/restore" in desk.notice())
        assert store.sessions() == []
        await send(pilot, desk, "/delete")
        assert "has not begun" in desk.notice()


async def test_id_and_title_are_copied(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = talk(store, ("Hello \x07", "Hi."))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await rows(pilot, desk, 1)
        await pilot.press("down", "c")
        assert desk.app.clipboard == session_id
        await pilot.press("c")
        assert desk.app.clipboard == "Hello ␇"


async def test_more_rows_come_before_the_last_one_is_reached(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_sessions, "PAGE", 4)
    monkeypatch.setattr(session_keys, "NEAR_END", 1)
    made = [talk(store, (f"Number {number}", "Yes.")) for number in range(10)]
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 4)
        assert "10 sessions" in desk.shown()
        await pilot.press("down", "end")
        await until(pilot, lambda: options.option_count == 8)
        await pilot.press("end")
        await until(pilot, lambda: options.option_count == 10)
        await pilot.press("end", "enter")
        await until(pilot, lambda: desk.screen.session.id == made[0])


async def test_beside_the_list_is_what_was_found_match_by_match(
    make_desk: MakeDesk, store: SessionStore, scene_image: Callable[..., Image]
) -> None:
    talk(store, ("Hello", "Hi."))
    found = talk(
        store,
        ("Which shape?", "A green triangle."),
        *((f"Question {number}", "Nothing.") for number in range(20)),
        ("And the last triangle?", "None."),
        image=scene_image(1, 2, "corner.png"),
    )
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await rows(pilot, desk, 2)
        await pilot.press(*"triangle")
        await until(pilot, lambda: "And the last «triangle»?" in desk.shown())
        await until(pilot, lambda: "match 2 of 2 · n next" in desk.shown())
        await pilot.press("down", "n")
        await until(pilot, lambda: "match 1 of 2" in desk.shown() and "A green «triangle»." in desk.shown())
        await until(pilot, lambda: "corner.png" in desk.shown())
        await pilot.press("enter")
        await until(pilot, lambda: desk.screen.session.id == found and in_view(desk, "A green triangle."))
        assert not in_view(desk, "And the last triangle?")


async def test_a_low_window_reads_nothing_beside_the_list(make_desk: MakeDesk, store: SessionStore) -> None:
    talk(store, ("A triangle", "Yes."))
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await rows(pilot, desk, 1)
        preview = desk.app.screen.query_one(SessionPreview)
        await pilot.pause(0.2)
        assert (preview.display, preview.number) == (False, 0)


async def test_coming_back_to_the_pane_begins_at_its_first_session(make_desk: MakeDesk, store: SessionStore) -> None:
    last, _, first = (talk(store, (text, "Yes.")) for text in ("One", "Two", "Three"))
    desk = make_desk(session_id=last)
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: desk.screen.session_pane and len(desk.screen.session_pane._hits) == 3)
        await pilot.press("ctrl+r", "down", "down", "slash")
        assert desk.screen.session_pane and desk.screen.session_pane._options.highlighted == 1
        await pilot.press("escape", "ctrl+r", "enter")
        await until(pilot, lambda: desk.screen.session.id == first)


async def test_words_are_found_in_the_pane_while_the_model_replies(make_desk: MakeDesk, store: SessionStore) -> None:
    talk(store, ("A triangle", "Yes."))
    model = HeldGenerator("One two three.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        await until(pilot, lambda: desk.screen.session.is_replying)
        pane = desk.screen.session_pane
        assert pane is not None
        await send(pilot, desk, "/search triangle")
        await until(pilot, lambda: "1 of 2 match" in desk.shown() and "A «triangle»" in desk.shown())
        assert desk.screen.session.is_replying
        model.free()
        await until(pilot, lambda: desk.turns()[-1][1] == "One two three.")
        # What was looked for is still what is shown.
        await until(pilot, lambda: pane.query_one(SessionOptions).option_count == 1)


async def test_sessions_are_found_and_read_without_any_model(make_desk: MakeDesk, store: SessionStore) -> None:
    talk(store, ("A triangle", "Yes."))
    loader = HeldLoader(HeldGenerator(), CheckpointError("there is none"))
    loader.gate.set()
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: loader.calls and desk.screen._session is not None)
        await send(pilot, desk, "/search triangle")
        await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen) and "1 of 1 match" in desk.shown())
        await pilot.press("enter")
        await until(pilot, lambda: desk.said() == ["A triangle", "Yes."])


async def test_the_open_session_is_exported_with_its_pictures(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    session_id = talk(store, ("A triangle", "Yes."), image=scene_image(1, 2, "a.png"))
    file = tmp_path / "talk.json"
    file.write_text("my own notes")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(150, 30)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/export {file}")
        await until(pilot, lambda: "exists already" in desk.notice())
        assert file.read_text() == "my own notes"
        await send(pilot, desk, f"/export {file} --overwrite")
        await until(pilot, lambda: f"saved {session_id} as {file}, its pictures in" in desk.notice())
        assert len(json.loads(file.read_text())["turns"]) == 2
        assert len(list((tmp_path / "pictures").iterdir())) == 1
