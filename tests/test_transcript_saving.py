"""A transcript's files are its owner's alone, replace another only when asked, and are written whole or not at all."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from chat.errors import TranscriptError
from chat.transcript import load_transcript, save_transcript
from chat.transcript.saving import Form, file_name
from tests.transcripts import RED, TALK, contents


def test_only_the_owner_can_read_what_is_saved(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_transcript(tmp_path / "talk.json", TALK)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("pictures") == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("taken", ["talk.json", f"pictures/red-{RED.digest[:12]}.png"])
def test_a_file_that_holds_something_else_is_replaced_only_when_asked(taken: str, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / taken).write_text("mine")
    with pytest.raises(TranscriptError, match=r"exists already: choose another name, or give --overwrite$"):
        save_transcript(tmp_path / "talk.json", TALK)
    assert (tmp_path / taken).read_text() == "mine"
    save_transcript(tmp_path / "talk.json", TALK, overwrite=True)
    assert load_transcript(tmp_path / "talk.json") == TALK


def test_a_refused_save_writes_no_picture(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text("mine")
    with pytest.raises(TranscriptError):
        save_transcript(tmp_path / "talk.json", TALK)
    assert set(contents(tmp_path)) == {"talk.json"}


def test_saving_the_same_twice_touches_nothing(tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", TALK)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    save_transcript(tmp_path / "talk.json", TALK)
    save_transcript(tmp_path / "talk.json", TALK, overwrite=True)
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_transcript(tmp_path / "talk.json", TALK)
    before = contents(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TranscriptError, match=r"talk\.json: the disk is full: free some space$"):
        save_transcript(tmp_path / "talk.json", replace(TALK, title="Another"), overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone/talk.json", "there is no such folder: make it first"),
        ("file/talk.json", "there is no such folder: make it first"),
        ("folder", "exists already: choose another name, or give --overwrite"),
        ("x" * 300, "the path is too long: choose a shorter one"),
        ("nul\0", "no file can have this name: choose another"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(TranscriptError, match=rf"^\S.*: {reason}$"):
        save_transcript(tmp_path / name, replace(TALK, turns=()))
    assert set(contents(tmp_path)) == {"file"}


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="is a folder: name a file in it"):
        save_transcript(tmp_path, replace(TALK, turns=()), overwrite=True)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("What is it? (2)", "What-is-it-2-abc.json"),
        ("e\u0301漢字: नमस्ते ../\x1b\ud83d", "é漢字-नमस्ते-abc.json"),
        ("漢" * 99, f"{'漢' * 40}-abc.json"),
        ("\U0001f600 \U00020000" + "\U00020000" * 40, "\U00020000" * 30 + "-abc.json"),
        ("/?\u202e", "abc.json"),
    ],
)
def test_a_file_is_called_by_the_letters_of_any_script_as_far_as_a_name_goes(title: str, name: str) -> None:
    assert file_name(title, "abc", Form.JSON) == name
