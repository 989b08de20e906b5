"""Line by line in a real pipe that is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chat.generation import StopReason
from chat.store import SqliteStore
from tests.tui.terminal import ROOT


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_lines_and_keeps_the_words_of_the_reply(
    store: SqliteStore, db: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "tests.plain.program", str(db), "stream"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Go on\nAnd now?\n")
        process.stdin.flush()
        assert process.stdout.read(20).startswith(b"shapes: word word")
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert errors == b"Loading shapes.\n" + b"(stopped)\n" * (number == signal.SIGINT)
    message, reply = store.turns(store.sessions()[0].id)
    assert message.turn.text == "Go on"
    assert reply.turn.text.startswith("word word")
    assert reply.generation is not None
    assert reply.generation.stop_reason is StopReason.CANCELLED


def test_a_reader_that_is_gone_ends_the_reply_and_keeps_its_words(store: SqliteStore, db: Path) -> None:
    command = [sys.executable, "-m", "tests.plain.program", str(db), "stream"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Go on\n")
        process.stdin.flush()
        process.stdout.read(20)
        process.stdout.close()
        assert process.wait(20)
    reply = store.turns(store.sessions()[0].id)[1]
    assert reply.turn.text.startswith("word word")
    assert reply.generation is not None
    assert reply.generation.stop_reason is StopReason.CANCELLED
