"""Checkpoints to compare, as `--checkpoint` names each: a name, and after commas how that one alone is loaded."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chat.checkpoints import request
from chat.errors import UsageError
from chat.models.request import CheckpointRequest
from chat.safe_text import short_line

OPTIONS: Final = ("revision", "dtype", "quantize", "device", "image-detail", "base-url", "api")
"""What may stand after the name."""
_OF_SERVERS: Final = ("base_url", "api")
_LONGEST_LABEL: Final = 80


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
    labels = [short_line(words, _LONGEST_LABEL) for words in written]
    counts = Counter(labels)
    seen: Counter[str] = Counter()
    found: list[NamedRequest] = []
    for words, label in zip(written, labels, strict=True):
        seen[label] += 1
        name, own = _parsed(words)
        asked = request(name, **_chosen(words, {**options, **own}, own))
        found.append(NamedRequest(f"{label} ({seen[label]})" if counts[label] > 1 else label, asked))
    return found


def _chosen(words: str, chosen: dict[str, Any], own: Mapping[str, str]) -> dict[str, Any]:
    """The options that mean something to a checkpoint: a server has loaded its own."""
    if not chosen.get("base_url"):
        if "api" in own:
            raise UsageError(
                f"--checkpoint {short_line(words, 60)}: api says what is spoken to a server: give base-url"
            )
        return {name: value for name, value in chosen.items() if name not in _OF_SERVERS}
    for name in own:
        if name not in (*_OF_SERVERS, "image_detail"):
            raise UsageError(
                f"--checkpoint {short_line(words, 60)}: {name} is for checkpoints of this machine: leave it out, "
                "the server decides"
            )
    return {name: value for name, value in chosen.items() if name in (*_OF_SERVERS, "image_detail")}


def _parsed(words: str) -> tuple[str, dict[str, str]]:
    """A checkpoint's name, which may have commas of its own, and its options."""
    name, *rest = words.split(",")
    own: dict[str, str] = {}
    for part in rest:
        option, equals, value = part.partition("=")
        if not equals and not own:
            name += f",{part}"
        elif option.strip() not in OPTIONS or not equals:
            raise UsageError(
                f"--checkpoint {short_line(words, 60)}: {short_line(part, 40)!r} is no option: "
                f"after the name come {', '.join(OPTIONS)}, each as option=value"
            )
        else:
            own[option.strip().replace("-", "_")] = value.strip()
    return name, own
