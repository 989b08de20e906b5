"""Line by line in a real terminal: what it writes there, and how it ends."""

import os
import pty
import re
import select
import signal
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from chat.drafts import Draft
from chat.generation import StopReason
from chat.plain.keyboard import Keyboard
from chat.plain.signals import Signals
from chat.store import SqliteStore
from tests.plain.conftest import turns
from tests.tui.terminal import PATIENCE_S, Terminal

MOST_SECONDS = 2.0
"""An end may take so long, whatever the program is doing."""

# Bold and plain; and that pastes are told apart from keys.
_ALLOWED = re.compile(rb"\x1b\[[01]m|\x1b\[\?2004[hl]")


def _terminal(db: Path, mode: str, environment: Mapping[str, str] = MappingProxyType({})) -> Terminal:
    return Terminal(str(db), mode, module="tests.plain.program", environment=environment)


def _start_streaming(terminal: Terminal) -> None:
    terminal.wait_for("You:")
    terminal.type("Go on\r")
    terminal.wait_for("word word word word")


def _type(terminal: Terminal, keys: str) -> None:
    """Type keys, and let the program come to rest behind their echo: only its waiting for a key is ended by signals."""
    terminal.type(keys)
    terminal.wait_for(keys)
    terminal.read(0.3)


def _ended_with(terminal: Terminal) -> int:
    assert terminal.seconds_to_end() < MOST_SECONDS
    assert terminal.status is not None
    # As readline and the program found it.
    assert termios.tcgetattr(terminal.fd) == terminal.modes
    return os.waitstatus_to_exitcode(terminal.status)


def _reply(store: SqliteStore) -> tuple[str, StopReason | None]:
    latest = store.latest_session()
    assert latest is not None
    stored = store.turns(latest.id)[1]
    assert stored.generation is not None
    return stored.turn.text, stored.generation.stop_reason


