"""The prompt of a recorded reply is found again, however it was put together; or what differs of it is told."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from chat.checkpoints import load
from chat.conversation import Image, assistant_turn, user_turn
from chat.generation import TextGenerator
from chat.prompt import Prompt
from chat.records import LeftOut, StoredTurn
from chat.replay.beside import of_verified, tally_in_words
from chat.replay.tokens import texts_of
from chat.replay.verified import Outcome
from chat.replay.verify import verify
from tests.models.tiny import KINDS, write_checkpoint
from tests.replay.recordings import GREEDY, LIVELY, Recording, changed, outcomes, run, with_token, without_prompts


@pytest.mark.parametrize("left_out", [LeftOut(frozenset({1})), LeftOut(pictures=frozenset({(1, 0)}))])
@pytest.mark.parametrize("knows_prompts", [True, False])
def test_the_prompt_is_without_what_was_left_out(
    left_out: LeftOut, knows_prompts: bool, shapes: TextGenerator, scene: Image
) -> None:
    recording = Recording(shapes, system="Be brief.")
    recording.ask(scene, "What is in the picture?")
    recording.ask("How many shapes are there?", left_out=left_out)
    turns = recording.turns if knows_prompts else without_prompts(recording.turns)
    assert outcomes(turns, shapes, system="Be brief.", left_out=left_out) == [Outcome.SAME] * 2


def test_what_was_left_out_at_the_time_is_found_out(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?")
    recording.ask("Hello!")
    recording.ask("How many shapes are there?", left_out=LeftOut(frozenset({1})))
    recording.ask("Is there a star?", left_out=LeftOut(frozenset({1, 3})))
    assert outcomes(recording.turns, shapes) == [Outcome.SAME] * 4


@pytest.mark.parametrize("knows_prompts", [True, False])
def test_a_reply_that_was_begun_with_words_comes_again(
    knows_prompts: bool, shapes: TextGenerator, scene: Image
) -> None:
    recording = Recording(shapes)
    reply = recording.ask(scene, "What is in the picture?", words="I can see")
    assert reply.turn.text.startswith("I can see ")
    turns = recording.turns if knows_prompts else without_prompts(recording.turns)
    (found,) = run(turns, shapes)
    assert (found.outcome, found.regenerated) == (Outcome.SAME, reply.turn.text)
    (found,) = run([recording.turns[0], with_token(reply, 1, 5)], shapes)
    assert found.outcome is Outcome.DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.token == 1


@pytest.mark.parametrize("knows_prompts", [True, False])
def test_a_reply_that_went_on_where_it_was_cut_comes_again(
    knows_prompts: bool, shapes: TextGenerator, scene: Image
) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", stop_after=3)
    reply = recording.go_on()
    assert reply.generation is not None
    turns = recording.turns if knows_prompts else without_prompts(recording.turns)
    (found,) = run(turns, shapes)
    assert (found.outcome, found.regenerated) == (Outcome.SAME, reply.turn.text)
    (found,) = run([recording.turns[0], with_token(reply, 5, 5)], shapes)
    assert found.outcome is Outcome.DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.token == 5


def test_a_reply_that_was_begun_with_words_and_went_on_comes_again(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", words="I can see", stop_after=2)
    reply = recording.go_on()
    (found,) = run(recording.turns, shapes)
    assert (found.outcome, found.regenerated) == (Outcome.SAME, reply.turn.text)


def test_a_reply_that_went_on_with_no_word_has_nothing_to_verify(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", stop_after=3)
    reply = recording.go_on(stop_after=1)
    assert reply.generation is not None
    none_new = changed(reply, token_ids=tuple(reply.generation.token_ids)[:3])
    none_new = replace(none_new, turn=assistant_turn(shapes_text(none_new, shapes)))
    assert outcomes([recording.turns[0], none_new], shapes) == [Outcome.NOTHING]


def shapes_text(reply: StoredTurn, shapes: TextGenerator) -> str:
    assert reply.generation is not None
    return "".join(texts_of(shapes, tuple(reply.generation.token_ids)))


def test_a_message_that_was_changed_makes_another_prompt(talk: list[StoredTurn], shapes: TextGenerator) -> None:
    changed_message = replace(talk[2], turn=user_turn("How many circles are there?"))
    first, found, _ = run([*talk[:2], changed_message, *talk[3:]], shapes)
    assert first.outcome is Outcome.SAME
    assert (found.outcome, found.regenerated) == (Outcome.PROMPT_DIFFERS, None)
    difference = found.first_difference
    assert difference is not None
    assert difference.recorded is not None
    assert difference.regenerated is not None
    assert (difference.recorded.text.strip(), difference.regenerated.text.strip()) == ("shapes", "circle")
    assert found.note == f"its prompt differs from token {difference.token + 1} on"
    beside = of_verified(found)
    assert (beside.is_same, beside.is_answered, tally_in_words([beside])) == (False, False, ("", "1 differs", ""))
    assert beside.line.startswith(f"not run: the prompt is another · from token {difference.token + 1}: “shapes” → ")
    found = run(without_prompts([*talk[:2], changed_message, talk[3]]), shapes)[1]
    assert found.outcome is Outcome.PROMPT_DIFFERS
    assert found.first_difference is None
    assert "its prompt had" in found.note


def test_the_history_has_the_recorded_ids_though_other_weights_are_loaded(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    # What is drawn at random is not what its text would be encoded as.
    recording.ask(scene, "What is in the picture?", settings=replace(LIVELY, temperature=30.0, top_k=0))
    recording.ask("How many shapes are there?")
    facts = replace(shapes.facts, revision="earlier", dtype="bfloat16")
    found = run([changed(one, facts=facts) if one.generation else one for one in recording.turns], shapes)
    assert [turn.outcome for turn in found] == [Outcome.SAME] * 2
    assert {(one.what, one.recorded) for turn in found for one in turn.differences} == {
        ("revision", "earlier"),
        ("dtype", "bfloat16"),
    }


def test_the_text_before_the_turns_may_have_been_another_at_the_time(shapes: TextGenerator) -> None:
    recording = Recording(shapes)
    recording.ask("Hello!")
    recording.system = "Be brief.\nAnswer in one word."
    recording.ask("What can you do?")
    recording.system = " ".join(["Speak of shapes."] * 30)
    recording.ask("Is there a star?", settings=replace(GREEDY, max_new_tokens=4))
    assert outcomes(recording.turns, shapes, system="Be kind.") == [Outcome.SAME] * 3
    hello, reply = without_prompts(recording.turns[:2])
    assert outcomes([hello, reply], shapes, system="Be kind.") == [Outcome.SAME]


def test_a_message_that_was_changed_is_told_also_where_the_text_before_it_was_another(shapes: TextGenerator) -> None:
    recording = Recording(shapes, system="Be brief.")
    recording.ask("Hello!")
    message, reply = recording.turns
    (found,) = run([replace(message, turn=user_turn("Bye!")), reply], shapes, system="Be kind.")
    assert found.outcome is Outcome.PROMPT_DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.recorded is not None
    assert found.first_difference.recorded.text.strip() == "Hello"


def test_the_text_before_the_turns_is_found_where_it_is_a_turn_of_its_own(
    tmp_path: Path,
) -> None:
    smolvlm = load(str(write_checkpoint(KINDS["SmolVLM"], tmp_path / "checkpoint")))
    recording = Recording(smolvlm)
    for system in ("", "Be brief.", "You are a helpful assistant."):
        recording.system = system
        recording.ask("How many shapes are there?", settings=replace(GREEDY, max_new_tokens=4))
    assert outcomes(recording.turns, smolvlm, system="Be kind.") == [Outcome.SAME] * 3


class Counting:
    """Counts how often it counts tokens; stops a run after so many times."""

    def __init__(self, generator: TextGenerator, stop_after: int = 1_000_000) -> None:
        self._generator, self._stop_after = generator, stop_after
        self.stop = threading.Event()
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    def count_tokens(self, prompt: Prompt) -> int:
        self.count += 1
        if self.count >= self._stop_after:
            self.stop.set()
        return self._generator.count_tokens(prompt)


@pytest.mark.parametrize("knows_prompts", [True, False])
def test_of_many_messages_few_prompts_are_tried(knows_prompts: bool, shapes: TextGenerator) -> None:
    recording = Recording(shapes)
    for number in range(39):
        recording.turns += [
            StoredTurn(2 * number + 1, user_turn("Hello!"), "", None),
            StoredTurn(2 * number + 2, assistant_turn("Hello."), "", None),
        ]
    recording.ask("Is there a star?", left_out=LeftOut(frozenset(range(1, 70, 2))))
    turns = recording.turns if knows_prompts else without_prompts(recording.turns)
    counting = Counting(shapes)
    (*_, found) = verify(turns, cast(TextGenerator, counting), counting.stop)
    assert found.outcome is Outcome.SAME
    assert counting.count < 20
    counting = Counting(shapes, stop_after=3)
    assert not any(turn.place == 79 for turn in verify(turns, cast(TextGenerator, counting), counting.stop))
    assert counting.count < 10
