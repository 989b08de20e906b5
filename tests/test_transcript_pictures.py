"""A picture of a transcript is the one that was saved, and its file lies in the transcript's folder."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import TranscriptError
from chat.records import StoredTurn
from chat.transcript import Transcript, load_transcript, save_transcript
from tests.transcripts import BLUE, RED, TALK, WHEN, contents, refusal, write


def test_a_picture_whose_bytes_have_changed_is_not_saved(tmp_path: Path) -> None:
    changed = replace(RED, read=BLUE.read)
    talk = Transcript(turns=(StoredTurn(1, user_turn(changed), WHEN, None),))
    with pytest.raises(TranscriptError, match=r"red\.png is no longer what it was"):
        save_transcript(tmp_path / "talk.json", talk)
    assert contents(tmp_path) == {}


def pointing_at(folder: Path, file: str) -> Path:
    """A transcript whose first picture is this file."""
    return write(folder, lambda d: d["turns"][0]["parts"][1]["image"].update(file=file))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("/etc/hostname", "/etc/hostname lies outside the transcript's folder: move it in"),
        ("../red.png", "../red.png lies outside the transcript's folder: move it in"),
        ("pictures/../pictures/a.png", "pictures/../pictures/a.png lies outside the transcript's folder: move it in"),
        ("out.png", "out.png lies outside the transcript's folder: move it in"),
        ("away/red.png", "away/red.png lies outside the transcript's folder: move it in"),
        ("", "a picture lies outside the transcript's folder: move it in"),
        (".", ". lies outside the transcript's folder: move it in"),
        ("loop/a.png", "loop/a.png leads to no file"),
        ("nul\0.png", "nul␀.png leads to no file"),
        ("http://example.org/a.png", "DIR/http:/example.org/a.png: there is no such file: check the name"),
        ("pictures/gone.png", "DIR/pictures/gone.png: there is no such file: check the name"),
        ("pictures", "DIR/pictures: is a folder: name a file in it"),
        ("pipe", "DIR/pipe: is a pipe, a socket or a device: name an ordinary file"),
        ("talk.json", "talk.json: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of these"),
        ("blue.png", "blue.png is another picture than the one that was saved"),
    ],
)
def test_no_picture_but_the_one_that_was_saved_is_read(file: str, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    (tmp_path / "red.png").write_bytes(RED.read())
    (folder / "blue.png").write_bytes(BLUE.read())
    (folder / "out.png").symlink_to(tmp_path / "red.png")
    (folder / "away").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    assert refusal(pointing_at(folder, file)) == reason.replace("DIR", str(folder))


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "inside.png").symlink_to(tmp_path / "pictures" / f"red-{RED.digest[:12]}.png")
    assert load_transcript(pointing_at(tmp_path, "inside.png")) == TALK