def test_ctrl_c_stops_the_reply_keeps_it_and_asks_for_the_next_message(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        terminal.type("\x03")
        terminal.wait_for("(stopped)")
        terminal.wait_for("You:")
        text, reason = _reply(store)
        assert text.startswith("word word word word")
        assert reason is StopReason.CANCELLED
        terminal.type("And now?\r")
        terminal.wait_for("It goes on.")
        terminal.wait_for("You:")
        terminal.type("\x04")
        assert _ended_with(terminal) == 0
    assert [text for _, text in turns(store)[2:]] == ["And now?", "It goes on."]


def test_ctrl_c_drops_a_line_and_leaves_when_it_is_pressed_twice(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        _type(terminal, "half a thought")
        terminal.type("\x03")
        terminal.wait_for("Ctrl+C once more leaves")
        terminal.wait_for("You:")
        # The line is not lost.
        terminal.type("\x1b[A")
        terminal.wait_for("half a thought")
        terminal.read(0.3)
        terminal.type("\x03")
        terminal.wait_for("Ctrl+C once more leaves")
        terminal.wait_for("You:")
        terminal.read(0.3)
        terminal.type("\x03")
        assert _ended_with(terminal) == 130
    assert store.latest_session() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_keeps_the_words_of_a_reply(store: SqliteStore, db: Path, number: signal.Signals) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        os.kill(terminal.pid, number)
        assert _ended_with(terminal) == 128 + number
    text, reason = _reply(store)
    assert text.startswith("word word word word")
    assert reason is StopReason.CANCELLED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_keeps_what_was_typed(store: SqliteStore, db: Path, number: signal.Signals) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        terminal.type("one line\\\r")
        terminal.wait_for("More:")
        _type(terminal, "half a thought")
        os.kill(terminal.pid, number)
        assert _ended_with(terminal) == 128 + number
    assert store.draft(None) == Draft("one line\nhalf a thought")


def test_two_requests_to_end_do_not_wait_and_give_the_terminal_back(db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        # Both are there before the program looks.
        for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
            os.kill(terminal.pid, number)
        assert _ended_with(terminal) in (128 + signal.SIGHUP, 128 + signal.SIGTERM)


def test_a_closed_window_keeps_the_words_of_a_reply(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        terminal.hang_up()
        assert terminal.seconds_to_end() < MOST_SECONDS
    text, reason = _reply(store)
    assert text.startswith("word word word word")
    assert reason is StopReason.CANCELLED


def test_a_reply_that_is_killed_is_kept_as_far_as_it_was_saved(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        terminal.wait_until(lambda: _reply(store)[0])
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.seconds_to_end()
    text, reason = _reply(store)
    assert text.startswith("word word")
    assert reason is None


def test_a_signal_does_not_wait_for_a_loading_that_cannot_be_stopped(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stubborn-load") as terminal:
        terminal.wait_for("You:")
        terminal.type("Hello\r")
        terminal.wait_for("Loading shapes.")
        os.kill(terminal.pid, signal.SIGTERM)
        assert _ended_with(terminal) == 143
    assert store.draft(None) == Draft("Hello")


def _talk_through(terminal: Terminal) -> bytes:
    terminal.wait_for("You:")
    for number in range(1, 4):
        terminal.type(f"Message {number}\r")
        terminal.wait_for(f"Reply {number}.")
        terminal.wait_for("You:")
    terminal.type("/nosuch\r")
    terminal.wait_for("There is no command")
    terminal.type("/help\r")
    terminal.wait_for("skipped.")
    terminal.wait_for("You:")
    terminal.type("/quit\r")
    assert _ended_with(terminal) == 0
    return terminal.output


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}])
def test_a_terminal_without_colour_gets_no_escape_byte(db: Path, environment: dict[str, str]) -> None:
    with _terminal(db, "replies", environment) as terminal:
        assert b"\x1b" not in _talk_through(terminal)


def test_another_terminal_gets_bold_labels_and_nothing_that_moves(db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        output = _talk_through(terminal)
    assert b"\x1b[1mshapes:\x1b[0m Reply 1." in output
    assert b"\x1b" not in _ALLOWED.sub(b"", output)


def test_lines_typed_while_the_model_answers_are_taken_in_order(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        terminal.type("One\rTwo\rThree\r")
        terminal.wait_for("Reply 3.")
        terminal.wait_for("You:")
        terminal.type("\x04")
        assert _ended_with(terminal) == 0
    said = [text for _, text in turns(store)]
    assert said == ["One", "Reply 1.", "Two", "Reply 2.", "Three", "Reply 3."]


def test_ctrl_c_stops_a_reply_and_the_lines_typed_ahead_are_taken(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        terminal.type("/prompt\rAnd now?\r")
        terminal.wait_for("word word")
        terminal.type("\x03")
        terminal.wait_for("(stopped)")
        terminal.wait_for("It goes on.")
        terminal.wait_for("You:")
        terminal.type("\x04")
        assert _ended_with(terminal) == 0
    assert [text for _, text in turns(store)[2:]] == ["And now?", "It goes on."]


def test_a_dumb_terminal_keeps_the_lines_typed_ahead_of_ctrl_c_and_shows_them_at_once(
    store: SqliteStore, db: Path
) -> None:
    with _terminal(db, "stream", {"TERM": "dumb"}) as terminal:
        _start_streaming(terminal)
        terminal.type("And now?\r")
        terminal.wait_for("And now?")
        terminal.wait_for("word word")
        terminal.type("\x03")
        terminal.wait_for("It goes on.")
        terminal.wait_for("You:")
        # What is begun is dropped there.
        _type(terminal, "half")
        terminal.type("\x03")
        terminal.wait_for("You:")
        terminal.type("/quit\r")
        assert _ended_with(terminal) == 0
    assert [text for _, text in turns(store)[2:]] == ["And now?", "It goes on."]


def test_what_is_typed_while_a_reply_is_written_is_shown_behind_the_prompt(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream", {"NO_COLOR": "1"}) as terminal:
        _start_streaming(terminal)
        begun = len(terminal.output)
        terminal.type("/times\rand the")
        terminal.wait_for("word word word word")
        terminal.type("\x03")
        terminal.wait_for("You: and the")
        assert re.match(rb"[word ]*\r\n\(stopped\)\r\nYou: /times\r\n", terminal.output[begun:])
        terminal.type("n?\r")
        terminal.wait_for("It goes on.")
    assert turns(store)[2] == ("user", "and then?")


def test_keys_typed_ahead_do_what_they_do_at_the_prompt(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        terminal.type("Tow\x7f\x7fwo\r\x04")
        terminal.wait_for("word word")
        terminal.type("\x03")
        assert _ended_with(terminal) == 0
    assert [text for _, text in turns(store)[2:]] == ["Two", "It goes on."]


def test_ctrl_z_drops_what_was_typed_ahead_and_says_so(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "stream") as terminal:
        _start_streaming(terminal)
        quiet = termios.tcgetattr(terminal.fd)
        terminal.type("one line\r")
        terminal.wait_for("word word")
        # Nobody is there to go on with the program, so that it is not paused.
        terminal.type("\x1a")
        terminal.wait_for("word word word word")
        assert termios.tcgetattr(terminal.fd) == quiet != terminal.modes
        terminal.type("\x03")
        terminal.wait_for("What was typed ahead of ctrl+z is dropped.")
        terminal.wait_for("You:")
    assert len(turns(store)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_what_was_typed_ahead_of_a_signal_to_end_is_left_to_no_shell(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    window, program = pty.openpty()
    try:
        with os.fdopen(program) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            keyboard = Keyboard()
            with Signals(keyboard).listen(), keyboard.kept():
                os.write(window, b"one line\r")
                assert select.select([stdin], [], [], PATIENCE_S)[0]
                signal.raise_signal(number)
            assert not select.select([stdin], [], [], 0)[0]
    finally:
        os.close(window)


def test_a_terminal_that_controls_no_jobs_is_kept_quiet_too(monkeypatch: pytest.MonkeyPatch) -> None:
    window, program = pty.openpty()
    try:
        with os.fdopen(program) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            keyboard = Keyboard()
            keyboard.shows_later = True
            found = termios.tcgetattr(stdin)
            with keyboard.kept():
                assert not termios.tcgetattr(stdin)[3] & termios.ECHO
                with keyboard.heard():
                    assert termios.tcgetattr(stdin)[3] & termios.ECHO
            assert termios.tcgetattr(stdin) == found
    finally:
        os.close(window)


def test_tab_completes_a_command(db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        terminal.type("/conte\t")
        terminal.wait_for("/context")
        terminal.type("\r")
        terminal.wait_for("0 of 100,000 tokens of the context are used.")


def test_a_text_of_several_lines_that_is_pasted_is_one_message(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        terminal.type("\x1b[200~One\rtwo\x1b[201~")
        terminal.wait_for("two")
        terminal.type("\r")
        terminal.wait_for("These 2 lines are taken as one.")
        terminal.wait_for("Reply 1.")
    assert turns(store)[0] == ("user", "One\ntwo")


def test_the_end_of_a_conversation_is_told_when_it_goes_on(store: SqliteStore, db: Path) -> None:
    with _terminal(db, "replies") as terminal:
        terminal.wait_for("You:")
        terminal.type("Hello\r")
        terminal.wait_for("Reply 1.")
        terminal.wait_for("You:")
        terminal.type("\x04")
        assert _ended_with(terminal) == 0
    with _terminal(db, "replies", {"TERM": "dumb"}) as terminal:
        terminal.wait_for("Conversation “Hello”: 2 turns, no pictures. /history shows it. The end of it:\r\n")
        terminal.wait_for("You: Hello\r\nshapes: Reply 1.\r\nYou: ")
