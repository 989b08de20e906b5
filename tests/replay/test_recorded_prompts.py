"""A message is asked again with what its reply was given to: what was left out by then alone, and given words."""

import threading
from dataclasses import replace

import pytest

from chat.conversation import Image
from chat.generation import TextGenerator
from chat.records import LeftOut, StoredTurn
from chat.replay.compare import AnswerPiece, ComparedTurn, History, compared_turns
from chat.replay.figures import Figures
from chat.replay.recording import Recording as Recorded
from chat.scripted import ScriptedGenerator
from tests.replay.recordings import Recording, changed, without_prompts

DROPPED = LeftOut(frozenset({1}), frozenset({(1, 0)}))


def compared(generator: TextGenerator, turns: list[StoredTurn], left_out: LeftOut = DROPPED) -> list[ComparedTurn]:
    steps = compared_turns(generator, Recorded("talk", turns, left_out=left_out), stop=threading.Event())
    return [step for step in steps if isinstance(step, ComparedTurn)]


@pytest.fixture(scope="module")
def dropped(shapes: TextGenerator, scene: Image) -> list[StoredTurn]:
    """The first message was left out before the third was asked."""
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?")
    recording.ask("How many shapes are there?")
    recording.ask("Hello!", left_out=DROPPED)
    return recording.turns


@pytest.fixture(scope="module")
def begun(shapes: TextGenerator, scene: Image) -> list[StoredTurn]:
    """The reply was begun with given words."""
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", words="I can see")
    return recording.turns


@pytest.mark.parametrize("knows_prompts", [True, False])
def test_what_was_left_out_later_is_shown_to_whom_it_was_shown(
    knows_prompts: bool, dropped: list[StoredTurn], shapes: TextGenerator
) -> None:
    found = compared(shapes, dropped if knows_prompts else without_prompts(dropped))
    assert [(turn.left_out_messages, turn.left_out_pictures) for turn in found] == [(0, 0), (0, 0), (1, 1)]
    assert [turn.is_same for turn in found] == [True] * 3


def test_a_picture_that_was_left_out_later_is_shown_to_whom_it_was_shown(shapes: TextGenerator, scene: Image) -> None:
    left_out = LeftOut(pictures=frozenset({(1, 0)}))
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?")
    recording.ask("How many shapes are there?", left_out=left_out)
    found = compared(shapes, recording.turns, left_out)
    assert [(turn.left_out_pictures, turn.is_same) for turn in found] == [(0, True), (1, True)]


def test_another_model_is_shown_what_was_shown_too_and_the_present_counts_where_nothing_tells(
    dropped: list[StoredTurn],
) -> None:
    other = ScriptedGenerator(["A."] * 3)
    compared(other, dropped)
    assert ["What is in" in prompt.text for prompt in other.prompts] == [True, True, False]
    unknown = [changed(one, prompt_tokens=0) if one.generation else one for one in without_prompts(dropped)]
    assert [turn.left_out_messages for turn in compared(ScriptedGenerator(["A."] * 3), unknown)] == [0, 1, 1]


@pytest.mark.parametrize("knows_prompts", [True, False])
def test_an_answer_is_begun_with_the_words_that_the_recorded_one_was_begun_with(
    knows_prompts: bool, begun: list[StoredTurn], shapes: TextGenerator
) -> None:
    turns = begun if knows_prompts else without_prompts(begun)
    steps = list(compared_turns(shapes, Recorded("talk", turns), stop=threading.Event()))
    (turn,) = (step for step in steps if isinstance(step, ComparedTurn))
    assert turn.reply is not None and turn.reply.text.startswith("I can see ")
    assert (turn.words, turn.is_same) == ("I can see", True)
    assert "".join(step.text for step in steps if isinstance(step, AnswerPiece)) == turn.reply.text


def test_only_what_the_model_said_is_scored(begun: list[StoredTurn], shapes: TextGenerator) -> None:
    generation = begun[1].generation
    (turn,) = compared(shapes, begun)
    assert generation is not None and turn.score is not None
    assert turn.score.token_count == len(generation.spoken_ids)
    assert turn.score.per_token > -1
    length = Figures.of([turn]).character_log_probability
    assert length == pytest.approx(turn.score.log_likelihood / len(turn.said))


def test_a_reply_that_went_on_where_it_was_cut_is_asked_for_from_its_beginning(
    shapes: TextGenerator, scene: Image
) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", stop_after=3)
    recording.go_on()
    (turn,) = compared(shapes, recording.turns)
    assert (turn.words, turn.is_same) == ("", True)


def test_a_model_with_other_tokens_cannot_tell_given_words(begun: list[StoredTurn]) -> None:
    (turn,) = compared(ScriptedGenerator(["A star."]), begun)
    assert (turn.words, turn.is_same) == ("", False)


def test_own_answers_are_fed_forward_with_the_words_they_were_begun_with(
    begun: list[StoredTurn], shapes: TextGenerator
) -> None:
    asked = Recorded("talk", [*begun, replace(begun[0], id=3)])
    prompts = []
    for history in History:
        *_, last = compared_turns(shapes, asked, stop=threading.Event(), history=history)
        assert isinstance(last, ComparedTurn) and last.reply is not None
        prompts.append(last.reply.prompt_ids)
    assert prompts[0] == prompts[1]
