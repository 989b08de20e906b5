"""The token ids of a prompt, kept as what they add to the prompt and the reply before.

Each prompt of a conversation holds all of the one before: told whole, a hundred exchanges would take the room of five
thousand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptIds:
    """A prompt, told by what it shares with the ids of the nearest reply before it in its branch, prompt and all."""

    shared: int
    """How many of the first of those ids it begins with. 0 says that `token_ids` is the whole prompt."""
    token_ids: Sequence[int]
    """The ids that follow."""


def told(prompt: Sequence[int], before: Sequence[int]) -> PromptIds:
    """A prompt as it is kept.

    Args:
        prompt: All its ids.
        before: Those of the prompt before and of the reply to it; empty where they are not known.
    """
    shared = next(
        (place for place, (one, other) in enumerate(zip(prompt, before, strict=False)) if one != other),
        min(len(prompt), len(before)),
    )
    # Every prompt begins like every other; a chain of such links would be long and save nothing.
    if 2 * shared < len(prompt):
        shared = 0
    return PromptIds(shared, tuple(prompt[shared:]))


def whole(kept: PromptIds, before: Sequence[int]) -> tuple[int, ...]:
    """All ids of a prompt that was kept.

    Args:
        kept: By `told`.
        before: What it was told with.

    Raises:
        ValueError: That is another one, which is too short.
    """
    if kept.shared > len(before):
        raise ValueError(f"a prompt shares {kept.shared} ids with one of {len(before)}")
    return (*before[: kept.shared], *kept.token_ids)


def whole_prompts(
    kept: Iterable[tuple[PromptIds | None, Sequence[int]]],
) -> list[tuple[int, ...] | None]:
    """The prompts of a branch; None for those that were not kept, or that build on one which was not.

    Args:
        kept: For each reply from the first, its prompt and its own ids.
    """
    found: list[tuple[int, ...] | None] = []
    before: tuple[int, ...] = ()
    for prompt, reply in kept:
        ids = None if prompt is None or prompt.shared > len(before) else whole(prompt, before)
        found.append(ids)
        before = () if ids is None else (*ids, *reply)
    return found
