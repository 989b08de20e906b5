"""Sessions with branches, and ways to look at them."""

from dataclasses import replace

from textual.pilot import Pilot

from chat.conversation import user_turn
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.session import SessionStore
from chat.tui.widgets.turn import SaidTurn
from tests.tui.doubles import FACTS, Desk, until

WHOLE = Reply("Indeed.", (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0.1, 0.2)


def said_before(store: SessionStore, *exchanges: tuple[str, str], reason: StopReason = StopReason.EOS) -> str:
    """A session; its last reply ended for a reason."""
    session_id = store.new_session()
    for number, (asked, said) in enumerate(exchanges, start=1):
        message = store.add_user_turn(session_id, user_turn(asked))
        ended = reason if number == len(exchanges) else StopReason.EOS
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, replace(WHOLE, text=said, stop_reason=ended, token_ids=(11, 12, 13)))
    return session_id


def texts(store: SessionStore, session_id: str) -> list[str]:
    return [stored.turn.text for stored in store.turns(session_id)]


def tree_of(store: SessionStore, session_id: str) -> list[tuple[str, str]]:
    """Every turn and the one it follows."""
    words = {node.id: node.words for node in store.tree(session_id)}
    return [(words[node.parent_id] if node.parent_id else "", node.words) for node in store.tree(session_id)]


def marks(desk: Desk) -> list[str]:
    """The signs of versions, in order."""
    gutters = [str(turn.gutter_content()) for turn in desk.screen.log_view.said_turns]
    return [line for gutter in gutters for line in gutter.splitlines() if "/" in line]


async def read(pilot: Pilot[ChatError], desk: Desk, up: int = 0) -> SaidTurn:
    """Go to the last turn, and so many up."""
    desk.screen.read_last()
    await pilot.pause()
    for _ in range(up):
        await pilot.press("k")
    await pilot.pause()
    turn = desk.app.focused
    assert isinstance(turn, SaidTurn)
    return turn


async def rest(pilot: Pilot[ChatError], desk: Desk) -> None:
    await until(pilot, lambda: desk.state().endswith("ready") and not desk.screen.session.waiting)
