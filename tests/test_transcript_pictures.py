"""A picture of a transcript is the one that was saved, and its file lies in the transcript's folder."""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import user_turn
from chat.errors import ImageError, StoreError, TranscriptError
from chat.records import StoredTurn
from chat.transcript import Transcript, load_transcript, save_transcript
from tests.transcripts import BLUE, CHOSEN, RED, TALK, WHEN, contents, refusal, write


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
        ("http://example.org/a.png", "the picture http://example.org/a.png is missing: put it back beside the file"),
        ("pictures/gone.png", "the picture pictures/gone.png is missing: put it back beside the file"),
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
    assert refusal(pointing_at(folder, file)) == f"turn 1: {reason.replace('DIR', str(folder))}"


def test_a_picture_that_is_gone_is_missing_where_that_is_enough(tmp_path: Path) -> None:
    path = write(tmp_path, lambda _: None)
    (red,) = tmp_path.glob("pictures/red*")
    red.unlink()
    loaded = load_transcript(path, missing_ok=True)
    assert (loaded, loaded.missing) == (TALK, (RED,))
    missing = loaded.turns[0].turn.images[0]
    assert (missing.name, missing.width, missing.height) == ("red.png", 4, 3)
    with pytest.raises(ImageError, match=r"^pictures/red-\w+\.png is missing$"):
        missing.read()
    assert loaded.turns[0].turn.images[1].read() == BLUE.read()
    assert refusal(path) == f"turn 1: the picture pictures/{red.name} is missing: put it back beside the file"


def test_another_picture_in_the_place_of_one_is_never_taken_for_a_missing_one(tmp_path: Path) -> None:
    path = write(tmp_path, lambda _: None)
    (red,) = tmp_path.glob("pictures/red*")
    red.write_bytes(BLUE.read())
    with pytest.raises(TranscriptError, match="is another picture than the one that was saved"):
        load_transcript(path, missing_ok=True)


def test_a_picture_beside_the_file_is_not_held_and_is_the_same_or_none(tmp_path: Path) -> None:
    loaded = load_transcript(write(tmp_path, lambda _: None))
    image = loaded.turns[0].turn.images[0]
    assert image.read() == RED.read()
    (red,) = tmp_path.glob("pictures/red*")
    red.write_bytes(BLUE.read())
    with pytest.raises(ImageError, match=r"red-\w+\.png: was changed since it was opened"):
        image.read()


def test_what_is_said_to_be_the_size_of_a_missing_picture_is_kept_within_bounds(tmp_path: Path) -> None:
    path = write(tmp_path, lambda d: d["turns"][0]["parts"][1]["image"].update(width=-5, height=2**62))
    next(tmp_path.glob("pictures/red*")).unlink()
    assert (load_transcript(path, missing_ok=True).missing[0].width) == 1
    assert (load_transcript(path, missing_ok=True).missing[0].height) == 20_000


def test_a_transcript_is_saved_without_the_pictures_that_are_gone(tmp_path: Path) -> None:
    def gone() -> bytes:
        raise StoreError("no longer holds the picture")

    talk = replace(TALK, turns=(StoredTurn(1, user_turn(replace(RED, read=gone), BLUE), WHEN, None),))
    for inline in (False, True):
        path = tmp_path / f"{inline}.json"
        assert save_transcript(path, talk, inline=inline) == (RED,)
        loaded = load_transcript(path)
        assert (loaded, loaded.missing, loaded.present) == (talk, (RED,), (BLUE,))
    assert [path.name for path in tmp_path.glob("pictures/*")] == [f"blue-sky-{BLUE.digest[:12]}.jpg"]


def test_a_picture_that_was_gone_is_taken_where_somebody_put_it_back(tmp_path: Path) -> None:
    path = write(tmp_path, lambda d: d["turns"][0]["parts"][1]["image"].update(is_missing=True))
    assert load_transcript(path).missing == ()
    (red,) = tmp_path.glob("pictures/red*")
    red.write_bytes(BLUE.read())
    assert refusal(path) == f"turn 1: pictures/{red.name} is another picture than the one that was saved"


def test_a_picture_that_is_named_twice_is_there_where_one_of_the_files_is(tmp_path: Path) -> None:
    def name_twice(document: Any) -> None:
        parts = document["turns"][0]["parts"]
        parts.insert(0, {"image": {**parts[1]["image"], "file": "gone.png", "name": "again", "is_missing": True}})

    loaded = load_transcript(write(tmp_path, name_twice))
    again, red, *_ = loaded.turns[0].turn.images
    assert loaded.missing == ()
    assert [(image.name, image.width, image.read()) for image in (again, red)] == [
        ("again", 4, RED.read()),
        ("red.png", 4, RED.read()),
    ]


def test_a_file_can_hold_its_pictures(tmp_path: Path) -> None:
    assert save_transcript(tmp_path / "talk.json", CHOSEN, inline=True) == ()
    assert set(contents(tmp_path)) == {"talk.json"}
    loaded = load_transcript(tmp_path / "talk.json")
    assert loaded == CHOSEN
    assert [(image.read(), image.name) for image in loaded.images] == [
        (image.read(), image.name.replace("\n", "␊")) for image in CHOSEN.images
    ]
    save_transcript(tmp_path / "again.json", loaded, inline=True)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "talk.json").read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.update(data="AAAA"), "turn 1: picture "),
        (lambda p: p.update(data="é"), "turn 1: data is not base64"),
        (lambda p: p.update(data=b64encode(BLUE.read()).decode()), "turn 1: red.png is another picture than the one"),
        (lambda p: p.update(data="A" * 30 * 2**20), "pictures[0]: data is of a picture larger than 20.0 MiB"),
        (lambda p: p.update(digest="0" * 64), "turn 1: the picture red.png is missing: the file does not hold it"),
    ],
)
def test_a_picture_in_the_file_is_the_one_that_was_saved(
    change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "talk.json"
    save_transcript(path, TALK, inline=True)
    document = json.loads(path.read_text("utf-8"))
    change(document["pictures"][0])
    path.write_text(json.dumps(document), "utf-8")
    assert refusal(path).startswith(reason)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "inside.png").symlink_to(tmp_path / "pictures" / f"red-{RED.digest[:12]}.png")
    assert load_transcript(pointing_at(tmp_path, "inside.png")) == TALK
