"""`idefics-chat sessions export` and `import`, to files and to stdout."""

import json
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.images import open_image
from chat.store import open_store
from tests.cli.program import Run, told


@pytest.fixture
def session(tmp_path: Path, picture: Path) -> str:
    """The id of a session with one message about a picture."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        store.add_user_turn(session_id, user_turn(open_image(picture), "How many shapes are there?"))
    return session_id


@pytest.fixture
def spoken(tmp_path: Path) -> str:
    """The id of a session without pictures, whose message could act on a terminal."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        store.add_user_turn(session_id, user_turn("snow \u2603 \x9b31m"))
    return session_id


def test_an_exported_session_is_imported_with_its_pictures_and_goes_on(run: Run, session: str, tmp_path: Path) -> None:
    file = tmp_path / "saved" / "talk.json"
    file.parent.mkdir()
    assert run("sessions", "export", session, "-o", file).returncode == 0
    assert [path.suffix for path in (file.parent / "pictures").iterdir()] == [".png"]
    imported = json.loads(run("sessions", "import", file, "--json").stdout)["session"]
    listed = json.loads(run("sessions", "list", "--json").stdout)
    assert {summary["session"] for summary in listed} == {session, imported}
    again = run("ask", "How many shapes are there?", "--session", imported)
    assert again.stdout == "There are two shapes.\n"


def test_a_picture_from_an_exported_session_keeps_its_file_name(run: Run, session: str, tmp_path: Path) -> None:
    run("sessions", "export", session, "-o", "talk.json")
    (exported,) = (tmp_path / "pictures").iterdir()
    (tmp_path / "again").mkdir()
    other = json.loads(run("ask", "What is in the picture?", "-i", exported, "--json").stdout)["session"]
    run("sessions", "export", other, "-o", "again/talk.json")
    assert [path.name for path in (tmp_path / "again" / "pictures").iterdir()] == [exported.name]


def test_it_is_told_where_the_pictures_are(run: Run, session: str, spoken: str, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    words = run("sessions", "export", session, "-o", "saved/talk.json").stdout
    assert words == f"saved {session} as saved/talk.json, its pictures in saved/pictures\n"
    assert run("sessions", "export", spoken, "-o", "talk.json").stdout == f"saved {spoken} as talk.json\n"


@pytest.mark.parametrize("folder", ["nowhere", "nowhere/deep", "a picture.png"])
def test_the_folder_that_is_missing_is_named(run: Run, session: str, folder: str) -> None:
    done = run("sessions", "export", session, "-o", f"{folder}/talk.json")
    assert done.returncode == 3
    assert told(done) == f"idefics-chat: {folder}: there is no such folder: make it first"


def test_a_file_that_says_something_else_is_replaced_only_when_asked(run: Run, session: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    file.write_text("my own notes")
    assert "--overwrite" in told(run("sessions", "export", session, "-o", file))
    assert file.read_text() == "my own notes"
    assert run("sessions", "export", session, "-o", file, "--overwrite").returncode == 0
    assert json.loads(file.read_text())


def test_a_session_without_pictures_can_be_printed_and_read_back(run: Run, spoken: str, tmp_path: Path) -> None:
    printed = run("sessions", "export", spoken, "-o", "-")
    assert (printed.returncode, printed.stderr, "\x9b" in printed.stdout) == (0, "", False)
    assert not (tmp_path / "-").exists()
    (tmp_path / "talk.json").write_text(printed.stdout)
    imported = json.loads(run("sessions", "import", "talk.json", "--json").stdout)["session"]
    turns = [json.loads(run("sessions", "show", name, "--json").stdout)["turns"] for name in (spoken, imported)]
    assert turns[0][0]["parts"] == turns[1][0]["parts"] == [{"text": "snow \u2603 \x9b31m"}]


@pytest.mark.parametrize(
    ("options", "words"), [((), "has pictures, which need a folder"), (("--json",), "both print a document")]
)
def test_what_cannot_be_printed_is_refused(
    run: Run, session: str, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    done = run("sessions", "export", session, "-o", "-", *options)
    assert (done.returncode, done.stdout, words in told(done)) == (2, "", True)
    assert not (tmp_path / "-").exists()
