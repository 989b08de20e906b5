"""Which prompt the tokens of a reply are weighed after."""

import threading
from dataclasses import replace

import pytest

from chat.conversation import assistant_turn, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.records import Generation, LeftOut, StoredTurn
from chat.scripted import ScriptedGenerator
from chat.talk.said import SaidSession, prompt_of
from chat.talk.weighing import weigh, why_not
from tests.store.samples import picture


def test_what_a_server_said_is_not_weighed_wherever_it_is_asked() -> None:
    here, remote = CheckpointFacts("a"), CheckpointFacts("a", device="remote")
    said = Reply("No.", (7,), StopReason.END_OF_UTTERANCE, 3, 0, None, 0, 0)
    for given, loaded in ((here, remote), (remote, here), (remote, None)):
        reply = StoredTurn(4, assistant_turn("No."), "", Generation.of(said, given, GenerationSettings()))
        generator = ScriptedGenerator([], facts=loaded) if loaded else None
        assert "A remote server does not tell" in why_not(reply, generator)


@pytest.mark.parametrize(
    "not_shown", [LeftOut(), LeftOut(messages=frozenset({1})), LeftOut(pictures=frozenset({(1, 0)}))]
)
@pytest.mark.parametrize("was_shown_all", [True, False])
def test_it_is_the_one_that_the_reply_was_given_to(not_shown: LeftOut, was_shown_all: bool) -> None:
    generator, session = ScriptedGenerator(["No."]), SaidSession()
    first = StoredTurn(1, user_turn(picture(), "One?"), "", None)
    second = StoredTurn(2, assistant_turn("Yes."), "", None)
    session.turns = [first, second, StoredTurn(3, user_turn("Two?"), "", None)]
    session.not_shown = LeftOut() if was_shown_all else not_shown
    given = prompt_of(session.conversation(generator.facts), generator)
    found = Reply("No.", (7,), StopReason.END_OF_UTTERANCE, generator.count_tokens(given), 0, None, 0, 0)
    reply = StoredTurn(4, assistant_turn("No."), "", Generation.of(found, generator.facts, GenerationSettings()))
    session.turns.append(reply)
    # What was left out since changes nothing of what it was given to.
    session.not_shown = not_shown
    weighed = weigh(generator, session, reply, threading.Event())
    assert weighed is not None
    assert weighed.is_same_prompt
    assert generator.weighed[0] == (given, (7,))
    other = replace(reply, generation=replace(reply.generation, prompt_tokens=found.prompt_tokens + 1000))  # type: ignore[type-var]
    session.turns[-1] = other
    weighed = weigh(generator, session, other, threading.Event())
    assert weighed is not None
    assert not weighed.is_same_prompt
