"""The command in a real terminal: any key, any size, a terminal that can do little, a broken config, an editor."""

import os
import random
import re
import stat
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from chat.store import SqliteStore
from tests.tui.terminal import PATIENCE_S, Terminal

KEYS = 300
SEED = 5
_ESCAPE = b"\x1b[27u"
_CONTROLS = [bytes([code]) for code in range(1, 32) if code not in (0x11, 0x1B)]
_SEQUENCES = [
    *(f"\x1b[{letter}".encode() for letter in "ABCDHF"),
    *(f"\x1b[{number}~".encode() for number in (2, 3, 5, 6, 15, 17)),
    b"\x1bOP",
    b"\x1b[1;5H",
    b"\x1b[1;5F",
    b"\x1b[Z",
    b"\x1b[999;999R",
    b"\x1b]0;x\x07",
    b"\x1b[?1;2c",
    b"\x1b[",
    b"\x1b",
    b"\x80\xff",
]
_TEXTS = [
    "a",
    "j",
    "G",
    "/",
    "?",
    "[1",
    " ",
    "e",
    "x",
    "7",
    "\u6f22",
    "\u00e9",
    "/params",
    "/new\r",
    "/theme paper\r",
    "hi\r",
]
_PASTES = [b"\x1b[200~pasted\nlines\x1b[201~", b"\x1b[200~/etc/passwd\x1b[201~", b"\x1b[200~\xff\x9b\x1b[201~"]


def _keys(chance: random.Random) -> bytes:
    """What somebody, or a cat, may press."""
    mouse = f"\x1b[<{chance.choice((0, 2, 35, 64, 65))};{chance.randint(1, 250)};{chance.randint(1, 60)}"
    return chance.choice(
        (
            chance.choice(_TEXTS).encode(),
            chance.choice(_TEXTS).encode(),
            chance.choice(_CONTROLS),
            chance.choice(_SEQUENCES),
            _ESCAPE,
            chance.choice(_PASTES),
            f"{mouse}M{mouse}m".encode(),
        )
    )


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str | None]:
    """An environment with a config in which nothing is right, an editor that does nothing, and no colours or signs."""
    config = tmp_path / "broken.toml"
    config.write_text('themee = 1\ntheme = "nosuch"\nmotion = 3\n[keys]\nattach = "enter"\nhelp = "nokey"\n')
    return {
        "IDEFICS_CHAT_CONFIG": str(config),
        "EDITOR": "true",
        "VISUAL": None,
        "NO_COLOR": "1",
        "LC_ALL": None,
        "LANG": "C",
        "COLORTERM": None,
        "TEXTUAL_ANIMATIONS": None,
        "TEXTUAL_FPS": None,
    }


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_no_key_and_no_size_does_harm(
    db: Path, tmp_path: Path, broken: dict[str, str | None], size: tuple[int, int]
) -> None:
    chance = random.Random(SEED + size[0])
    environment = broken if size[0] == 80 else {"EDITOR": "true", "VISUAL": None}
    with Terminal(
        "--db", str(db), module="tests.tui.command", cwd=tmp_path, size=size, environment=environment
    ) as terminal:
        terminal.wait_for("ready")
        for count in range(KEYS):
            terminal.type(_keys(chance))
            terminal.read(0)
            if count % 60 == 30:
                terminal.resize(20, 5)
                terminal.read(0.1)
            elif count % 60 == 0:
                terminal.resize(*size)
        terminal.resize(*size)
        # An unfinished sequence may take one of them, and an editor that begins all that wait.
        for _ in range(PATIENCE_S):
            terminal.type(b"\x11")
            with suppress(AssertionError):
                terminal.seconds_to_end(3)
                break
        assert terminal.status == 0, terminal.output[-2000:]
        assert b"Traceback" not in terminal.output
        assert termios.tcgetattr(terminal.fd) == terminal.modes
        *_, after = terminal.output.rpartition(b"\x1b[?1049h")
        for restored in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l"):
            assert restored in after


