"""Idefics2 and its successors: state kept from turn to turn saves work and changes no id of a reply."""

import random

from chat.conversation import Conversation, user_turn
from chat.generation import CheckpointFacts
from chat.models.generator import ModelGenerator
from tests.benign import benign_conversation
from tests.models.reference import IMAGES, Tiny, every_class, run, said
from tests.models.tiny import CONTEXT_LENGTH


@every_class
def test_a_later_turn_computes_only_what_is_new_and_looks_at_a_picture_once(tiny: Tiny) -> None:
    engine = tiny.engine()
    generator = ModelGenerator(engine, CheckpointFacts("tiny", context_length=CONTEXT_LENGTH))
    looks: list[object] = []
    seen = tiny.model.model.vision_model.register_forward_hook(lambda *_: looks.append(None))
    first = Conversation((user_turn(IMAGES[0], "What is in the picture?"),))
    _, reply = run(generator, first)
    second = first.with_turn(said(reply)).with_turn(user_turn("How many?"))
    _, again = run(generator, second)
    assert again.cached_tokens >= reply.prompt_tokens
    assert len(looks) == 1
    third = second.with_turn(said(again)).with_turn(user_turn(IMAGES[1], IMAGES[0], "Same?"))
    _, last = run(generator, third)
    assert last.cached_tokens >= again.prompt_tokens
    assert len(looks) == 2
    seen.remove()


@every_class
def test_another_picture_in_the_same_place_is_not_taken_for_the_first(tiny: Tiny) -> None:
    generator = tiny.load()
    asked = [Conversation((user_turn(image, "What is in the picture?"),)) for image in IMAGES]
    kept = [run(generator, conversation)[1].token_ids for conversation in asked]
    assert kept == [run(tiny.load(), conversation)[1].token_ids for conversation in asked]
    assert len(set(kept)) == len(IMAGES)


@every_class
def test_prompts_computed_in_small_parts_give_the_same_ids(tiny: Tiny) -> None:
    engine = tiny.engine()
    rng = random.Random(3)
    for _ in range(5):
        conversation = benign_conversation(rng, IMAGES)
        generator = ModelGenerator(engine, CheckpointFacts("tiny", context_length=CONTEXT_LENGTH), chunk=5)
        assert list(run(generator, conversation)[1].token_ids) == tiny.new_ids(engine, conversation)
