"""The program in a real terminal: what it writes there, and how it leaves."""

import os
import re
import signal
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.drafts import Draft
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.store import SqliteStore
from tests.tui.faulty import FAULTS, LOCAL_VALUE
from tests.tui.hostile import HOSTILE
from tests.tui.terminal import Terminal

MOST_SECONDS = 2.0
"""An end may take so long, whatever the program is doing."""

# What Textual itself says to a terminal: colours, places, modes, and the shape of the mouse pointer.
_ALLOWED = re.compile(
    rb"\x1b\[[0-9;:?>=<]*[A-Za-z$]|\x1b\[[?]?[0-9;]*\$p|\x1b\]22;[a-z-]*(?:\x07|\x1b\\)|\x1b[78=>]|\x1bP\+q[0-9A-Fa-f;]*\x1b\\"
)
_CONTROLS = re.compile("[\x00-\x06\x07\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def _offences(output: bytes) -> list[str]:
    """Controls in what was written that are not the UI's own."""
    text = _ALLOWED.sub(b"", output).decode("utf-8", errors="replace")
    return [text[max(0, match.start() - 20) : match.end() + 20] for match in _CONTROLS.finditer(text)]


def _replies(store: SqliteStore, session_id: str) -> int:
    """How many replies have ended."""
    return sum(
        1 for turn in store.turns(session_id) if turn.generation is not None and turn.generation.stop_reason is not None
    )


def test_the_check_finds_what_it_looks_for() -> None:
    assert _offences(b"\x1b[31mred\x1b[0m \x1b[?1049h\r\n plain") == []
    assert len(_offences(HOSTILE.encode())) >= 8


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_no_hostile_byte_reaches_the_terminal(
    store: SqliteStore, db: Path, tmp_path: Path, scene_image: Callable[..., Image], size: tuple[int, int]
) -> None:
    image = scene_image(1)
    hostile_image = Image(image.digest, image.width, image.height, HOSTILE, image.read)
    facts = CheckpointFacts(HOSTILE)
    session_id = store.new_session(system=HOSTILE, title=HOSTILE)
    message = store.add_user_turn(session_id, user_turn(hostile_image, HOSTILE))
    turn = store.open_reply(message, facts, GenerationSettings())
    store.close_reply(turn, Reply(HOSTILE, (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0, 0))
    store.save_draft(session_id, Draft(HOSTILE, (hostile_image,)))
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / f"{HOSTILE.replace('/', '')}.png").write_bytes(image.read())
    (tmp_path / "a.png").write_bytes(image.read())
    with Terminal(str(db), "hostile", str(tmp_path / "a.png"), cwd=folder, size=size) as terminal:
        terminal.wait_for("␛]52;c;SE9TVElMRQ==")
        terminal.wait_for("ready")
        terminal.type("\r")
        terminal.wait_until(lambda: _replies(store, session_id) == 2)
        terminal.type(f"\x1b[200~{HOSTILE.replace(chr(27), '')}\x1b[201~")
        terminal.wait_for("␇]0;HOSTILE")
        terminal.type("\r")
        terminal.wait_until(lambda: _replies(store, session_id) == 3)
        terminal.type("/nosuch\r")
        terminal.wait_for("There is no command")
        terminal.type("\x0f")
        terminal.wait_for("Add pictures")
        terminal.wait_for("␛]52")
        terminal.type("\t\x1b[B\x1b[B")
        terminal.wait_for("sha ")
        # The escape key as a sequence of its own: a bare escape and a key in one piece would be another key.
        terminal.type("\x1b[27u")
        terminal.type_until("\x12", "earch titles")
        terminal.type("\x11")
        terminal.seconds_to_end()
        assert _offences(terminal.output) == []


def test_a_hostile_error_is_shown_in_marks(db: Path) -> None:
    with Terminal(str(db), "failing-load") as terminal:
        terminal.wait_for("␛]52")
        terminal.type("\x11")
        terminal.seconds_to_end()
        assert _offences(terminal.output) == []


def _start_streaming(terminal: Terminal) -> None:
    terminal.wait_for("ready")
    terminal.type("Go on\r")
    terminal.wait_for("word word word word")
    terminal.type("half a thought")
    terminal.wait_for("thought")


def _assert_everything_is_kept(store: SqliteStore, draft: str = "half a thought") -> None:
    latest = store.latest_session()
    assert latest is not None
    question, reply = store.turns(latest.id)
    assert question.turn.text == "Go on"
    assert reply.turn.text.startswith("word word word word")
    assert reply.generation is not None
    assert reply.generation.stop_reason is StopReason.CANCELLED
    assert store.draft(latest.id) == Draft(draft)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_keeps_everything_and_gives_the_terminal_back(
    store: SqliteStore, db: Path, number: signal.Signals
) -> None:
    with Terminal(str(db), "stream") as terminal:
        _start_streaming(terminal)
        os.kill(terminal.pid, number)
        assert terminal.seconds_to_end() < MOST_SECONDS
        assert terminal.status is not None
        assert os.waitstatus_to_exitcode(terminal.status) == 128 + number
        assert b"\x1b[?1049l" in terminal.output
        assert b"\x1b[?25h" in terminal.output
        assert termios.tcgetattr(terminal.fd) == terminal.modes
    _assert_everything_is_kept(store)


@pytest.mark.parametrize("is_signalled", [True, False])
def test_a_closed_window_keeps_everything(store: SqliteStore, db: Path, is_signalled: bool) -> None:
    with Terminal(str(db), "stream", is_signalled=is_signalled) as terminal:
        _start_streaming(terminal)
        terminal.hang_up()
        assert terminal.seconds_to_end() < MOST_SECONDS
    _assert_everything_is_kept(store)


def test_ctrl_q_leaves_at_once_while_a_reply_streams(store: SqliteStore, db: Path) -> None:
    with Terminal(str(db), "stream") as terminal:
        _start_streaming(terminal)
        terminal.type("\x11")
        assert terminal.seconds_to_end() < MOST_SECONDS
        assert terminal.status == 0
        assert termios.tcgetattr(terminal.fd) == terminal.modes
    _assert_everything_is_kept(store)


def test_ctrl_q_does_not_wait_for_a_loading_that_cannot_be_stopped(db: Path) -> None:
    with Terminal(str(db), "stubborn-load") as terminal:
        terminal.wait_for("loading")
        terminal.wait_for("Help")
        terminal.type("\x11")
        assert terminal.seconds_to_end() < MOST_SECONDS
        assert terminal.status == 0


@pytest.mark.parametrize("fault", ["handler", "worker", "everything"])
def test_an_error_of_the_program_is_one_line_and_keeps_everything(
    store: SqliteStore, db: Path, tmp_path: Path, scene_image: Callable[..., Image], fault: str
) -> None:
    (tmp_path / "a.png").write_bytes(scene_image(1).read())
    with Terminal(fault, "--db", str(db), module="tests.tui.faulty", cwd=tmp_path) as terminal:
        _start_streaming(terminal)
        terminal.type("\x1b[200~a.png\x1b[201~" if fault == "worker" else "\x1bOP")
        assert terminal.seconds_to_end() < MOST_SECONDS
        assert terminal.status is not None
        assert os.waitstatus_to_exitcode(terminal.status) == 4
        assert termios.tcgetattr(terminal.fd) == terminal.modes
        *_, after = terminal.output.partition(b"\x1b[?1049l")
        told = _ALLOWED.sub(b"", after).decode().strip()
        assert told == f"idefics-chat: an error of the program: {FAULTS[fault]} (--debug shows where)"
    if fault == "handler":
        _assert_everything_is_kept(store)
    elif fault == "worker":
        _assert_everything_is_kept(store, "a.png\n\nhalf a thought")


def test_an_error_of_the_program_is_traced_under_debug(db: Path) -> None:
    with Terminal("handler", "--debug", "--db", str(db), module="tests.tui.faulty") as terminal:
        terminal.wait_for("ready")
        terminal.type("\x1bOP")
        assert terminal.seconds_to_end() < MOST_SECONDS
        assert terminal.status is not None
        assert os.waitstatus_to_exitcode(terminal.status) == 4
        *_, after = terminal.output.partition(b"\x1b[?1049l")
    assert b"Traceback" in after
    assert b"in _fail" in after
    assert LOCAL_VALUE.encode() not in after


def test_ctrl_c_does_not_end_the_program(db: Path) -> None:
    with Terminal(str(db), "stream") as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        terminal.wait_for("ctrl+q")
        terminal.type("still here")
        terminal.wait_for("here")


def test_a_terminal_without_signs_is_written_none(db: Path) -> None:
    with Terminal(str(db), "stream", environment={"IDEFICS_CHAT_GLYPHS": "ascii"}) as terminal:
        terminal.wait_for("ready")
        terminal.type("Go on\r")
        terminal.wait_for("word word word word")
        terminal.type("/new\r")
        terminal.type_until("\x1bOP", "do it")
        terminal.type("\x1b\x11")
        terminal.seconds_to_end()
        assert sorted({*terminal.output.decode()} - {*map(chr, range(128))}) == []
