"""The README: its pictures are those that the tests keep, its table of settings has every key, its queries run."""

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import sqlite_utils.cli
from click.testing import CliRunner

from chat.config_keys import KEYS
from chat.session_files import import_transcripts
from chat.store import open_store
from chat.talk.commands import COMMANDS
from chat.transcript import load_transcript

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_picture_is_one_that_a_test_keeps() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) > 3
    for picture in pictures:
        assert "__snapshots__" in picture
        assert (ROOT / unquote(picture)).is_file()


def test_the_table_of_settings_has_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", README, re.MULTILINE))
    for key in KEYS:
        default = rows[key.name].strip("`")
        assert default == _shown(key.default), key.name


def _shown(default: object) -> str:
    if default is None:
        return "–"
    return f'"{default}"' if isinstance(default, str) else str(default).lower()


def test_every_command_that_it_names_is_there() -> None:
    known = {command.name for command in COMMANDS} | {"describe", "send", "forget"}
    named = set(re.findall(r"`/([a-z]+)(?: [^`]*)?`", README))
    assert named <= known


def test_its_queries_of_the_database_find_something(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with open_store(path) as store:
        import_transcripts(store, map(load_transcript, sorted((ROOT / "sample_sessions").glob("*.json"))))
    commands = re.findall(r"^sqlite-utils [^`]+?(?=^sqlite-utils|^```)", README, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        words = [str(path) if word.endswith("/sessions.db") else word for word in shlex.split(command)]
        result = CliRunner().invoke(sqlite_utils.cli.cli, words[1:])
        assert result.exit_code == 0, result.output
        assert len(result.output.splitlines()) > 1, command


def test_its_picture_of_the_database_has_every_table(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    open_store(path).close()
    tables = {name for name in sqlite_utils.Database(path).table_names() if not re.match("_|words_", name)}
    (drawn,) = re.findall(r"```\n(sessions .+?)```", README, re.DOTALL)
    assert set(re.findall(r"[├└]─ (\w+)", drawn)) | {"sessions"} == tables
