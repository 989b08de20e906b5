"""The real command with a fault in it: `python -m tests.tui.faulty FAULT [ARGUMENT]...`."""

import sys
from typing import Any

import chat.__main__
import chat.cli.chat
import chat.tui.pictures
from chat.tui.screens.chat import ChatScreen
from tests.tui.program import load

FAULTS = {
    "handler": "RuntimeError: a handler failed",
    "worker": "RuntimeError: a thread failed",
    "everything": "RuntimeError: a handler failed",
}
"""How each fault is told."""
LOCAL_VALUE = "-".join(["nobody", "needs", "to", "see", "this"])


def _fail(*_: Any) -> None:
    secret = LOCAL_VALUE
    raise RuntimeError(f"a handler failed\nand goes on about it for {len(secret)} characters")


def _fail_on_a_thread(*_: Any) -> None:
    raise OSError("a thread failed")


def main() -> None:
    """Run the command as its entry point does."""
    fault, *arguments = sys.argv[1:]
    chat.cli.chat.apart_loader = lambda request: load  # type: ignore[attr-defined]
    ChatScreen.action_help = _fail  # type: ignore[assignment,method-assign]
    chat.tui.pictures.PICTURES.open = _fail_on_a_thread  # type: ignore[assignment,method-assign]
    if fault == "everything":
        ChatScreen.put_away = _fail  # type: ignore[assignment,method-assign]
    sys.argv = ["idefics-chat", "chat", *arguments]
    chat.__main__.main()


if __name__ == "__main__":
    main()
