"""The conversation line by line as a program for a real terminal: `python -m tests.plain.program DB MODE`."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from chat.cli.ending import end_at_once
from chat.generation import CheckpointFacts, GenerationSettings, TextGenerator
from chat.loading import LoadProgress
from chat.plain.run import PlainChat
from chat.scripted import ScriptedGenerator
from chat.store import open_store

ENDLESS = "word " * 10_000


def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
    """Load as the mode says."""
    facts = CheckpointFacts("shapes", context_length=100_000)
    if sys.argv[2] == "stubborn-load":
        # As torch does while it is imported.
        threading.Event().wait(60)
    if sys.argv[2] == "stream":
        return ScriptedGenerator([ENDLESS, "It goes on."], facts=facts, pause_s=0.02)
    return ScriptedGenerator([f"Reply {number}." for number in range(1, 10)], facts=facts, pause_s=0.02)


def main() -> None:
    """Run it and leave as it says."""
    code = PlainChat(
        open_store=lambda: open_store(Path(sys.argv[1])),
        load=load,
        checkpoint="shapes",
        is_demonstration=False,
        settings=GenerationSettings(max_new_tokens=20_000),
        environment=os.environ,
        continue_latest=True,
    ).run()
    end_at_once(code)


if __name__ == "__main__":
    main()
