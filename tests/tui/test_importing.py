"""Conversations come in from files in the chat, too."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chat.session import SessionStore
from chat.talk.importing import Brought, import_file
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until
from tests.tui.talks import said_before

SAMPLES = Path(__file__).parents[2] / "sample_sessions"
MakeDesk = Callable[..., Desk]


async def test_a_saved_conversation_is_kept_once_and_shown(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path
) -> None:
    (tmp_path / "sound.jsonl").write_text('{"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}')
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/import {SAMPLES / 'story.json'}")
        await until(pilot, lambda: desk.notice() == "Imported: An image-guided story")
        assert "Use the picture to write a story." in desk.said()
        imported = desk.screen.session.id
        assert imported is not None
        store.delete_session(imported)
        await send(pilot, desk, "/new")
        await send(pilot, desk, f"/import {SAMPLES / 'story.json'}")
        await until(pilot, lambda: desk.notice() == "It was there already and was brought back.")
        assert desk.screen.session.id == imported
        await send(pilot, desk, f"/import {SAMPLES}")
        await until(pilot, lambda: "imported, 1 there already · /sessions lists all" in desk.notice())
        assert desk.screen.session.id == imported
        await send(pilot, desk, f"/import {tmp_path / 'sound.jsonl'}")
        await until(pilot, lambda: desk.notice().startswith("Imported: [input_audio left out] · "))
        assert "content[0]: input_audio is not kept" in desk.notice()
    assert len(store.sessions()) == len([*SAMPLES.glob("*.json")]) + 1


def is_told(desk: Desk, words: str) -> bool:
    return words in desk.notice()


async def test_a_file_that_is_wrong_leaves_nothing_and_is_told_in_a_line(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path
) -> None:
    (tmp_path / "cut.json").write_text((SAMPLES / "story.json").read_text()[:500])
    (tmp_path / "logs.db").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    (tmp_path / "empty").mkdir()
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        told = {
            "cut.json": "cut.json: is not JSON: line",
            "nosuch.json": "nosuch.json",
            "logs.db": "logs.db is a database",
            "empty": "there is no file in it that ends in .json or .jsonl",
        }
        for name, words in told.items():
            await send(pilot, desk, f"/import {tmp_path / name}")
            await until(pilot, partial(is_told, desk, words))
        await send(pilot, desk, "/import")
        await until(pilot, lambda: desk.text() == "/import" and "takes a file, or a folder" in desk.notice())
    assert not store.sessions()


async def test_a_reply_that_is_written_meanwhile_is_not_left(make_desk: MakeDesk) -> None:
    model = HeldGenerator("A reply.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: desk.screen.is_working)
        await send(pilot, desk, f"/import {SAMPLES / 'story.json'}")
        await until(pilot, lambda: "Imported: An image-guided story · /sessions lists all" in desk.notice())
        assert desk.said()[0] == "One?"
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))


@pytest.mark.parametrize("keys", ["a message", ["ctrl+p"]])
async def test_what_was_begun_while_a_file_was_read_goes_on_where_it_was_begun(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch, keys: str | list[str]
) -> None:
    is_begun = threading.Event()

    def imported(*what: Any) -> Brought:
        is_begun.wait(10)
        return import_file(*what)

    monkeypatch.setattr("chat.talk.importing.import_file", imported)
    session_id = said_before(store, ("One?", "1."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/import {SAMPLES / 'story.json'}")
        await until(pilot, lambda: desk.notice() == "Reading story.json …")
        await pilot.press(*keys)
        is_begun.set()
        await until(pilot, lambda: "Imported: An image-guided story · /sessions lists all" in desk.notice(), 5)
        assert desk.screen.session.id == session_id
