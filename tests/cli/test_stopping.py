"""A reply that is stopped or killed keeps what was said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.program import Run, stored


def slow_ask(tmp_path: Path, picture: Path, seconds: float) -> "subprocess.Popen[bytes]":
    """Asks for a story whose every token takes so long."""
    script = (
        "import sys, time\n"
        "from chat.models import sampling\n"
        "choose = sampling.Sampler.choose\n"
        f"def slow(*args): time.sleep({seconds}); return choose(*args)\n"
        "sampling.Sampler.choose = slow\n"
        "from chat.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, "ask", "Tell me a story.", "-i", str(picture)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db")},
    )


def test_ctrl_c_while_loading_exits_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chat", "ask", "Hello", "--db", str(tmp_path / "sessions.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / "sessions.db").exists() or not stored(tmp_path, "select name from sqlite_master"):
        time.sleep(0.05)
    while not stored(tmp_path, "select id from turns"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"")


def test_a_reply_that_is_killed_is_kept_as_interrupted(tmp_path: Path, picture: Path, run: Run) -> None:
    process = slow_ask(tmp_path, picture, 0.4)
    assert process.stdout is not None
    said = process.stdout.read(12)
    time.sleep(1.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert said.startswith(b"Once upon")
    (text,) = stored(tmp_path, "select text from parts order by turn_id desc limit 1")[0]
    assert text.startswith("Once upon")
    shown = run("sessions", "show", stored(tmp_path, "select id from sessions")[0][0]).stdout
    assert "(interrupted)" in shown
    assert run("ask", "How many shapes are there?", "--continue").stdout == "There are two shapes.\n"


def test_ctrl_c_keeps_what_was_said_and_exits_with_130(tmp_path: Path, picture: Path) -> None:
    process = slow_ask(tmp_path, picture, 0.2)
    assert process.stdout is not None
    process.stdout.read(9)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")
    ((reason, text),) = stored(
        tmp_path,
        "select stop_reason, text from generations join parts using (turn_id)",
    )
    assert reason == "cancelled"
    assert text.startswith("Once upon")
