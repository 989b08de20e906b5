"""The app as a program for a real terminal: `python -m tests.tui.program DB MODE`."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, TextGenerator
from chat.images import read_image
from chat.loading import LoadProgress
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.store import open_store
from chat.tui.app import ChatApp
from tests.tui.hostile import HOSTILE

ENDLESS = "word " * 10_000


class CharacterByCharacter(ScriptedGenerator):
    """Streams every character alone, so that no sequence comes in one piece."""

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        for piece in super().generate(prompt, settings, stop):
            if isinstance(piece, Chunk):
                for number, character in enumerate(piece.text):
                    # Slow enough for the unfinished reply to be drawn a few times.
                    stop.wait(0.004)
                    yield Chunk(character, number)
            else:
                yield piece


def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
    """Load as the mode says."""
    mode = sys.argv[2]
    if mode == "stubborn-load":
        time.sleep(60)
    if mode == "failing-load":
        raise CheckpointError(HOSTILE)
    if mode == "hostile":
        progress(LoadProgress(HOSTILE, 0.5))
        facts = CheckpointFacts(HOSTILE, device=HOSTILE, dtype=HOSTILE)
        return CharacterByCharacter([HOSTILE, f"**{HOSTILE}**\n\n```\n{HOSTILE}\n```"], facts=facts)
    return ScriptedGenerator([ENDLESS], facts=CheckpointFacts("shapes", context_length=100_000), pause_s=0.02)


def main() -> None:
    """Run the app and leave as it says."""
    data = Path(sys.argv[3]).read_bytes() if len(sys.argv) > 3 else b""
    app = ChatApp(
        open_store=lambda: open_store(Path(sys.argv[1])),
        load=load,
        checkpoint=HOSTILE if "-load" not in sys.argv[2] and sys.argv[2] == "hostile" else "shapes",
        is_demonstration=False,
        settings=GenerationSettings(max_new_tokens=20_000),
        continue_latest=True,
        images=[read_image(data, HOSTILE)] if data else (),
    )
    app.run()
    sys.stdout.flush()
    os._exit(app.return_code or 0)


if __name__ == "__main__":
    main()
