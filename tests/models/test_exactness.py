"""Every family: kept state changes no id of a reply, whatever is done to a conversation, and saves what it can."""

from pathlib import Path

import pytest

from chat.generation import StopReason
from tests.models.recipes import Recipe, idefics_recipe, template_recipe
from tests.models.reference import Tiny, engine_of
from tests.models.talks import MOVES, Talks, name_of
from tests.models.tally import Tally
from tests.models.tiny import KINDS
from tests.models.tiny_idefics import write_idefics

TALKS = 200


@pytest.fixture(scope="module", autouse=True)
def one_core() -> None:
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()


def talks_over(folder: Path, recipe: Recipe, seed: int) -> Talks:
    """Talks with the checkpoint in a folder, which gets the weights of the recipe's model."""
    recipe.make_readable()
    recipe.model.save_pretrained(folder)
    return Talks(seed, recipe, lambda: engine_of(folder), chunk=64)


def play(talks: Talks, count: int) -> None:
    for _ in range(count):
        talks.play()


def assert_everything_happened(tally: Tally) -> None:
    """Talks in which nothing happens would be exact, too."""
    assert set(tally.moves) == {name_of(move) for move in MOVES}
    assert set(StopReason) - {StopReason.CONTEXT_FULL, StopReason.TURN_MARKER} == set(tally.ends)
    assert tally.went_on / 2 < tally.went_on_with_ids < tally.went_on
    assert len(tally.replies) > tally.compared / 2
    assert tally.began_with_something_kept > tally.compared / 2
    assert tally.worked_ahead > tally.compared / 10
    assert tally.prefilled > tally.compared / 10
    assert tally.prefilled_whole > tally.compared / 50
    assert tally.text_only > tally.compared / 10


@pytest.mark.parametrize("tiny", KINDS, indirect=True)
def test_200_talks_give_the_ids_of_the_recipe(tiny: Tiny) -> None:
    talks = talks_over(tiny.folder, template_recipe(tiny), seed=1)
    play(talks, TALKS)
    assert_everything_happened(talks.tally)


def test_200_talks_with_idefics_give_the_ids_of_the_recipe(tmp_path: Path) -> None:
    folder = write_idefics(tmp_path / "checkpoint", has_resampler=True)
    talks = talks_over(folder, idefics_recipe(folder), seed=5)
    play(talks, TALKS)
    assert_everything_happened(talks.tally)


def test_talks_with_an_idefics_without_resampler_give_the_ids_of_the_recipe(tmp_path: Path) -> None:
    folder = write_idefics(tmp_path / "checkpoint", has_resampler=False)
    play(talks_over(folder, idefics_recipe(folder), seed=2), 30)
