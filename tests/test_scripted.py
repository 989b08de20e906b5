"""The scripted generator ends its replies for the reasons a loaded checkpoint has."""

import threading

import pytest

from chat.conversation import Conversation, user_turn
from chat.generation import GenerationSettings, Reply, StopReason
from chat.prompt import serialize
from chat.scripted import ScriptedGenerator


@pytest.mark.parametrize(
    ("most", "text", "reason"),
    [
        (1, "Two ", StopReason.MAX_NEW_TOKENS),
        (2, "Two small ", StopReason.MAX_NEW_TOKENS),
        (3, "Two small cats.", StopReason.MAX_NEW_TOKENS),
        (4, "Two small cats.", StopReason.END_OF_UTTERANCE),
    ],
)
def test_a_reply_that_reaches_the_token_limit_was_cut_there(most: int, text: str, reason: StopReason) -> None:
    prompt = serialize(Conversation((user_turn("Hi"),)))
    asked = GenerationSettings(max_new_tokens=most)
    *_, reply = ScriptedGenerator(["Two small cats."]).generate(prompt, asked, threading.Event())
    assert isinstance(reply, Reply)
    assert (reply.text, reply.stop_reason) == (text, reason)
    if reason is StopReason.MAX_NEW_TOKENS:
        assert reply.spoken_ids == reply.token_ids == tuple(range(1, most + 1))
