"""`idefics-chat sessions check` and `sessions backup` as somebody runs them."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import PIL.Image
import pytest

from chat.cli.app import run
from chat.conversation import user_turn
from chat.errors import StoreError
from chat.images import open_image
from chat.store import open_store
from chat.store.checks import Check
from tests.store import damage
from tests.store.samples import dump, integrity


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database with one message about a picture."""
    picture = tmp_path / "red.png"
    PIL.Image.new("RGB", (8, 6), "red").save(picture)
    path = tmp_path / "sessions.db"
    with open_store(path) as store:
        store.add_user_turn(store.new_session(), user_turn(open_image(picture), "What is it?"))
    return path


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_sound_database_is_said_to_be_so(db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "check", "--db", str(db)]) == 0
    assert capfd.readouterr() == ("All is well: 1 session, 1 turn, 1 picture.\n", "")


def test_a_difference_is_a_line_and_an_exit_code_also_once_it_is_repaired(
    db: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(db, "UPDATE sessions SET turn_count = 7")
    change(db, "UPDATE images SET media_type = 'image/\x1b[31m'")
    assert run(["sessions", "check", "--db", str(db)]) == 1
    counted, drawn, summary = capfd.readouterr().out.splitlines()
    assert counted.endswith(": its turns are counted as 7, and it is 1 (repaired)")
    assert drawn.endswith(": is said to be image/␛[31m, and is image/png")
    assert summary == "2 differences, 1 repaired, in 1 session, 1 turn, 1 picture."
    assert run(["sessions", "check", "--db", str(db), "--json"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert (document["ok"], document["sessions"], document["turns"], document["pictures"]) == (False, 1, 1, 1)
    (difference,) = document["differences"]
    assert (difference["session"], difference["turn"], difference["repaired"]) == (None, None, False)
    assert len(difference["image"]) == 64


def test_a_file_that_cannot_be_opened_is_bad_input(db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    db.write_bytes(db.read_bytes()[:5000])
    for command in ("check", "backup"):
        assert run(["sessions", command, "--db", str(db)]) == 3
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "is damaged: keep it" in err
    assert os.listdir(db.parent).count("sessions.db") == 1
    assert run(["sessions", "backup", "--db", str(db.parent / "none.db")]) == 3
    assert "there is no such database" in capfd.readouterr().err


def test_ctrl_c_ends_a_check(db: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def differences(self: Check) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert self._stop.wait(10)
        raise StoreError("what is raised by work that was broken off is not told")

    monkeypatch.setattr(Check, "differences", differences)
    with pytest.raises(SystemExit) as ended:
        run(["sessions", "check", "--db", str(db)])
    assert ended.value.code == 130
    assert capfd.readouterr() == ("", "")


def test_a_copy_is_made_where_one_asks_for_it_or_beside(db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = db.parent / "copy.db"
    assert run(["sessions", "backup", "--db", str(db), "-o", str(target)]) == 0
    assert capfd.readouterr().out.startswith(f"copied to {target}, ")
    assert dump(target) == dump(db)
    assert run(["sessions", "backup", "--db", str(db), "-o", str(target)]) == 3
    assert "exists already: choose another name, or give --overwrite" in capfd.readouterr().err
    assert run(["sessions", "backup", "--db", str(db), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    beside = Path(document["file"])
    assert (beside.parent, document["bytes"]) == (db.parent, beside.stat().st_size)
    assert integrity(beside) == "ok"


def test_a_copy_of_what_may_not_be_is_made_and_told(db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damage.change(db, "UPDATE turns SET role = 'robot'")
    assert run(["sessions", "backup", "--db", str(db)]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("copied to ")
    assert err.startswith(
        "idefics-chat: it holds 1 thing that may not be, as the database does: `idefics-chat sessions"
    )
    assert run(["sessions", "backup", "--db", str(db), "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["problems"] == 1
