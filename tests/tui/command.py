"""The real command with a model that answers at once: `python -m tests.tui.command [ARGUMENT]...`."""

import sys

import chat.__main__
import chat.cli.chat
from chat.generation import CheckpointFacts
from chat.scripted import ScriptedGenerator

MODEL = ScriptedGenerator(["**One** two three. " * 20] * 500, facts=CheckpointFacts("shapes", context_length=100_000))


def main() -> None:
    """Run the command as its entry point does."""
    chat.cli.chat.apart_loader = lambda request: lambda progress, stop: MODEL  # type: ignore[attr-defined]
    sys.argv = ["idefics-chat", "chat", *sys.argv[1:]]
    chat.__main__.main()


if __name__ == "__main__":
    main()
