"""Checkpoints to compare, as `--checkpoint` names each: a name, and after commas how that one alone is loaded."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.checkpoints import request
from chat.models.request import CheckpointRequest
from chat.talk.checkpoint_words import asked_in_words, loading_options


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A checkpoint that is asked for, and what to call it."""

    label: str
    request: CheckpointRequest


def named_requests(written: Sequence[str], options: Mapping[str, Any]) -> list[NamedRequest]:
    """The checkpoints that these words ask for; one that is named twice is numbered.

    Args:
        written: Each a name, perhaps with options: `shapes,dtype=bfloat16`.
        options: By the names of `CheckpointRequest`, what holds for those that do not say otherwise.

    Raises:
        UsageError: An option is unknown or cannot be what it is.
    """
    base_url = options.get("base_url") or ""
    asked = [asked_in_words(words, option="--checkpoint", base_url=base_url) for words in written]
    counts = Counter(one.label for one in asked)
    seen: Counter[str] = Counter()
    found: list[NamedRequest] = []
    for one in asked:
        seen[one.label] += 1
        label = f"{one.label} ({seen[one.label]})" if counts[one.label] > 1 else one.label
        found.append(NamedRequest(label, request(one.name, **loading_options(one.options, options))))
    return found
