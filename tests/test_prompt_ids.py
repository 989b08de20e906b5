"""Prompts that are kept by what they add are what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.prompt_ids import PromptIds, told, whole, whole_prompts

ids = st.lists(st.integers(0, 3), max_size=8).map(tuple)


@given(st.lists(st.tuples(ids, ids)))
def test_a_branch_of_prompts_is_what_was_kept_of_it(exchanges: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    before: tuple[int, ...] = ()
    kept = []
    for prompt, reply in exchanges:
        kept.append((told(prompt, before), reply))
        before = (*prompt, *reply)
    assert whole_prompts(kept) == [prompt for prompt, _ in exchanges]


def test_nothing_is_kept_twice() -> None:
    assert told((1, 2, 3, 4), (1, 2, 3)) == PromptIds(3, (4,))


def test_what_hardly_begins_alike_is_kept_whole() -> None:
    assert told((1, 2, 3, 4), (1, 3)) == PromptIds(0, (1, 2, 3, 4))


def test_a_prompt_does_not_build_on_another_one_that_is_too_short() -> None:
    with pytest.raises(ValueError, match="shares 3 ids with one of 2"):
        whole(PromptIds(3, ()), (1, 2))
    assert whole_prompts([(PromptIds(3, ()), ())]) == [None]


def test_a_prompt_that_builds_on_an_unknown_one_is_unknown() -> None:
    assert whole_prompts([(None, (7,)), (PromptIds(1, (2,)), ()), (PromptIds(0, (2,)), ())]) == [None, None, (2,)]