def test_a_broken_config_is_told_and_changes_nothing_else(db: Path, broken: dict[str, str | None]) -> None:
    with Terminal("--db", str(db), module="tests.tui.command", environment=broken) as terminal:
        terminal.wait_for("config line 1")
        terminal.wait_for("ready")
        terminal.type(b"\x11")
        terminal.seconds_to_end()
        assert terminal.status == 0
        # No colour: of what is shown, only whether it is bold or dim.
        shades = re.findall(rb"\x1b\[[0-9;]*38;2;(\d+);(\d+);(\d+)", terminal.output)
        assert all(red == green == blue for red, green, blue in shades)


def test_a_terminal_without_a_cursor_is_told_what_to_use(db: Path) -> None:
    with Terminal("--db", str(db), module="tests.tui.command", environment={"TERM": "dumb"}) as terminal:
        terminal.seconds_to_end()
        assert terminal.status is not None
        assert os.waitstatus_to_exitcode(terminal.status) == 2
        assert terminal.output.decode().splitlines() == [
            "idefics-chat: the UI needs a terminal with a cursor, and TERM is dumb: use `idefics-chat --plain`"
        ]


def _editor(folder: Path, script: str) -> str:
    """A program that takes the place of an editor."""
    path = folder / "my editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return f"'{path}'"


def _draft(store: SqliteStore) -> str:
    latest = store.latest_session()
    return store.draft(latest.id if latest else None).text


def test_the_message_goes_through_the_editor_and_comes_back(db: Path, store: SqliteStore, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    look = f"ls -l \"$1\" > '{seen}'; echo \"$1\" >> '{seen}'; echo edited"
    script = f"{look}; printf ' and\\033[31m more\\n' >> \"$1\""
    environment: dict[str, str | None] = {"VISUAL": _editor(tmp_path, script), "EDITOR": "false"}
    with Terminal("--db", str(db), module="tests.tui.command", environment=environment) as terminal:
        terminal.wait_for("ready")
        terminal.type("written here")
        terminal.wait_for("here")
        terminal.type(b"\x07")
        terminal.wait_for("edited")
        terminal.wait_for("more")
        terminal.type(" and typed")
        terminal.wait_for("typed")
        terminal.type(b"\x11")
        terminal.seconds_to_end()
        assert terminal.status == 0
        assert termios.tcgetattr(terminal.fd) == terminal.modes
    listed, name = seen.read_text().splitlines()
    assert listed.startswith(stat.filemode(stat.S_IFREG | 0o600))
    assert not Path(name).exists()
    assert _draft(store) == "written here and\u241b[31m more and typed"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('printf lost > "$1"; exit 3', "failed with"),
        ("kill -9 $$", "was ended by SIGKILL"),
        (None, "cannot be started: No such file"),
    ],
)
def test_an_editor_that_fails_leaves_the_message(
    db: Path, store: SqliteStore, tmp_path: Path, script: str | None, told: str
) -> None:
    editor = _editor(tmp_path, script) if script else "/nosuch/editor"
    environment: dict[str, str | None] = {"VISUAL": None, "EDITOR": editor}
    with Terminal("--db", str(db), module="tests.tui.command", environment=environment, size=(200, 50)) as terminal:
        terminal.wait_for("ready")
        terminal.type("written here")
        terminal.wait_for("here")
        terminal.type(b"\x07")
        terminal.wait_for(told)
        terminal.type(b"\x11")
        terminal.seconds_to_end()
        assert terminal.status == 0
    assert _draft(store) == "written here"


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "INT"), (b"\x1c", "QUIT")])
def test_a_key_that_sends_a_signal_to_the_editor_is_not_for_the_program(
    db: Path, store: SqliteStore, tmp_path: Path, key: bytes, name: str
) -> None:
    environment: dict[str, str | None] = {
        "VISUAL": _editor(tmp_path, f"trap 'exit 0' {name}; echo waiting; sleep 60 & wait"),
        "EDITOR": None,
    }
    with Terminal("--db", str(db), module="tests.tui.command", environment=environment) as terminal:
        terminal.wait_for("ready")
        terminal.type("kept\x07")
        terminal.wait_for("waiting")
        terminal.type(key)
        terminal.wait_for("kept")
        terminal.type(" still")
        terminal.wait_for("still")
        terminal.read(0.5)
        terminal.type(b"\x11")
        terminal.seconds_to_end()
        assert terminal.status == 0
    assert _draft(store) == "kept still"
