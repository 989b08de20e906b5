"""A recorded conversation asked of another model: what it answers, beside what was recorded."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from chat.conversation import Image, assistant_turn, user_turn
from chat.errors import GenerationError, ImageError
from chat.generation import Chunk, GenerationSettings, Reply, Score, StopReason, TextGenerator
from chat.prompt import Prompt, serialize
from chat.records import LeftOut, StoredTurn
from chat.replay.compare import AnswerPiece, ComparedTurn, History, compared_turns
from chat.replay.recording import Recording
from chat.scripted import ScriptedGenerator
from chat.session import conversation_of
from chat.transcript import UNKNOWN_GENERATION
from tests.replay.changed import recording, that_mistakes
from tests.replay.recordings import changed
from tests.replay.talks import talk
from tests.transcripts import BLUE, RED

SEVERAL = recording("several-turns.json", 4)


@pytest.fixture(scope="module")
def mistaken(shapes: TextGenerator, tmp_path_factory: pytest.TempPathFactory) -> TextGenerator:
    return that_mistakes("red", "blue", shapes, tmp_path_factory.mktemp("checkpoint"))


def compared(generator: TextGenerator, asked: Recording, **options: object) -> list[ComparedTurn]:
    steps = compared_turns(generator, asked, stop=threading.Event(), **options)  # type: ignore[arg-type]
    return [step for step in steps if isinstance(step, ComparedTurn)]


class Noting(ScriptedGenerator):
    """Notes the settings it is asked with."""

    def __init__(self, replies: Sequence[str | Exception], **options: object) -> None:
        super().__init__(replies, **options)  # type: ignore[arg-type]
        self.settings: list[GenerationSettings] = []

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        self.settings.append(settings)
        return super().generate(prompt, settings, stop)


class Unscoring(ScriptedGenerator):
    """Cannot tell how likely anything is, as a server."""

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        raise GenerationError("a server does not tell")


def test_a_checkpoint_compared_with_itself_answers_as_was_recorded(shapes: TextGenerator) -> None:
    turns = compared(shapes, SEVERAL)
    assert [turn.position for turn in turns] == [1, 3]
    for turn in turns:
        assert turn.reply is not None and turn.recorded is not None
        assert (turn.reply.text, turn.is_same, turn.similarity) == (turn.recorded.turn.text, True, 1.0)
        assert not turn.problem and not turn.unscored


@pytest.mark.parametrize("model", ["shapes", "mistaken"])
def test_a_recorded_reply_is_as_likely_as_its_tokens_are(model: str, request: pytest.FixtureRequest) -> None:
    generator: TextGenerator = request.getfixturevalue(model)
    first = SEVERAL.turns[1].generation
    assert first is not None
    prompt = serialize(conversation_of(SEVERAL.turns[:1]), generator.dialect)
    weighed = generator.weigh(prompt, first.spoken_ids, threading.Event())
    score = compared(generator, SEVERAL)[0].score
    assert weighed is not None and score is not None
    assert score.token_count == len(first.spoken_ids)
    assert score.log_likelihood == pytest.approx(sum(token.log_probability for token in weighed), abs=1e-3)


def test_another_checkpoint_differs_and_finds_the_recorded_reply_less_likely(mistaken: TextGenerator) -> None:
    first, second = compared(mistaken, SEVERAL)
    assert first.reply is not None and first.score is not None and first.similarity is not None
    assert first.reply.text == "A blue circle, a yellow square and a red star."
    assert first.is_same is False
    assert 0.5 < first.similarity < 1
    assert first.score.per_token < -1
    assert second.reply is not None and second.reply.text == "The star is red."


def test_answers_are_fed_forward_where_that_was_asked_for(mistaken: TextGenerator) -> None:
    recorded, own = (compared(mistaken, SEVERAL, history=history)[1] for history in History)
    assert recorded.reply is not None and own.reply is not None
    # The prompts differ in the two colours of the first reply alone.
    pairs = zip(recorded.reply.prompt_ids, own.reply.prompt_ids, strict=True)
    assert sum(one != other for one, other in pairs) == 2
    # What was recorded is weighed behind what was recorded, whatever was answered.
    assert recorded.score is not None and own.score is not None
    assert own.score.log_likelihood == pytest.approx(recorded.score.log_likelihood, abs=1e-3)


@pytest.mark.parametrize(("history", "before"), [(History.RECORDED, "Cat."), (History.FED_FORWARD, "Dog.")])
def test_a_model_sees_the_replies_that_it_is_to_see(history: History, before: str) -> None:
    generator = ScriptedGenerator(["Dog.", "Brown."])
    compared(generator, talk("What is it?", "Cat.", "What colour?", "Black."), history=history)
    assert (
        generator.prompts[1].text == serialize(conversation_of(talk("What is it?", before, "What colour?").turns)).text
    )
    assert [prompt.text.count("Cat.") for prompt in generator.scored] == [0, 1]


def test_an_answer_is_yielded_as_it_is_said(shapes: TextGenerator) -> None:
    pieces: dict[int, str] = {}
    for step in compared_turns(shapes, SEVERAL, stop=threading.Event()):
        if isinstance(step, AnswerPiece):
            pieces[step.position] = pieces.get(step.position, "") + step.text
        elif isinstance(step, ComparedTurn):
            assert step.reply is not None
            assert pieces[step.position] == step.reply.text


def test_each_reply_has_its_recorded_settings_but_for_those_that_are_overridden() -> None:
    asked = talk("a", "b", settings=GenerationSettings(max_new_tokens=7, temperature=0.5))
    reply = asked.turns[1]
    assert reply.generation is not None
    turns = [asked.turns[0], replace(reply, generation=replace(reply.generation, seed=42)), *talk("c").turns]
    generator = Noting(["x", "y"])
    found = compared(generator, replace(asked, turns=turns), overrides={"top_k": 3})
    assert generator.settings == [
        GenerationSettings(max_new_tokens=7, temperature=0.5, top_k=3, seed=42),
        GenerationSettings(top_k=3),
    ]
    assert [turn.settings for turn in found] == generator.settings
    # Where sampling is asked for and no seed was recorded, the one that is drawn is told.
    assert compared(Noting(["x"]), talk("a", "b"), overrides={"temperature": 1.0})[0].settings.seed is not None


def test_white_space_around_a_reply_is_no_difference_and_words_are() -> None:
    same, other = compared(ScriptedGenerator([" Cat.\n", "A cat."]), talk("a", "Cat.", "b", "Cat."))
    assert (same.is_same, same.similarity) == (True, 1.0)
    assert other.is_same is False


@pytest.mark.parametrize("reason", [None, StopReason.CANCELLED, StopReason.ERROR])
def test_a_reply_that_was_broken_off_is_compared_as_far_as_it_goes(reason: StopReason | None) -> None:
    message, reply, *rest = talk("a", "A red c", "b", "A red c", "c", "").turns
    cut = [message, changed(reply, stop_reason=reason), rest[0], reply, rest[2], changed(rest[3], stop_reason=reason)]
    answers = ["A red cat.", "A red cat.", "Yes."]
    found = compared(ScriptedGenerator(answers), Recording("talk", cut))
    assert [turn.is_same for turn in found] == [True, False, None]
    assert found[0].similarity == 1.0 and found[2].similarity is None
    (other,) = compared(ScriptedGenerator(["A blue cat."]), Recording("talk", cut[:2]))
    assert other.is_same is False
    assert [turn.reply.text for turn in found if turn.reply] == answers


def test_a_turn_that_fails_is_told_and_the_rest_goes_on() -> None:
    generator = ScriptedGenerator([GenerationError("no memory"), "Black."])
    first, second = compared(generator, talk("What?", "Cat.", "What colour?", "Black."), history=History.FED_FORWARD)
    assert (first.problem, first.reply, first.is_same, first.similarity) == ("no memory", None, None, None)
    assert second.is_same
    # As in a conversation, what a model failed on is not shown to it again.
    assert "What?" not in generator.prompts[1].text


def test_a_missing_picture_is_told_where_it_is_needed(shapes: TextGenerator) -> None:
    def gone() -> bytes:
        raise ImageError("scene.png: is gone")

    missing = Image("0" * 64, 64, 64, "scene.png", gone)
    turns = [
        StoredTurn(1, user_turn(missing, "What is it?"), "", None),
        StoredTurn(2, assistant_turn("A star."), "", UNKNOWN_GENERATION),
        StoredTurn(3, user_turn("Hello"), "", None),
        StoredTurn(4, assistant_turn("Hello."), "", UNKNOWN_GENERATION),
    ]
    first, second = compared(shapes, Recording("talk", turns), history=History.FED_FORWARD)
    assert (first.problem, first.unscored) == ("scene.png: is gone", "scene.png: is gone")
    assert second.reply is not None and second.reply.text
    assert [turn.problem for turn in compared(shapes, Recording("talk", turns))] == ["scene.png: is gone"] * 2


def test_a_conversation_that_a_model_has_no_room_for_is_told() -> None:
    generator = ScriptedGenerator(["Cat.", "Black."], context_length=16)
    first, second = compared(generator, talk("What?", "Cat. " * 20, "What colour?", "Black."))
    assert not first.problem
    assert "16" in second.problem and second.reply is None
    assert len(generator.prompts) == 1


def test_what_is_left_out_is_not_shown_and_counted() -> None:
    turns = [
        StoredTurn(1, user_turn(RED, "What?"), "", None),
        StoredTurn(2, assistant_turn("Red."), "", UNKNOWN_GENERATION),
        StoredTurn(3, user_turn(BLUE, "And this?"), "", None),
    ]
    left_out = LeftOut(frozenset({1}), frozenset({(3, 0)}))
    generator = ScriptedGenerator(["Red.", "Blue."])
    first, second = compared(generator, Recording("talk", turns, left_out=left_out))
    assert (first.left_out_messages, first.left_out_pictures) == (0, 0)
    assert (second.left_out_messages, second.left_out_pictures) == (1, 2)
    assert "Red." not in generator.prompts[1].text and not generator.prompts[1].images


def test_a_message_without_a_reply_is_answered_and_compared_with_nothing() -> None:
    failed = replace(UNKNOWN_GENERATION, stop_reason=StopReason.ERROR)
    turns = [
        StoredTurn(1, user_turn("What?"), "", None),
        StoredTurn(2, assistant_turn(""), "", failed),
        StoredTurn(3, user_turn("Now?"), "", None),
    ]
    found = compared(ScriptedGenerator(["One.", "Two."]), Recording("talk", turns))
    assert [(turn.position, turn.recorded, turn.is_same, turn.score) for turn in found] == [
        (1, None, None, None),
        (3, None, None, None),
    ]
    assert [turn.reply.text for turn in found if turn.reply] == ["One.", "Two."]


def test_a_reply_without_a_word_can_be_given_again() -> None:
    silent = Recording("talk", [*talk("Say nothing.").turns, StoredTurn(2, assistant_turn(""), "", UNKNOWN_GENERATION)])
    (turn,) = compared(ScriptedGenerator([""]), silent)
    assert (turn.is_same, turn.similarity, turn.score) == (True, 1.0, None)


def test_a_model_that_cannot_tell_likelihoods_says_so() -> None:
    (turn,) = compared(Unscoring(["Cat."]), talk("What?", "Cat."))
    assert (turn.is_same, turn.score, turn.unscored) == (True, None, "a server does not tell")


def test_an_answer_that_is_cut_short_by_stopping_is_no_turn() -> None:
    stop = threading.Event()
    steps = compared_turns(ScriptedGenerator(["One two.", "Three four."]), talk("a", "b", "c", "d"), stop=stop)
    turns: list[ComparedTurn] = []
    for step in steps:
        if isinstance(step, ComparedTurn):
            turns.append(step)
        elif turns:
            stop.set()
    assert [turn.reply.text for turn in turns if turn.reply] == ["One two."]


def test_positions_are_those_of_the_turns_also_behind_a_message_without_an_answer() -> None:
    first, second, third = talk("a", "b", "c").turns
    recording = Recording("talk", [first, first, second, third])
    assert [exchange.position for exchange in recording.exchanges] == [1, 2, 4]
    found = compared(ScriptedGenerator(["x", "b", "z"]), recording)
    assert [(turn.position, turn.is_same) for turn in found] == [(1, None), (2, True), (4, None)]
