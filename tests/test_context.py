"""What would have to go from a conversation that does not fit: pure tables."""

from collections.abc import Callable

import pytest

from chat.context import Overflow, overflow, without_oldest
from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn

MakeImage = Callable[..., Image]


def tokens(conversation: Conversation) -> int:
    """Ten a picture, one a word."""
    texts = sum(len(turn.text.split()) for turn in conversation.turns)
    return len(conversation.system.split()) + texts + 10 * len(conversation.images)


def found(conversation: Conversation, context_length: int, max_new_tokens: int = 256) -> Overflow | None:
    return overflow(conversation, tokens, context_length=context_length, max_new_tokens=max_new_tokens)


def talk(*messages: Turn, system: str = "") -> Conversation:
    """The messages, each with a reply of two words but the last."""
    turns = [turn for message in messages[:-1] for turn in (message, assistant_turn("so so"))]
    return Conversation((*turns, messages[-1]), system)


@pytest.mark.parametrize(
    ("context_length", "exchanges", "after"),
    [(23, 1, 16), (17, 1, 16), (16, 2, 9), (10, 2, 9), (9, 3, 2), (3, 3, 2), (2, 0, 2), (1, 0, 2)],
)
def test_the_fewest_of_the_oldest_exchanges_go(context_length: int, exchanges: int, after: int) -> None:
    conversation = talk(*[user_turn("one two three four five")] * 3, user_turn("last one"))
    assert tokens(conversation) == 23
    assert found(conversation, 24) is None
    result = found(conversation, context_length)
    assert result is not None
    assert (result.tokens, result.context_length, result.reply_room) == (23, context_length, 1)
    assert (result.exchanges, result.tokens_after) == (exchanges, after)
    assert list(result.turns) == list(range(2 * exchanges))
    rest = without_oldest(conversation, result.exchanges)
    assert not exchanges or tokens(rest) == after
    assert not exchanges or found(rest, context_length) is None


@pytest.mark.parametrize(
    ("context_length", "max_new_tokens", "room"),
    [(2048, 256, 128), (8192, 256, 256), (1024, 5, 5), (2048, 100_000, 128), (10, 256, 1)],
)
def test_a_reply_has_room_for_a_sixteenth_or_for_all_it_may_have(
    context_length: int, max_new_tokens: int, room: int
) -> None:
    full = Conversation((user_turn("word " * (context_length - room)),))
    assert found(full, context_length, max_new_tokens) is None
    over = Conversation((user_turn("word " * (context_length - room + 1)),))
    result = found(over, context_length, max_new_tokens)
    assert result is not None
    assert (result.reply_room, result.exchanges) == (room, 0)


def test_nothing_has_to_go_where_only_a_server_knows_what_fits() -> None:
    assert found(talk(*[user_turn("one two three four five")] * 3), 0) is None


def test_a_picture_that_is_shown_again_does_not_go(scene_image: MakeImage) -> None:
    a, b, c = (scene_image(seed) for seed in (1, 2, 3))
    conversation = talk(user_turn(a, b, a, "x"), user_turn(c, "y"), user_turn(b, "z"))
    result = found(conversation, 30)
    assert result is not None
    assert (result.exchanges, result.images) == (1, (a,))
    result = found(conversation, 20)
    assert result is not None
    assert (result.exchanges, result.images) == (2, (a, c))
    result = found(conversation, 10)
    assert result is not None
    assert (result.exchanges, result.images) == (0, ())


def test_the_system_text_stays_and_counts() -> None:
    conversation = talk(user_turn("a b c d"), user_turn("e f"), system="Be very brief")
    result = found(conversation, 10)
    assert result is not None
    assert (result.exchanges, result.tokens_after) == (1, 5)
    assert without_oldest(conversation, 1) == Conversation((user_turn("e f"),), "Be very brief")


def test_a_long_conversation_is_counted_a_few_times_only() -> None:
    conversation = talk(*[user_turn("one two three")] * 1000, user_turn("last"))
    counted: list[Conversation] = []

    def count(part: Conversation) -> int:
        counted.append(part)
        return tokens(part)

    result = overflow(conversation, count, context_length=320, max_new_tokens=256, tokens=tokens(conversation))
    assert result is not None
    assert result.tokens_after == 296
    assert len(counted) < 15


@pytest.mark.parametrize(("exchanges", "rest"), [(0, "abcde"), (1, "cde"), (2, "e"), (3, "e")])
def test_the_last_message_always_stays(exchanges: int, rest: str) -> None:
    turns = [user_turn("a"), assistant_turn("b"), user_turn("c"), assistant_turn("d"), user_turn("e")]
    assert "".join(turn.text for turn in without_oldest(Conversation(tuple(turns)), exchanges).turns) == rest
    # Where nobody waits for a reply, everything may go.
    answered = Conversation((*turns, assistant_turn("f")))
    assert len(without_oldest(answered, 9).turns) == 0


def test_the_words_tell_the_numbers_and_what_would_go(scene_image: MakeImage) -> None:
    one, two = scene_image(1), scene_image(2)
    assert str(found(talk(user_turn("a " * 2100), user_turn(one)), 2048)) == (
        "the conversation takes 2,112 tokens and the checkpoint has room for 2,048, at least 128 of them for the reply:"
        " the oldest message with its reply would have to go"
    )
    result = found(talk(user_turn(one, two), user_turn("b " * 1900), user_turn("c " * 100)), 2048)
    assert result is not None
    assert result.what_goes == "the 2 oldest messages with their replies and 2 pictures"
    assert str(found(talk(user_turn(one), user_turn("b " * 3000)), 2048)) == (
        "the message alone takes 3,000 tokens and the checkpoint has room for 2,048, "
        "at least 128 of them for the reply: shorten it"
    )
