"""Which commands make a database where there is none."""

from pathlib import Path

import pytest

from tests.cli.program import Run, told

SAMPLE = Path(__file__).parents[2] / "sample_sessions" / "story.json"


@pytest.mark.parametrize("environment", [False, True])
@pytest.mark.parametrize(
    "command",
    [["list"], ["show", "a"], ["rename", "a", "b"], ["delete", "a"], ["restore", "a"], ["export", "a", "-o", "-"]],
    ids=lambda command: command[0],
)
def test_a_mistyped_database_is_refused_and_not_made(
    run: Run, tmp_path: Path, command: list[str], environment: bool
) -> None:
    path = tmp_path / "mistyped" / "sessions.db"
    if environment:
        done = run("sessions", *command, IDEFICS_CHAT_DB=str(path))
    else:
        done = run("sessions", *command, "--db", "mistyped/sessions.db")
    assert (done.returncode, done.stdout) == (3, "")
    assert told(done) == f"idefics-chat: {path}: there is no such database: check --db, IDEFICS_CHAT_DB or the config"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_no_database(run: Run, picture: Path) -> None:
    assert "there is no such database" in told(run("sessions", "list", "--db", f"{picture}/sessions.db"))


def test_a_database_that_is_a_folder_is_told_as_one(run: Run, tmp_path: Path) -> None:
    assert told(run("sessions", "list", "--db", tmp_path)).endswith("is a folder: give a file with --db")


def test_the_list_of_a_first_day_is_empty(run: Run) -> None:
    done = run("sessions", "list", IDEFICS_CHAT_DB="")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No sessions.")


def test_what_keeps_something_makes_its_database(run: Run, tmp_path: Path) -> None:
    assert run("sessions", "import", SAMPLE, "--db", "new/sessions.db").returncode == 0
    assert (tmp_path / "new" / "sessions.db").exists()
