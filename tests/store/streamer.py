"""Streams replies into a store until it is killed, and tells each step once the store has taken it."""

import itertools
import sys
from pathlib import Path

from chat.conversation import user_turn
from chat.store import open_store
from tests.store.samples import FACTS, SETTINGS, reply

WHOLE = "".join(f"word {number}, " for number in range(200))
"""What every reply says; it is saved in growing pieces."""


def main(path: Path, session_id: str) -> None:
    """Tell `user TURN`, `open TURN`, `saved TURN CHARACTERS` and `closed TURN`, a line each."""
    with open_store(path) as store:
        for number in itertools.count():
            message = store.add_user_turn(session_id, user_turn(f"message {number}"))
            print("user", message, flush=True)
            turn_id = store.open_reply(message, FACTS, SETTINGS)
            print("open", turn_id, flush=True)
            for end in range(7, len(WHOLE) // 20, 7):
                store.save_reply(turn_id, WHOLE[:end], range(end))
                print("saved", turn_id, end, flush=True)
            store.close_reply(turn_id, reply(WHOLE))
            print("closed", turn_id, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
