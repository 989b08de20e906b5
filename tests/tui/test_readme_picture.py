"""The picture of the UI that the README shows: a sample session, every word of which the checkpoint said."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from chat.errors import ChatError
from chat.generation import CheckpointFacts
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.session_files import import_transcript
from chat.transcript import load_transcript
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import Desk, drawn, ready

SAMPLE = Path(__file__).parent.parent.parent / "sample_sessions" / "second-picture.json"


def test_readme_picture(
    make_desk: Callable[..., Desk],
    snap_compare: Callable[..., bool],
    store: SessionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MessageInput.cursor_blink, "_default", False)
    facts = CheckpointFacts("shapes", context_length=1024, image_size=64, is_demonstration=True)
    desk = make_desk(
        generator=ScriptedGenerator([], facts=facts),
        is_demonstration=True,
        session_id=import_transcript(store, load_transcript(SAMPLE)),
    )

    async def run(pilot: Pilot[ChatError]) -> None:
        await ready(pilot, desk)
        await drawn(pilot, desk)

    assert snap_compare(desk.app, terminal_size=(100, 44), run_before=run)
