"""Several models are asked one after the other, and what comes of it is told in figures."""

import math
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest

from chat.errors import ModelLostError
from chat.generation import Reply, Score, StopReason, TextGenerator
from chat.loading import LoadProgress
from chat.replay.candidates import Answered, Candidate, CandidateResult, Loaded, compared
from chat.replay.compare import AnswerPiece, ComparedTurn
from chat.replay.figures import Figures, Speed, fixed, log_in_words, recorded_speed, share_in_words
from chat.scripted import ScriptedGenerator
from tests.replay.talks import candidate, results, talk, unloadable

TALK = talk("What?", "A cat.", "Where?", "Here.")


class Losable(ScriptedGenerator):
    """A model that can be let go of."""

    is_closed = False

    def when_lost(self, tell: Callable[[ModelLostError], object]) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def test_no_two_models_are_in_memory() -> None:
    there: list[weakref.ref[TextGenerator]] = []

    def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        assert [model() for model in there] == [None] * len(there)
        generator = ScriptedGenerator(["A cat.", "Here."] * 2)
        there.append(weakref.ref(generator))
        return generator

    candidates = [Candidate(label, load) for label in "abc"]
    found = results(candidates, [TALK, TALK])
    assert len(there) == 3
    assert [(result.label, len(result.turns)) for result in found] == [("a", 4), ("b", 4), ("c", 4)]


def test_a_model_in_a_process_of_its_own_is_ended_also_when_nobody_asks_on() -> None:
    generator = Losable(["A cat."])
    steps = compared([Candidate("a", lambda progress, stop: generator)], [TALK], stop=threading.Event())
    assert isinstance(next(steps), Loaded)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert generator.is_closed


def test_one_that_cannot_be_loaded_says_so_and_the_others_are_asked() -> None:
    found = results([unloadable("a"), candidate("b", "A cat.", "There.")], [TALK])
    assert [(result.label, result.problem, len(result.turns)) for result in found] == [
        ("a", "there is no such checkpoint", 0),
        ("b", "", 2),
    ]
    assert [turn.is_same for turn in found[1].turns] == [True, False]
    assert found[0].named_problem == "a: there is no such checkpoint"
    assert replace(found[0], problem="a is gone").named_problem == "a is gone"


def test_what_was_done_before_it_was_stopped_is_the_result() -> None:
    stop = threading.Event()
    found: list[CandidateResult] = []
    steps = compared(
        [candidate("a", "A cat.", "Here.", "A cat.", "Here."), candidate("b")], [TALK, TALK, TALK], stop=stop
    )
    answered = 0
    for step in steps:
        if isinstance(step, CandidateResult):
            found.append(step)
        if isinstance(step, Answered) and isinstance(step.what, ComparedTurn):
            answered += 1
        if isinstance(step, Answered) and isinstance(step.what, AnswerPiece) and answered == 3:
            stop.set()
    (result,) = found
    assert [(len(one.turns), one.is_whole) for one in result.recordings] == [(2, True), (1, False)]


def test_a_load_that_was_cancelled_is_no_result() -> None:
    stop = threading.Event()

    def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        stop.set()
        return unloadable("a").load(progress, stop)

    assert results([Candidate("a", load), candidate("b")], [TALK], stop) == []


def turn(reply: Reply | None, score: Score | None = None, recorded: str = "A cat.") -> ComparedTurn:
    message, stored = talk("What?", recorded).turns
    (asked,) = results([candidate("a", "x")], [talk("What?", recorded)])[0].turns
    assert asked.message == message and asked.recorded == stored
    return replace(asked, reply=reply, score=score, problem="" if reply else "no memory", unscored="")


def reply(text: str, tokens: int, first_token_s: float, total_s: float) -> Reply:
    return Reply(text, tuple(range(tokens)), StopReason.END_OF_UTTERANCE, 9, 0, None, first_token_s, total_s)


def test_figures_are_of_all_answers_together() -> None:
    figures = Figures.of(
        [
            turn(reply("A cat.", 11, 1.0, 2.0), Score(-6.0, 3)),
            turn(reply("xyz", 2, 3.0, 4.0), Score(-2.0, 1), recorded="A dog."),
            turn(None),
        ]
    )
    assert (figures.turns, figures.answered, figures.compared, figures.same, figures.scored) == (3, 2, 2, 1, 2)
    assert figures.similarity == 0.5
    # Ten tokens after the first in one second, and one in another.
    assert figures.speed == Speed(tokens_per_s=5.5, first_token_s=2.0)
    assert figures.log_probability == -2.0
    assert figures.character_log_probability == pytest.approx(-8 / 12)


def test_figures_of_nothing_are_unknown() -> None:
    figures = Figures.of([])
    assert (figures.turns, figures.similarity, figures.log_probability) == (0, None, None)
    assert figures.speed == Speed(None, None)
    assert recorded_speed([TALK]) == Speed(None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (-0.0000213456, "above -0.0001"),
        (-0.000213456, "-0.0002"),
        (-0.0213456, "-0.0213"),
        (-2.5, "-2.50"),
        (-12.3456, "-12.3"),
        (-1234.5, "-1,234"),
        (-math.inf, "-inf"),
        (0.0, "0"),
    ],
)
def test_a_log_probability_is_told_by_its_first_digits(value: float | None, expected: str) -> None:
    assert log_in_words(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.28e-7, "below 0.0001 %"), (0.0000213, "0.0021 %"), (0.5, "50.0 %"), (1, "100 %"), (0, "0 %")],
)
def test_a_probability_is_told_without_powers_of_ten(value: float, expected: str) -> None:
    assert share_in_words(value) == expected


def test_what_is_rounded_to_nothing_is_not_less_than_nothing() -> None:
    assert (fixed(-0.0001, 2), fixed(1234.56, 1, " s"), fixed(None, 1, " s")) == ("0.00", "1,234.6 s", "")
