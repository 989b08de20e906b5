"""What makes a branch, as it is asked for, and branches as rows of an outline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversation import Image, Part, Role, Text, Turn, assistant_turn, user_turn
from chat.errors import InvalidTurnError, UsageError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.records import Generation, LeftOut, StoredTurn, TreeTurn
from chat.talk.branch_tree import DEEPEST, Row, rows_of
from chat.talk.branches import (
    AskedAgain,
    again_as_typed,
    message_at,
    message_of,
    more,
    settings_of,
    version_in_words,
)
from chat.talk.marks import draft_of, parts_of
from chat.talk.said import SaidSession
from tests.store.samples import picture

FACTS = CheckpointFacts("shapes")
GREEDY = GenerationSettings()


def reply(turn_id: int, reason: StopReason | None = StopReason.EOS, facts: CheckpointFacts = FACTS) -> StoredTurn:
    whole = Reply("Yes.", (1, 2), StopReason.EOS, 3, 0, 8, 0.1, 0.2)
    generation = Generation.of(whole, facts, GenerationSettings(temperature=0.5, max_new_tokens=9))
    object.__setattr__(generation, "stop_reason", reason)
    return StoredTurn(turn_id, assistant_turn("Yes."), "", generation)


def message(turn_id: int, text: str = "One?") -> StoredTurn:
    return StoredTurn(turn_id, user_turn(text), "", None)


TALK = [message(1), reply(2), message(3, "Two?"), reply(4, StopReason.CANCELLED)]


@pytest.mark.parametrize(
    ("typed", "path", "temperature", "seed", "text"),
    [
        ("", 3, None, None, "/regenerate 2"),
        ("1", 1, None, None, "/regenerate 1"),
        ("0.7", 3, 0.7, None, "/regenerate 2 0.7"),
        ("1 1.0 SEED 8", 1, 1.0, 8, "/regenerate 1 1.0 seed 8"),
        ("seed  0", 3, None, 0, "/regenerate 2 seed 0"),
        (".5", 3, 0.5, None, "/regenerate 2 0.5"),
    ],
)
def test_another_reply_is_asked_for_as_typed_and_can_be_typed_again(
    typed: str, path: int, temperature: float | None, seed: int | None, text: str
) -> None:
    asked = again_as_typed(TALK, typed)
    assert asked.path == tuple(TALK[:path])
    assert asked.said is TALK[path]
    assert (asked.temperature, asked.seed, asked.text) == (temperature, seed, text)
    assert again_as_typed(TALK, asked.text.removeprefix("/regenerate ")) == asked


@pytest.mark.parametrize("typed", ["x", "0.7 2", "seed", "seed x", "3", "0", "200.5", "1 2", f"seed {2**63}", "٢"])
def test_what_is_no_way_to_ask_for_a_reply_is_told(typed: str) -> None:
    with pytest.raises(UsageError):
        again_as_typed(TALK, typed)


def test_nothing_can_be_asked_for_where_nothing_was_said() -> None:
    with pytest.raises(UsageError, match="nothing was said"):
        message_at([], None)
    assert message_of(TALK, 9) is None
    assert [message_of(TALK, turn_id) for turn_id in (1, 2, 3, 4)] == [0, 0, 2, 2]


def test_only_a_cut_reply_is_gone_on_with_and_with_its_own_settings() -> None:
    asked = more(TALK, 2)
    assert (asked.text, asked.path, asked.said) == ("/continue 2", tuple(TALK[:3]), TALK[3])
    assert settings_of(asked, GenerationSettings(max_new_tokens=50, seed=3), FACTS) == GenerationSettings(
        temperature=0.5, max_new_tokens=50, seed=3
    )
    with pytest.raises(UsageError, match="is complete"):
        more(TALK, 0)
    with pytest.raises(UsageError, match="has no reply"):
        more(TALK[:3], 2)
    assert more([message(1), reply(2, None)], 0).said is not None


@pytest.mark.parametrize(
    ("said", "settings", "temperature"),
    [
        (reply(2), GREEDY, 0.7),
        (reply(2, StopReason.MAX_NEW_TOKENS), GREEDY, 0.7),
        (reply(2, StopReason.CANCELLED), GREEDY, 0.0),
        (reply(2, StopReason.ERROR), GREEDY, 0.0),
        (reply(2, None), GREEDY, 0.0),
        (reply(2, facts=CheckpointFacts("other")), GREEDY, 0.0),
        (None, GREEDY, 0.0),
        (reply(2), GenerationSettings(temperature=0.3, seed=5), 0.3),
    ],
)
def test_another_reply_is_sampled_where_the_same_one_would_come(
    said: StoredTurn | None, settings: GenerationSettings, temperature: float
) -> None:
    asked = AskedAgain("/regenerate 1", path=(message(1),), said=said)
    chosen = settings_of(asked, settings, FACTS)
    assert (chosen.temperature, chosen.seed) == (temperature, None)


def test_a_message_that_is_replied_to_again_is_shown_whatever_is_left_out() -> None:
    session = SaidSession()
    session.turns, session.not_shown = TALK, LeftOut(frozenset((1, 3)))
    assert not session.conversation(FACTS).turns
    conversation = session.conversation_with(again_as_typed(TALK, "2"), FACTS)
    assert [turn.text for turn in conversation.turns] == ["Two?"]


def test_a_version_is_told_with_its_seed_and_its_ending() -> None:
    assert version_in_words(TALK[3], 2, 3) == "2 of 3 · seed 8, stopped"
    assert version_in_words(TALK[0], 1, 2) == "1 of 2"


PARTS = st.lists(
    st.sampled_from([picture(bytes([number])) for number in range(3)])
    | st.text(st.sampled_from("ab 1"), min_size=1, max_size=4).filter(str.strip).map(Text),
    min_size=1,
    max_size=6,
)


@given(parts=PARTS, number=st.integers(min_value=1, max_value=9))
def test_a_turn_becomes_the_message_it_was_sent_as(parts: list[Part], number: int) -> None:
    try:
        turn = Turn(Role.USER, tuple(parts))
    except InvalidTurnError:
        return
    draft = draft_of(turn, number)
    assert draft.images == tuple(part for part in parts if isinstance(part, Image))
    assert parts_of(draft.text, draft.images, number) == turn.parts


def tree(*parents: int | None, shown: tuple[int, ...] = ()) -> list[TreeTurn]:
    """Turns from 1 on, each with the one it follows."""
    return [
        TreeTurn(turn_id, parent, Role.USER, "", 0, "", "", None, None, turn_id in shown)
        for turn_id, parent in enumerate(parents, start=1)
    ]


def outline(rows: list[Row]) -> list[object]:
    """Ids; a list behind one is what is inside it; 0 stands for what is no turn."""
    found: list[object] = []
    for row in rows:
        found.append(row.turn.id if row.turn else 0)
        if row.inside:
            found.append(outline(row.inside))
    return found


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (tree(), []),
        (tree(None, 1, 2), [1, 2, 3]),
        # What follows a version stands inside it, shown or not.
        (tree(None, 1, 1, 3), [1, [2, 3, [4]]]),
        (tree(None, 1, 1, 3, shown=(1, 2)), [1, [2, 3, [4]]]),
        # Several beginnings.
        (tree(None, None, 2), [0, [1, 2, [3]]]),
        # A version that is followed by several itself.
        (tree(None, 1, 1, 2, 2, 5, shown=(1, 3)), [1, [2, [4, 5, [6]], 3]]),
        # Deep inside, the newest goes on below, or the one that is shown, and has its own versions there.
        (
            tree(None, *(place for turn in range(1, 16, 2) for place in (turn, turn))),
            [1, [2, 3, [4, 5, [6, 7, [8, 9, [10, 11, [12, 13, 13, [14, 15], 15, [16, 17]]]]]]]],
        ),
        # Many without a branch are folded in their middle.
        (tree(None, *range(1, 8)), [1, 2, 0, [3, 4, 5, 6], 7, 8]),
        (tree(None, *range(1, 6)), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_branches_as_rows(turns: list[TreeTurn], expected: list[object]) -> None:
    assert outline(rows_of(turns)) == expected


def test_versions_are_numbered_and_nothing_else() -> None:
    (first,) = rows_of(tree(None, 1, 1))
    assert (first.number, [row.number for row in first.inside]) == (0, [1, 2])


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=30), st.booleans())
def test_every_turn_has_a_row(choices: list[int], folds: bool) -> None:
    parents = [None if not choice or place == 0 else choice % place + 1 for place, choice in enumerate(choices)]
    turns = tree(*[parent if parent is None or parent <= place else None for place, parent in enumerate(parents)])
    rows, ids = rows_of(turns, folds=folds), []
    while rows:
        row = rows.pop()
        ids += [row.turn.id] if row.turn else []
        rows += row.inside
    assert sorted(set(ids)) == [turn.id for turn in turns]


def test_ten_thousand_turns_that_branch_everywhere_are_one_outline() -> None:
    parents: list[int | None] = [None]
    for turn_id in range(2, 10_000, 2):
        parents += [turn_id - 1, turn_id - 1]
    rows = rows_of(tree(*parents))
    for _ in range(DEEPEST):
        rows = rows[-1].inside
    assert len(rows) > 1_000
    assert not any(within.inside for row in rows for within in row.inside)
