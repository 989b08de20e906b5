"""What can be done about a message that does not fit: counted ways, in words, and what is shown to the model then."""

from collections.abc import Callable

import pytest

from chat.context import NO_WORDS, Overflow, overflow, without_pictures
from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.drafts import Draft
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.records import Generation, LeftOut, StoredTurn
from chat.talk.remedies import Kind, Remedy, remedies
from chat.talk.said import SaidSession
from chat.talk.summary import HEADING, MOST_ASKED, summary_of
from chat.talk.ways_out import WayOut, ways_out

MakeImage = Callable[..., Image]
FACTS = CheckpointFacts("shapes", context_length=100)


def tokens(conversation: Conversation) -> int:
    """A picture takes as many as its height, a word one."""
    texts = sum(len(turn.text.split()) for turn in conversation.turns)
    return len(conversation.system.split()) + texts + sum(image.height for image in conversation.images)


def picture(height: int, name: str = "a.png") -> Image:
    return Image(f"{height:064x}", 9, height, name, lambda: b"")


def session_of(*messages: Turn, replies: str = "so so") -> SaidSession:
    """A session of these messages, each with the same reply."""
    session = SaidSession()
    for number, message in enumerate(messages):
        session.turns.append(StoredTurn(2 * number + 1, message, "", None))
        session.turns.append(StoredTurn(2 * number + 2, assistant_turn(replies), "", None))
    return session


def found(session: SaidSession, draft: Draft, context_length: int) -> tuple[Overflow, tuple[Remedy, ...]]:
    conversation = session.conversation_with(draft, FACTS)
    result = overflow(conversation, tokens, context_length=context_length, max_new_tokens=1)
    assert result is not None
    return result, remedies(conversation, result, tokens)


def offered(session: SaidSession, draft: Draft, context_length: int) -> list[WayOut]:
    return ways_out(session, *found(session, draft, context_length))


def test_every_way_says_what_it_frees_and_leaves() -> None:
    session = session_of(user_turn(picture(20), "one two three"), user_turn(picture(7), "four five six"))
    ways = offered(session, Draft("seven eight"), 36)
    assert [(way.title, way.detail, way.is_enough) for way in ways] == [
        ("Drop the oldest exchange", "turns 1–2, picture [1] · frees 25 · leaves 22", True),
        ("Drop picture [1], keep its answers", "the text stays · frees 20 · leaves 17", True),
        ("Do not send", "back to the draft", True),
    ]


def test_what_does_not_help_enough_says_by_how_much() -> None:
    session = session_of(user_turn(picture(3), "one two three"), user_turn("word " * 30))
    ways = offered(session, Draft("seven eight"), 34)
    assert ways[0].title == "Drop the 2 oldest exchanges"
    assert (ways[1].detail, ways[1].is_enough) == ("the text stays · frees 3 · still 6 too many", False)


def test_where_nothing_is_enough_all_that_could_go_is_counted() -> None:
    session = session_of(user_turn("one two three"))
    overflow_found, ways = found(session, Draft("word " * 50), 34)
    assert overflow_found.exchanges == 0
    assert [(way.kind, way.exchanges, way.missing(overflow_found)) for way in ways] == [(Kind.DROP_EXCHANGES, 1, 17)]
    assert ways[0].tokens == 50


def test_a_message_that_stands_alone_has_no_way_out() -> None:
    assert found(SaidSession(), Draft("word " * 50), 34)[1] == ()


def test_the_picture_that_goes_is_the_one_that_frees_most_and_of_equals_the_oldest() -> None:
    session = session_of(user_turn(picture(4), picture(8), "one"), user_turn(picture(8, "again.png"), "two"))
    _, ways = found(session, Draft("three", (picture(50),)), 60)
    (way,) = (way for way in ways if way.kind is Kind.DROP_PICTURE)
    assert (way.picture, session.shown_pictures()[way.picture].number) == (1, 2)


def test_a_picture_that_is_left_out_leaves_its_words_and_the_numbers_of_the_others() -> None:
    session = session_of(user_turn("is ", picture(4), " like ", picture(8), "?"))
    session.leave_picture_out(1, 0)
    (asked, _) = session.conversation(FACTS).turns
    assert (asked.images, asked.text) == ((picture(8),), "is  like \n?")
    assert [shown.number for shown in session.shown_pictures()] == [2]
    session.show_all()
    assert len(session.conversation(FACTS).images) == 2


def test_a_message_of_pictures_alone_keeps_a_place_in_words() -> None:
    assert without_pictures(user_turn(picture(4)), {0}) == user_turn(NO_WORDS)
    assert without_pictures(user_turn(picture(4), picture(5)), {0}) == user_turn(picture(5))


def test_messages_go_from_the_oldest_on_and_those_the_model_failed_on_count_for_none() -> None:
    session = session_of(user_turn("one"), user_turn("two"), user_turn("three"))
    failed = Generation(FACTS, GenerationSettings(), StopReason.ERROR, None, (), 0, 0, 0.0, 0.0)
    session.turns[1] = StoredTurn(2, assistant_turn(""), "", failed)
    session.leave_out(1)
    assert [turn.text for turn in session.conversation(FACTS).turns] == ["three", "so so"]
    assert session.left_out == 1
    session.leave_out(7)
    assert (session.conversation(FACTS).turns, session.left_out) == ((), 2)


def test_what_is_left_out_in_another_branch_stays_so() -> None:
    session = session_of(user_turn("one"))
    session.not_shown = LeftOut(frozenset({1, 77}), frozenset({(78, 0)}))
    session.show_all()
    assert session.not_shown == LeftOut(frozenset({77}), frozenset({(78, 0)}))
    assert session.left_out == 0


def test_a_summary_is_made_of_beginnings_and_cut_between_words(scene_image: MakeImage) -> None:
    turns = (
        user_turn(scene_image(1), scene_image(2), "What  is\nthis?"),
        assistant_turn("A cat."),
        user_turn("word " * 60),
        assistant_turn(""),
        user_turn(scene_image(1)),
        assistant_turn("x" * 500),
    )
    heading, first, second, third = summary_of(turns).split("\n")
    assert heading == HEADING
    assert first == "- What is this? (about 2 pictures) — A cat."
    assert second == "- " + " ".join(["word"] * (MOST_ASKED // 5)) + " …"
    assert third.startswith("- (about 1 picture) — xxx")
    assert third.endswith("x …")
    assert summary_of(()) == ""


@pytest.mark.parametrize(("context_length", "lines"), [(400, 4), (110, 2), (80, 1)])
def test_a_summary_takes_the_newest_that_fit_into_a_quarter(context_length: int, lines: int) -> None:
    session = session_of(*[user_turn(picture(200), f"number {number}") for number in range(4)], replies="yes no maybe")
    overflow_found, ways = found(session, Draft("What was it?"), context_length)
    (way,) = (way for way in ways if way.kind is Kind.SUMMARIZE)
    assert len(way.summary.splitlines()) == lines + 1
    assert way.summary.splitlines()[-1].startswith("- number 3 (about 1 picture)")
    assert way.missing(overflow_found) == 0
    assert way.tokens - 3 <= context_length // 4
