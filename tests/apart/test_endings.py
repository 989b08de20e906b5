"""How the model's process ends, and what is told of it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from chat.apart.generator import load_apart
from chat.apart.link import Link
from chat.errors import CheckpointError, ModelLostError
from chat.generation import Chunk, Reply
from chat.models.request import CheckpointRequest
from chat.prompt import Prompt
from tests.apart.test_apart import LONG
from tests.tui.terminal import Terminal


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked about yet has ended, too."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait for what comes at once, unless the machine is busy."""
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def model_of(terminal: Terminal) -> int:
    """The model's process."""
    terminal.wait_until(lambda: psutil.Process(terminal.pid).children())
    (child,) = psutil.Process(terminal.pid).children()
    return int(child.pid)


def test_a_process_that_is_killed_ends_its_reply(shapes_request: CheckpointRequest, ask: Callable[..., Prompt]) -> None:
    told: list[ModelLostError] = []
    apart = load_apart(shapes_request, lambda _: None, threading.Event())
    apart.when_lost(told.append)
    replying, asked = apart.generate(ask("What is in the picture?"), LONG, threading.Event()), ask("And now?")
    pieces = [next(replying), next(replying)]
    os.kill(apart.pid, signal.SIGKILL)
    with pytest.raises(ModelLostError, match=r"^the model's process was killed: out of memory\?$"):
        pieces += replying
    assert pieces
    assert all(isinstance(piece, Chunk) for piece in pieces)
    assert not any(isinstance(piece, Reply) for piece in pieces)
    with pytest.raises(ModelLostError):
        apart.count_tokens(asked)
    wait_until(lambda: told)
    assert [str(error) for error in told] == ["the model's process was killed: out of memory?"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import os; os.abort()", r"the model's process crashed \(SIGABRT\)"),
        (
            "import sys; sys.exit('first\\nlast \\033[31m words')",
            "the model's process ended with code 1: last ␛.*words",
        ),
    ],
)
def test_a_process_that_ends_while_it_loads_is_told_in_its_last_words(
    shapes_request: CheckpointRequest, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    monkeypatch.setattr("chat.apart.link._BEGIN", script)
    with pytest.raises(CheckpointError, match=words):
        load_apart(shapes_request, lambda _: None, threading.Event())


def test_nothing_is_told_of_a_process_that_was_ended_here() -> None:
    told: list[ModelLostError] = []
    link = Link()
    link.when_lost(told.append)
    link.end()
    wait_until(lambda: gone(link.pid))
    with pytest.raises(ModelLostError, match="let go of"):
        link.ask("count_tokens", None)
    assert told == []


def test_a_lost_model_is_loaded_again_and_ends_with_the_program(tmp_path: Path) -> None:
    with Terminal("--db", str(tmp_path / "sessions.db"), module="chat") as terminal:
        terminal.wait_for("ready")
        first = model_of(terminal)
        assert psutil.Process(first).nice() > psutil.Process(terminal.pid).nice()
        os.kill(first, signal.SIGKILL)
        terminal.wait_for("was killed: out of memory?")
        terminal.type("/load\r")
        terminal.wait_for("ready")
        second = model_of(terminal)
        assert second != first
        os.kill(terminal.pid, signal.SIGKILL)
        wait_until(lambda: gone(second))


def test_a_signal_to_all_that_runs_in_the_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    with Terminal("--db", str(tmp_path / "sessions.db"), module="chat") as terminal:
        terminal.wait_for("loading")
        model = model_of(terminal)
        os.killpg(terminal.pid, signal.SIGINT)
        terminal.seconds_to_end()
        wait_until(lambda: gone(model))
        assert b"Traceback" not in terminal.output
        assert b"KeyboardInterrupt" not in terminal.output
