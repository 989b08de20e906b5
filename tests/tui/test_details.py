"""What is known of a turn beside its words, and when it was said."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from chat.conversation import Text, Turn, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.records import Generation, StoredTurn
from chat.talk.details import clock_in_words, details_of
from tests.tui.doubles import Desk, ready, send, until

MakeDesk = Callable[..., Desk]

NOON = datetime(2026, 11, 21, 12, 30, 5).astimezone()
GENERATION = Generation(
    CheckpointFacts("org/idefics-9b", revision="abcdef0123456789", device="cuda", dtype="bfloat16"),
    GenerationSettings(max_new_tokens=64, temperature=0.7, seed=7),
    StopReason.END_OF_UTTERANCE,
    7,
    tuple(range(21)),
    1_200,
    1_000,
    0.25,
    2.25,
)


def _reply(generation: Generation) -> StoredTurn:
    return StoredTurn(1, Turn(user_turn("x").role.other, (Text("Two cats."),)), NOON.isoformat(), generation)


def test_all_that_is_known_of_a_reply_is_told() -> None:
    assert details_of(_reply(GENERATION)) == [
        "2026-11-21 12:30:05 · end of utterance",
        "21 tokens · 2.2 s · the first after 0.25 s · 10.0 tokens/s · seed 7",
        "prompt of 1,200 tokens, 1,000 of them known from before",
        "idefics-9b · cuda · bf16 · revision abcdef012345",
        "settings: max new tokens 64, temperature 0.7",
    ]


def test_plain_decoding_has_neither_seed_nor_settings() -> None:
    plain = replace(GENERATION, settings=GenerationSettings(), cached_tokens=0, token_ids=(), total_s=0.0)
    lines = details_of(_reply(plain))
    assert lines[1] == "no tokens · no sampling"
    assert lines[2] == "prompt of 1,200 tokens"
    assert lines[-1] == "settings: the defaults"


def test_what_a_server_did_not_tell_is_said_to_be_untold() -> None:
    facts = CheckpointFacts("org/idefics-9b", revision="models.example.org:8000", device="remote", dtype="")
    remote = replace(GENERATION, facts=facts, token_ids=(), prompt_tokens=0, cached_tokens=0)
    assert details_of(_reply(remote))[1:4] == [
        "tokens that the server did not tell · 2.2 s · the first after 0.25 s · seed 7",
        "a prompt whose tokens the server did not tell",
        "idefics-9b · remote · models.example.org:8000",
    ]


@pytest.mark.parametrize("reason", [*StopReason, None])
def test_every_way_to_end_is_told_in_words(reason: StopReason | None) -> None:
    first = details_of(_reply(replace(GENERATION, stop_reason=reason)))[0]
    assert first.partition(" · ")[2]
    assert "_" not in first


def test_the_time_alone_is_told_of_today() -> None:
    now = NOON.replace(tzinfo=None)
    assert clock_in_words(NOON.isoformat(), now) == ["12:30"]
    assert clock_in_words(NOON.isoformat(), now.replace(day=22)) == ["21 Nov", "12:30"]
    assert clock_in_words(NOON.isoformat(), now.replace(year=2027)) == ["21 Nov", "2026", "12:30"]
    assert clock_in_words("yesterday", now) == []


async def test_a_key_shows_the_details_of_a_turn_and_hides_them(make_desk: MakeDesk) -> None:
    desk = make_desk("Two cats.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(desk.turns()) == 2)
        await pilot.press("up", "i")
        await until(pilot, lambda: "end of utterance" in desk.shown())
        assert "settings: the defaults" in desk.shown()
        await pilot.press("i")
        await until(pilot, lambda: "end of utterance" not in desk.shown())
        await pilot.press("escape")
        await send(pilot, desk, "/details")
        await until(pilot, lambda: "end of utterance" in desk.shown())


async def test_times_are_shown_of_all_turns_until_they_are_not_wanted(make_desk: MakeDesk) -> None:
    desk = make_desk("Two cats.", "Three.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(desk.turns()) == 2)
        clock = datetime.now().strftime("%H:")
        await send(pilot, desk, "/times")
        await until(pilot, lambda: desk.shown().count(clock) == 2)
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.shown().count(clock) == 4)
        await send(pilot, desk, "/times")
        await until(pilot, lambda: clock not in desk.shown())
