"""Both sides of the comparison: the recipe of every family, and a random checkpoint that recipes can read back."""

import random
from pathlib import Path
from typing import Any

import pytest

from chat.bench.random_checkpoint import write_random_checkpoint
from chat.bench.recipe import listed, recipe_of
from chat.bench.talk import PICTURE_EVERY, REPLY_TOKENS, USER_TOKENS, run_talk, write_talk
from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.models.families import family_of
from tests.models.conftest import tiny
from tests.models.reference import IMAGES, Tiny, every_kind, loaded

__all__ = ["tiny"]

PARAMETERS = 1_000_000


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random")
    write_random_checkpoint(folder, PARAMETERS)
    return folder


@every_kind
@pytest.mark.parametrize("detail", ["low", "high"])
def test_the_recipe_of_every_family_gives_the_ids_of_its_engine(tiny: Tiny, detail: str) -> None:
    generator = tiny.load(image_detail=detail)
    recipe = recipe_of(tiny.model, tiny.folder, detail, generator.engine)
    talk = write_talk(lambda text: len(generator.engine.encoder.encode_text(text)), 3, {1, 2, 3}, first_picture=1)
    figures = list(run_talk(talk, generator, recipe, 1, lambda *_: None))
    assert [turn.same_token_ids for turn in figures] == [True, True, True]


def test_what_a_random_checkpoint_says_comes_back_as_the_same_ids(random_folder: Path) -> None:
    from transformers import AutoTokenizer

    generator = loaded(random_folder)
    tokenizer = AutoTokenizer.from_pretrained(random_folder)
    size = len(tokenizer)
    said = [token_id for token_id in range(size) if tokenizer.convert_ids_to_tokens(token_id)[:1] == "▁"][1:]
    assert len(said) > 31_000
    rng = random.Random(1)
    for _ in range(300):
        ids = [rng.choice(said) for _ in range(REPLY_TOKENS)]
        assert list(generator.engine.encoder.reply_ids(generator.decode(ids))) == ids


def test_a_random_checkpoint_says_words_alone(random_folder: Path) -> None:
    model = family_of("idefics").model_class.from_pretrained(random_folder)
    silent = (model.lm_head.weight == 0).all(dim=1)
    assert 300 < int(silent.sum()) < 500
    assert not silent[int(silent.sum()) :].any()
    assert (model.lm_head.additional_fc.weight == 0).all()


@pytest.mark.parametrize(("wanted", "width"), [(1_000, 128), (90_000_000, 512), (1_000_000_000, 1920)])
def test_a_random_checkpoint_has_about_the_wanted_size(wanted: int, width: int) -> None:
    from chat.bench import random_checkpoint

    assert random_checkpoint._width(wanted) == width


def test_a_talk_brings_a_picture_with_every_fourth_question_of_thirty_tokens() -> None:
    talk = write_talk(lambda text: len(text.split()), 12, {12}, first_picture=4)
    assert [number for number, turn in enumerate(talk.turns, 1) if turn.images] == [4, 8, 12]
    assert len({turn.images[0].digest for turn in talk.turns if turn.images}) == 12 // PICTURE_EVERY
    assert {len(turn.text.split()) for turn in talk.turns} == {USER_TOKENS}
    assert len(talk.whole.turns) == 23


def test_a_conversation_is_listed_as_the_model_card_lists_it() -> None:
    def name(image: Image) -> Any:
        return image.digest[:1]

    a, b = IMAGES[:2]
    talk = Conversation((user_turn(a, "What?"), assistant_turn("A cat."), user_turn("And", b)))
    assert listed(talk, name) == [
        "User:",
        a.digest[:1],
        "What?<end_of_utterance>\nAssistant: A cat.<end_of_utterance>\nUser: And",
        b.digest[:1],
        "<end_of_utterance>\nAssistant:",
    ]
