"""What is imported, as somebody typed it, and what is told of it."""

import json
from pathlib import Path

import pytest

from chat.errors import ChatError, TranscriptError, UsageError
from chat.records import Imported
from chat.store import open_store
from chat.talk.importing import Brought, Wanted, file_to_import, import_file


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("a talk.json", Wanted(Path("a talk.json"))),
        ("'no such.json'", Wanted(Path("no such.json"))),
        ("'there'", Wanted(Path("'there'"))),
        ("it's.json", Wanted(Path("it's.json"))),
        ("a talk.json --images my photos", Wanted(Path("a talk.json"), Path("my photos"))),
        ('"a talk.json"  --images "my photos"', Wanted(Path("a talk.json"), Path("my photos"))),
        ("odd --images my photos", Wanted(Path("odd --images my photos"))),
    ],
)
def test_a_file_may_stand_in_quotes_and_before_the_folder_of_its_pictures(
    typed: str, wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    for name in ("'there'", "odd --images my photos"):
        (tmp_path / name).touch()
    assert file_to_import(typed) == wanted


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("--images photos", "/import takes a file"),
        ("a.json --images", "/import takes a file"),
        ("a.json --images none", "none: there is no such folder: --images takes that of the pictures"),
    ],
)
def test_an_option_without_what_it_needs_is_refused(typed: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f"^{problem}"):
        file_to_import(typed)


def test_what_is_not_where_somebody_said_is_told_so(tmp_path: Path) -> None:
    said = {"image": "gone.png", "conversations": [{"from": "human", "value": "<image>What?"}]}
    (tmp_path / "llava.json").write_text(json.dumps(said))
    with open_store(tmp_path / "sessions.db") as store:
        with pytest.raises(TranscriptError, match=r"gone\.png is not beside the file: give --images FOLDER$"):
            import_file(store, Wanted(tmp_path / "llava.json"))
        with pytest.raises(TranscriptError, match=f"gone.png is not in {tmp_path}: put it there$"):
            import_file(store, Wanted(tmp_path / "llava.json", tmp_path))
        with pytest.raises(
            ChatError, match=r"^sessions\.db is a database of idefics-chat: `idefics-chat sessions export"
        ):
            import_file(store, Wanted(tmp_path / "sessions.db"))


def test_where_all_that_was_left_out_is_listed_is_told() -> None:
    imported = [Imported("a", is_new=True)]
    assert Brought(imported, []).less == ""
    assert Brought(imported, ["a: is not kept"]).less == "a: is not kept"
    assert Brought(imported, ["a: is not kept", "b"]).less == (
        "a: is not kept (and 1 more: `idefics-chat sessions import FILE` lists them)"
    )
