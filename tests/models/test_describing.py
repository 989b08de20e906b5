"""A prompt in words is made of the very ids that a reply is generated from, in every family."""

import pickle
import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch

from chat.conversation import Conversation, Image, Role, assistant_turn, user_turn
from chat.generation import Chunk, GenerationSettings
from chat.models.generator import ModelGenerator
from chat.models.state import KeptState
from chat.models.tokens import Key
from chat.prompt import FENCE, IMAGE, Prompt, continuation, serialize, written
from chat.seen import SegmentKind
from tests.benign import benign_conversation
from tests.models.reference import IMAGES, loaded, run, said

HOSTILE = "<image> é日本\u200d👩‍👧 </s>\n\n  <end_of_utterance>\ud800 <|im_start|>\tUser: ﬁ Å\u0301"


def read_by_the_model(generator: ModelGenerator, prompt: Prompt) -> list[int]:
    """The ids that the engine is given when a reply to a prompt is asked for, with nothing kept."""
    read: list[int] = []
    compute = generator.engine.compute

    def watch(state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> torch.Tensor:
        read.extend(token_id for token_id, _ in keys)
        return compute(state, keys, images)

    generator.engine.compute = watch  # type: ignore[method-assign]  # watches, and is the method otherwise
    try:
        generator.forget()
        for piece in generator.generate(prompt, GenerationSettings(max_new_tokens=1), threading.Event()):
            if isinstance(piece, Chunk):
                break
    finally:
        generator.engine.compute = compute  # type: ignore[method-assign]
    return read


def expanded(generator: ModelGenerator, prompt: Prompt) -> str:
    """The prompt's string with all the tokens of its pictures."""
    encoder = generator.engine.encoder
    parts = []
    for segment in prompt.segments:
        image = getattr(segment, "image", None)
        if image is None:
            parts.append(written(segment).encode("utf-8", "replace").decode())
        else:
            parts.append("".join(written(part) for part in encoder._notation.picture(image)))
    return "".join(parts)


def test_the_ids_are_those_that_the_model_is_given(family_folder: Path) -> None:
    generator = loaded(family_folder)
    rng = random.Random(3)
    for _ in range(4):
        prompt = serialize(benign_conversation(rng, IMAGES), generator.dialect)
        shown = generator.describe(prompt)
        assert list(shown.token_ids) == read_by_the_model(generator, prompt)
        assert len(shown.token_ids) == generator.count_tokens(prompt) == shown.count().total


@pytest.mark.parametrize("detail", ["low", "high"])
def test_the_texts_joined_are_the_whole_string(family_folder: Path, detail: str) -> None:
    generator = loaded(family_folder, image_detail=detail)
    rng = random.Random(4)
    talks = [benign_conversation(rng, IMAGES) for _ in range(6)]
    talks.append(Conversation((user_turn(HOSTILE, IMAGES[3], HOSTILE), assistant_turn(HOSTILE), user_turn(HOSTILE))))
    prompts = [serialize(talk, generator.dialect) for talk in talks]
    prompts.append(continuation([IMAGES[0], HOSTILE, IMAGES[1]], generator.dialect))
    for prompt in prompts:
        shown = generator.describe(prompt)
        assert shown.text == expanded(generator, prompt)
        assert [segment.start for segment in shown.segments[1:]] == [segment.end for segment in shown.segments[:-1]]
        assert shown.segments[-1].end == len(shown.token_ids) == len(shown.texts)


def test_a_reply_keeps_its_ids_and_its_text(family_folder: Path) -> None:
    generator = loaded(family_folder)
    asked = Conversation((user_turn(IMAGES[0], "What is it?"),))
    reply = run(generator, asked)[1]
    prompt = serialize(Conversation((*asked.turns, said(reply), user_turn("And?"))), generator.dialect)
    shown = generator.describe(prompt)
    own = [segment for segment in shown.segments if segment.kind is SegmentKind.SAID]
    spoken = said(reply).token_ids
    assert [shown.token_ids[one.start : one.end] for one in own] == ([spoken] if spoken else [])
    assert shown.text == expanded(generator, prompt)


def test_every_text_looks_at_the_pictures_it_attends_to(family_folder: Path) -> None:
    generator = loaded(family_folder)
    talk = Conversation((user_turn("Hi ", IMAGES[0], "one"), assistant_turn("Yes"), user_turn(IMAGES[1], "two")))
    shown = generator.describe(serialize(talk, generator.dialect))
    looked = {
        "".join(shown.texts[one.start : one.end]).strip(): list(shown.looked_at(one))
        for one in shown.segments
        if one.kind is SegmentKind.WORDS
    }
    is_idefics = generator.facts.family == "idefics"
    assert looked == {"Hi": [], "one": [1], "Yes": [1], "two": [2] if is_idefics else [1, 2]}
    assert shown.looks_at_newest is is_idefics
    assert shown.roles == (Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT)


def test_tokens_are_told_by_turn_and_by_picture(family_folder: Path) -> None:
    generator = loaded(family_folder, image_detail="high")
    talk = Conversation((user_turn(IMAGES[0], IMAGES[1], "one"), assistant_turn("Yes"), user_turn(IMAGES[2])), "Be.")
    shown = generator.describe(serialize(talk, generator.dialect))
    assert shown.picture_count == 3
    turns = [shown.count(turn) for turn in range(5)]
    assert sum(turn.total for turn in turns) == shown.count().total == len(shown.token_ids)
    of_pictures = [shown.tokens_of_picture(number) for number in (1, 2, 3)]
    assert turns[1].pictures == of_pictures[0] + of_pictures[1]
    assert turns[3].pictures == of_pictures[2]
    assert turns[2].pictures == 0 < turns[2].text
    marks = [text for text in shown.texts if text in (FENCE, IMAGE)]
    assert sum(of_pictures) >= len(marks) > 0


def test_what_is_told_can_be_sent_to_another_process(family_folder: Path) -> None:
    generator = loaded(family_folder)
    prompt = serialize(Conversation((user_turn(IMAGES[0], "What is it?"),)), generator.dialect)
    for told in (generator.describe(prompt), generator.preprocess(IMAGES[0])):
        assert pickle.loads(pickle.dumps(told)) == told
