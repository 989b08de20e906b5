"""What a playback shows at which moment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversation import assistant_turn, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.records import Generation, StoredTurn
from chat.replay.playback import LEAST_PAUSE_S, MOST_PAUSE_S, SPEEDS, Playback, faster, slower

FACTS = CheckpointFacts("shapes")


def exchange(number: int, asked_at: str, text: str, first_s: float, total_s: float) -> list[StoredTurn]:
    generation = Generation(
        FACTS, GenerationSettings(), StopReason.END_OF_UTTERANCE, None, (1, 2), 10, 0, first_s, total_s
    )
    return [
        StoredTurn(2 * number + 1, user_turn("What is it?"), asked_at, None),
        StoredTurn(2 * number + 2, assistant_turn(text), asked_at, generation),
    ]


TALK = [
    *exchange(0, "2026-11-20T10:00:00+00:00", "0123456789", 1.0, 3.0),
    *exchange(1, "2026-11-20T10:00:05+00:00", "A star.", 0.5, 1.0),
    *exchange(2, "2026-11-20T11:00:00+00:00", "", 0.5, 1.0),
]


def test_a_reply_comes_at_the_speed_at_which_it_was_said() -> None:
    playback = Playback(TALK)
    begin = playback.start_s(1)
    assert playback.at(begin + 0.9).text == ""
    assert playback.at(begin + 2.0).text == "01234"
    assert playback.at(begin + 3.0).text is None
    assert [playback.at(begin + into).shown for into in (0.9, 2.0, 3.0)] == [2, 2, 2]


def test_the_time_before_a_message_is_the_recorded_one_as_far_as_anybody_would_wait() -> None:
    steps = Playback(TALK).steps
    assert steps[0].pause_s == 0
    assert steps[2].pause_s == pytest.approx(2.0)
    assert steps[4].pause_s == MOST_PAUSE_S


@pytest.mark.parametrize("created_at", ["", "2026-11-20T10:00:05", "no time"])
def test_times_that_are_missing_or_of_another_kind_are_no_obstacle(created_at: str) -> None:
    turns = [*TALK[:2], replace(TALK[2], created_at=created_at), TALK[3]]
    assert Playback(turns).steps[2].pause_s == LEAST_PAUSE_S


def test_a_reply_without_times_is_said_all_the_same() -> None:
    playback = Playback([TALK[0], StoredTurn(2, assistant_turn("x" * 120), "", None)])
    begin = playback.start_s(1)
    assert playback.at(begin + 1.0).text == "x" * 60
    assert playback.duration_s == pytest.approx(begin + 2.0)


def test_all_of_a_turn_is_shown_at_the_moment_for_it() -> None:
    playback = Playback(TALK)
    for position in range(len(TALK)):
        moment = playback.at(playback.shown_s(position))
        assert (moment.shown, moment.text) == (position + 1, None)
    assert playback.shown_s(-1) == 0


@given(st.floats(0, 60), st.floats(0, 60))
def test_what_is_shown_only_grows(one: float, other: float) -> None:
    playback = Playback(TALK)
    early, late = (playback.at(seconds) for seconds in sorted((one, other)))
    assert early.shown <= late.shown
    if early.shown == late.shown and late.text is not None:
        assert early.text is not None and late.text.startswith(early.text)


def test_nothing_to_play_is_over_at_once() -> None:
    playback = Playback([])
    assert (playback.duration_s, playback.at(0).shown, playback.position_at(0)) == (0, 0, -1)


def test_speeds_go_up_and_down_and_end_there() -> None:
    assert [faster(speed) for speed in SPEEDS] == [*SPEEDS[1:], SPEEDS[-1]]
    assert [slower(speed) for speed in SPEEDS] == [SPEEDS[0], *SPEEDS[:-1]]
