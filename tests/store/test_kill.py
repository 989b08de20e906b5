import random
import subprocess
import sys
import time
from pathlib import Path

from chat.conversation import Role
from chat.generation import StopReason
from chat.records import StoredTurn
from chat.store import SqliteStore, open_store
from tests.store.samples import integrity
from tests.store.streamer import WHOLE

ROUNDS = 15


def killed_stream(path: Path, session_id: str, after_s: float) -> list[list[str]]:
    """What a program that streams a reply had told when it was killed, word by word."""
    command = [sys.executable, "-m", "tests.store.streamer", str(path), session_id]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert program.stdout is not None
    first = program.stdout.readline()
    time.sleep(after_s)
    program.kill()
    told = first + program.communicate()[0]
    # The last line may have been cut.
    return [line.split() for line in told.split("\n")[:-1]]


def assert_kept(told: list[list[str]], turns: dict[int, StoredTurn]) -> None:
    """Everything that the store had taken is there, and nothing that was never said."""
    for step, turn_id, *characters in told:
        stored = turns[int(turn_id)]
        if step == "user":
            assert (stored.turn.role, stored.turn.text[:8]) == (Role.USER, "message ")
            continue
        assert stored.generation is not None
        assert stored.generation.facts.name == "shapes"
        assert WHOLE.startswith(stored.turn.text)
        if step == "saved":
            assert len(stored.turn.text) >= int(*characters)
        if step == "closed":
            assert (stored.turn.text, stored.generation.stop_reason) == (WHOLE, StopReason.END_OF_UTTERANCE)
        elif stored.turn.text != WHOLE:
            assert stored.generation.is_interrupted
            assert len(stored.generation.token_ids) == len(stored.turn.text)


def test_a_killed_program_loses_nothing_that_was_acknowledged(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    store.close()
    seen: list[list[str]] = []
    interrupted = 0
    for _ in range(ROUNDS):
        seen += killed_stream(path, session_id, random.uniform(0, 0.15))
        with open_store(path) as reopened:
            turns = {stored.id: stored for stored in reopened.turns(session_id)}
        assert_kept(seen, turns)
        interrupted += any(stored.generation and stored.generation.is_interrupted for stored in turns.values())
        assert integrity(path) == "ok"
    assert interrupted
    with open_store(path) as reopened:
        # A journal that had not begun to count stays until the next write.
        reopened.new_session()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
