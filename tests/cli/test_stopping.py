"""A reply that is stopped or killed keeps what was said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.program import Begin, Run, slow_script, stored


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
    assert (process.returncode, output) == (130, b"")
    ((session_id, deleted_at),) = stored(tmp_path, "select id, deleted_at from sessions")
    assert deleted_at is not None
    assert errors.decode() == f"idefics-chat: `idefics-chat sessions restore {session_id}` brings your message back\n"


def test_a_reply_that_is_killed_is_kept_as_interrupted(tmp_path: Path, picture: Path, run: Run, begin: Begin) -> None:
    asked = begin("ask", "Tell me a story.", "-i", str(picture), script=slow_script(0.4))
    said = asked.wait_for_output(12)
    time.sleep(1.2)
    os.kill(asked.pid, signal.SIGKILL)
    assert asked.wait().returncode == -signal.SIGKILL
    assert said.startswith("Once upon")
    (text,) = stored(tmp_path, "select text from parts order by turn_id desc limit 1")[0]
    assert text.startswith("Once upon")
    shown = run("sessions", "show", stored(tmp_path, "select id from sessions")[0][0]).stdout
    assert "(interrupted)" in shown
    assert run("ask", "How many shapes are there?", "--continue").stdout == "There are two shapes.\n"


def test_ctrl_c_keeps_what_was_said_and_exits_with_130(tmp_path: Path, picture: Path, begin: Begin) -> None:
    asked = begin("ask", "Tell me a story.", "-i", str(picture), script=slow_script(0.2))
    asked.wait_for_output(9)
    os.kill(asked.pid, signal.SIGINT)
    done = asked.wait()
    assert (done.returncode, done.stderr) == (130, "")
    ((reason, text),) = stored(
        tmp_path,
        "select stop_reason, text from generations join parts using (turn_id)",
    )
    assert reason == "cancelled"
    assert text.startswith("Once upon")
