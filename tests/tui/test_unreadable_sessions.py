"""A store that cannot be read while the program runs: the list stays, the reason is said, and nothing is lost."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.widgets import Static

from chat.conversation import user_turn
from chat.drafts import Draft
from chat.session import SessionStore
from chat.tui.screens.sessions import SessionsScreen
from chat.tui.widgets.session_keys import SessionOptions
from tests.store.damage import change
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]
WIDE = (200, 50)


@contextmanager
def _without(db: Path, table: str) -> Iterator[None]:
    """The database as if somebody had damaged it; sound again afterwards."""
    connection = sqlite3.connect(db, isolation_level=None)
    # Otherwise the other tables would follow the new name.
    connection.execute("PRAGMA legacy_alter_table = on")
    connection.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        yield
    finally:
        connection.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
        connection.close()


def _session(store: SessionStore, text: str) -> str:
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn(text))
    return session_id


async def test_when_a_reply_ends_the_pane_keeps_what_it_shows(make_desk: MakeDesk, db: Path) -> None:
    model = HeldGenerator("One two.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=WIDE) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        await until(pilot, lambda: desk.screen.session_pane is not None)
        with _without(db, "sessions"):
            model.free()
            await until(pilot, lambda: "One two." in desk.said()[-1])
            await until(pilot, lambda: "The sessions cannot be read" in desk.notice())
            assert desk.screen.session_pane is not None
            assert desk.screen.session_pane.query_one(SessionOptions).option_count == 1
        await send(pilot, desk, "Again.")
        await until(pilot, lambda: "cannot be read" not in desk.notice())


async def test_the_list_says_why_it_is_empty(make_desk: MakeDesk, store: SessionStore, db: Path) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with _without(db, "sessions"):
            await pilot.press("ctrl+r")
            await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
            await until(pilot, lambda: "✕ The sessions cannot be read" in desk.shown())
            await pilot.press("escape")
            await until(pilot, lambda: desk.app.screen is desk.screen)


async def test_a_terminal_made_wide_says_why_there_is_no_pane(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with _without(db, "sessions"):
            await pilot.resize_terminal(*WIDE)
            await until(pilot, lambda: "The sessions cannot be read" in desk.notice())
        await pilot.resize_terminal(190, 50)
        await until(pilot, lambda: desk.screen.session_pane is not None)


async def test_what_cannot_be_deleted_or_brought_back_stays_as_it_is(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
        options = desk.app.screen.query_one(SessionOptions)
        await pilot.press("down")
        with _without(db, "sessions"):
            await pilot.press("d")
            await until(pilot, lambda: "✕ Not deleted" in desk.shown())
            assert options.option_count == 1
            assert not options.can_undo
        await pilot.press("d")
        await until(pilot, lambda: options.option_count == 0 and "deleted · u undo" in desk.shown())
        with _without(db, "sessions"):
            await pilot.press("u")
            await until(pilot, lambda: "✕ Not brought back" in desk.shown())
        await pilot.press("u")
        await until(pilot, lambda: options.option_count == 1)


async def test_deleting_in_the_pane_says_why_not_above_the_composer(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test(size=WIDE) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+r", "down")
        with _without(db, "sessions"):
            await pilot.press("d")
            await until(pilot, lambda: "Not deleted" in desk.notice())
        await pilot.press("d")
        await until(pilot, lambda: desk.screen.session_pane is None)
        assert not store.sessions()


async def test_the_open_session_stays_open_where_no_new_one_can_be_begun(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    session_id = _session(store, "Hello")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=WIDE) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "half a thought")
        await pilot.press("ctrl+r", "down")
        with _without(db, "drafts"):
            await pilot.press("d")
            await until(pilot, lambda: "Not deleted" in desk.notice())
        assert [session.id for session in store.sessions()] == [session_id]
        assert desk.screen.session.id == session_id
        assert desk.said() == ["Hello"]
        assert desk.text() == "half a thought"


async def test_a_session_that_cannot_be_opened_leaves_this_one_as_it_was(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    other = _session(store, "Other")
    session_id = _session(store, "Hello")
    model = HeldGenerator("One two.", "Three.")
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        await send(pilot, desk, "And then?")
        await until(pilot, lambda: "1 queued" in desk.state())
        await write(pilot, desk, "half a thought")
        with _without(db, "drafts"):
            await desk.screen.change_session(other)
            assert desk.notice()
            assert desk.screen.session.id == session_id
            assert desk.text() == "half a thought"
        model.free()
        await until(pilot, lambda: desk.said()[-1] == "Three.")
    assert store.draft(session_id) == Draft("half a thought")
    assert "▍" not in str([str(said.visual) for said in desk.screen.query(Static)])


async def test_spoiled_sessions_and_a_spoiled_draft_leave_the_others_in_use(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    sound, spoiled, gone = (_session(store, text) for text in ("Sound", "Spoiled", "Gone"))
    store.save_draft(None, Draft("not sent"))
    change(
        db,
        f"UPDATE sessions SET updated_at = x'ff' WHERE id = '{spoiled}'",
        f"UPDATE parts SET kind = 'x' WHERE turn_id = (SELECT id FROM turns WHERE session_id = '{gone}')",
        "UPDATE drafts SET images = '['",
    )
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert desk.text() == "not sent"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
        options = desk.app.screen.query_one(SessionOptions)
        await until(pilot, lambda: options.option_count == 3)
        assert "damaged" in desk.shown()
        await pilot.press(*sound)
        await until(pilot, lambda: options.option_count == 1 and "its id" in desk.shown())
        await pilot.press("enter")
        await until(pilot, lambda: desk.said() == ["Sound"])
        for session_id in (spoiled, gone):
            await desk.screen.change_session(session_id)
            assert f"session {session_id} holds a value that is not understood" in desk.notice().replace(
                "Session", "session"
            )
            assert "sessions check" in desk.notice()
            assert desk.said() == ["Sound"]
