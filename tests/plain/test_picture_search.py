"""Conversations are found by a picture, line by line."""

from pathlib import Path

import PIL.Image
import pytest

from chat.conversation import user_turn
from chat.images import open_image
from chat.store import SqliteStore
from tests.plain.conftest import Talk


def test_a_picture_finds_conversations_and_what_takes_long_is_said(
    talk: Talk, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.plain.commands.sessions.TOLD_AFTER_S", 0)
    PIL.Image.linear_gradient("L").save(tmp_path / "my grey.png")
    store.add_user_turn(store.new_session(), user_turn(open_image(tmp_path / "my grey.png"), "What is it?"))
    store.add_user_turn(store.new_session(), user_turn("What is it?"))
    done = talk('/search what image:"my grey.png"', "/search image:none.png")
    lines = done.out.splitlines()
    assert "Looking at 1 picture; that is done once." in lines
    place = next(number for number, line in enumerate(lines) if line.startswith("1. What is it?"))
    assert lines[place + 1] == "   the same picture: my grey.png, «What» is it?"
    assert not any(line.startswith("2. ") for line in lines)
    assert "none.png: there is no such file: check the name" in done.out + done.err
