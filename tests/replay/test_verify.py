"""Recorded replies that are run again come out as they were, or what differs is told."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from chat.conversation import Image, assistant_turn, user_turn
from chat.errors import ChatError, ImageError, MemoryFullError, ModelLostError, StoreError
from chat.generation import REMOTE, GenerationSettings, StopReason, TextGenerator
from chat.records import StoredTurn
from chat.replay.verified import Outcome
from chat.replay.verify import verify
from chat.scripted import ScriptedGenerator
from tests.replay.recordings import LIVELY, Recording, changed, outcomes, run, with_token, without_prompts


def test_what_was_recorded_comes_again(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    found = run(talk, shapes)
    assert [(turn.place, turn.outcome, turn.regenerated) for turn in found] == [
        (place, Outcome.SAME, talk[place].turn.text) for place in (1, 3, 5)
    ]
    assert all(turn.first_difference is None and not turn.note and not turn.differences for turn in found)


def test_prompts_whose_ids_were_not_kept_are_found_by_their_length(
    talk: list[StoredTurn], shapes: TextGenerator
) -> None:
    assert outcomes(without_prompts(talk), shapes) == [Outcome.SAME] * 3


def test_replies_can_be_chosen(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    assert [turn.place for turn in run(talk, shapes, places={3})] == [3]


@pytest.mark.parametrize(
    "settings", [LIVELY, GenerationSettings(num_beams=2, max_new_tokens=6), replace(LIVELY, repetition_penalty=1.3)]
)
def test_sampling_and_beam_search_come_again(settings: GenerationSettings, shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", settings=settings)
    assert outcomes(recording.turns, shapes) == [Outcome.SAME]


def test_another_seed_is_another_reply(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    reply = recording.ask(scene, "What is in the picture?", settings=LIVELY)
    (found,) = run([recording.turns[0], changed(reply, seed=8)], shapes)
    assert found.outcome is Outcome.DIFFERS
    (found,) = run([recording.turns[0], changed(reply, seed=None)], shapes)
    assert (found.outcome, found.note) == (
        Outcome.NOT_VERIFIABLE,
        "it was sampled with a seed that is not known",
    )


def test_a_changed_token_is_told_with_both_probabilities(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    generation = talk[3].generation
    assert generation is not None
    place, was = 1, generation.token_ids[1]
    other = next(one for one in talk[1].generation.token_ids if one != was)  # type: ignore[union-attr]
    first, found, last = run([*talk[:3], with_token(talk[3], place, other), *talk[4:]], shapes)
    assert (first.outcome, found.outcome) == (Outcome.SAME, Outcome.DIFFERS)
    assert found.regenerated == talk[3].turn.text
    difference = found.first_difference
    assert difference is not None
    assert difference.recorded is not None
    assert difference.regenerated is not None
    assert (difference.token, difference.recorded.token_id, difference.regenerated.token_id) == (place, other, was)
    assert difference.regenerated.rank == 1
    assert (difference.recorded.rank or 0) > 1
    assert 0 <= (difference.recorded.probability or 0) < (difference.regenerated.probability or 0) <= 1
    # The prompt of the next one is kept as what it adds to this one, tokens that the text does not say and all.
    assert last.outcome is Outcome.SAME


def test_a_token_that_was_nearly_as_likely_is_no_difference_within_the_tolerance(
    talk: list[StoredTurn], shapes: TextGenerator
) -> None:
    generation = talk[1].generation
    assert generation is not None
    (found,) = run([talk[0], with_token(talk[1], 2, generation.token_ids[0])], shapes)
    assert found.outcome is Outcome.DIFFERS
    assert found.first_difference is not None
    gap = found.first_difference.gap
    assert gap is not None
    near = [talk[0], with_token(talk[1], 2, generation.token_ids[0])]
    assert outcomes(near, shapes, tolerance=gap * 1.01) == [Outcome.TIE]
    assert outcomes(near, shapes, tolerance=gap * 0.99) == [Outcome.DIFFERS]


def test_an_id_that_the_checkpoint_does_not_have_is_a_difference(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    (found,) = run([talk[0], with_token(talk[1], 0, 999_999)], shapes, tolerance=100.0)
    assert found.outcome is Outcome.DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.recorded is not None
    recorded = found.first_difference.recorded
    assert (recorded.token_id, recorded.text, recorded.rank, recorded.probability) == (999_999, "", None, None)


def test_a_reply_that_goes_on_where_the_recorded_one_ended_differs_there(
    talk: list[StoredTurn], shapes: TextGenerator
) -> None:
    generation = talk[1].generation
    assert generation is not None
    short = changed(talk[1], token_ids=tuple(generation.token_ids)[:-1])
    (found,) = run([talk[0], short], shapes)
    assert found.outcome is Outcome.DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.token == len(generation.token_ids) - 1
    assert found.first_difference.recorded is None
    assert found.first_difference.regenerated is not None
    assert found.first_difference.regenerated.text == "<end_of_utterance>"


def test_a_text_that_is_not_that_of_its_tokens_is_a_difference(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    found, *others = run([talk[0], replace(talk[1], turn=assistant_turn("Nothing.")), *talk[2:]], shapes)
    assert (found.outcome, found.note) == (Outcome.DIFFERS, "its text is not what its tokens say")
    assert [turn.outcome for turn in others] == [Outcome.SAME] * 2


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (StopReason.CANCELLED, "it was stopped"),
        (StopReason.ERROR, "an error ended it"),
        (None, "it was interrupted"),
    ],
)
def test_a_reply_that_was_broken_off_is_verified_as_far_as_it_goes(
    reason: StopReason | None, words: str, shapes: TextGenerator, scene: Image
) -> None:
    recording = Recording(shapes)
    reply = recording.ask(scene, "What is in the picture?", stop_after=3)
    assert reply.generation is not None
    assert (len(reply.generation.token_ids), reply.generation.stop_reason) == (3, StopReason.CANCELLED)
    broken = changed(reply, stop_reason=reason)
    (found,) = run([recording.turns[0], broken], shapes)
    assert (found.outcome, found.note) == (Outcome.SAME, f"{words}: verified as far as it goes")
    (found,) = run([recording.turns[0], with_token(broken, 1, 5)], shapes)
    assert found.outcome is Outcome.DIFFERS


def test_there_is_nothing_to_verify_in_a_reply_without_a_word(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    silent = replace(changed(talk[1], token_ids=(), stop_reason=StopReason.CANCELLED), turn=assistant_turn(""))
    never_came = StoredTurn(4, assistant_turn(""), "", None)
    assert outcomes([talk[0], silent, talk[2], never_came], shapes) == [Outcome.NOTHING]


def test_a_beam_search_that_was_broken_off_cannot_come_again(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    broken = changed(talk[1], settings=GenerationSettings(num_beams=3), stop_reason=StopReason.CANCELLED)
    (found,) = run([talk[0], broken], shapes)
    assert found.outcome is Outcome.NOTHING
    assert "beam search" in found.note


@pytest.mark.parametrize("error", [ImageError, StoreError])
def test_a_picture_whose_bytes_are_gone_is_named(
    talk: list[StoredTurn], load_shapes: Callable[[], TextGenerator], scene: Image, error: type[ChatError]
) -> None:
    def read() -> bytes:
        raise error("scene.png: its bytes are gone")

    gone = Image("0" * 64, scene.width, scene.height, "scene.png", read)
    (found,) = run([replace(talk[0], turn=user_turn(gone, "What is in the picture?")), talk[1]], load_shapes())
    assert (found.outcome, found.note) == (Outcome.NOT_VERIFIABLE, "scene.png: its bytes are gone")


def test_a_reply_without_tokens_is_compared_by_its_text(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    bare = changed(talk[1], token_ids=(), prompt=None, prompt_tokens=0)
    (found,) = run([talk[0], bare], shapes)
    assert (found.outcome, found.note) == (Outcome.SAME, "by its text: the tokens are not known")
    (found,) = run([talk[0], replace(bare, turn=assistant_turn("Nothing."))], shapes)
    assert (found.outcome, found.first_difference) == (Outcome.DIFFERS, None)
    (found,) = run([talk[0], replace(talk[1], generation=None)], shapes)
    assert (found.outcome, found.note) == (Outcome.NOT_VERIFIABLE, "nothing tells what gave it")


def test_a_reply_of_a_server_is_compared_by_its_text_and_none_is_asked_of_one(
    talk: list[StoredTurn], shapes: TextGenerator
) -> None:
    server = replace(shapes.facts, device=REMOTE)
    theirs = changed(talk[1], token_ids=(), prompt=None, prompt_tokens=900, facts=server)
    assert outcomes([talk[0], theirs], shapes) == [Outcome.SAME]
    (found,) = run(talk[:2], ScriptedGenerator([], facts=server))
    assert (found.outcome, found.note) == (Outcome.NOT_VERIFIABLE, "no server tells the tokens of a reply")


def test_it_ends_where_it_is_stopped(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    stop = threading.Event()
    found = []
    for turn in verify(talk, shapes, stop):
        found.append(turn)
        stop.set()
    assert [turn.place for turn in found] == [1]


def test_nothing_is_told_of_a_reply_that_it_is_stopped_in(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    stop = threading.Event()

    class Stopped:
        def __getattr__(self, name: str) -> Any:
            return getattr(shapes, name)

        def generate(self, *asked: Any) -> Iterator[Any]:
            for piece in shapes.generate(*asked):
                stop.set()
                yield piece

    bare = changed(talk[1], token_ids=(), prompt=None)
    assert list(verify([talk[0], bare], cast(TextGenerator, Stopped()), stop)) == []


def test_what_the_model_fails_on_is_told_of_its_reply_and_the_others_are_run(
    talk: list[StoredTurn], shapes: TextGenerator
) -> None:
    failures: list[Exception | None] = [None, MemoryFullError("no memory is left"), None, ModelLostError("it is gone")]

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(shapes, name)

        def generate(self, *asked: Any) -> Iterator[Any]:
            if failure := failures.pop(0):
                raise failure
            return shapes.generate(*asked)

    generator = cast(TextGenerator, Failing())
    found = run(talk, generator)
    assert [turn.outcome for turn in found] == [Outcome.SAME, Outcome.NOT_VERIFIABLE, Outcome.SAME]
    assert found[1].note == "no memory is left"
    with pytest.raises(ModelLostError):
        run(talk, generator)
