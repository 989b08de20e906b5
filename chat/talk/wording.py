"""How numbers, times and endings are put into words."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from chat.generation import CheckpointFacts, GenerationSettings, StopReason

# The first frame does without.
if TYPE_CHECKING:
    from chat.context import Overflow
    from chat.records import Choice
    from chat.summaries import PictureMatch

_TURNS: Final = {
    2: "mirrored by EXIF",
    3: "turned by EXIF 180°",
    4: "mirrored by EXIF, upside down",
    5: "mirrored by EXIF, turned 270°",
    6: "turned by EXIF 90°",
    7: "mirrored by EXIF, turned 90°",
    8: "turned by EXIF 270°",
}
_DTYPES: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
LONGEST_SHOWN: Final = 20_000
"""Characters of one text that are shown; the rest is kept and counted."""


def size_in_words(byte_count: int) -> str:
    """A file's size: `212 kB`."""
    if byte_count < 1000:
        return f"{byte_count} B"
    for unit in ("kB", "MB"):
        byte_count_in_unit = byte_count / (1000 if unit == "kB" else 1_000_000)
        if byte_count_in_unit < 999.5:
            return (
                f"{byte_count_in_unit:.1f} {unit}" if byte_count_in_unit < 9.95 else f"{byte_count_in_unit:.0f} {unit}"
            )
    return f"{byte_count / 1_000_000_000:.1f} GB"


def turned_in_words(orientation: int) -> str:
    """How a file asks for its picture to be turned; empty where it does not."""
    return _TURNS.get(orientation, "")


def sentence(words: str) -> str:
    """Words of an error as they begin a line."""
    return words[:1].upper() + words[1:]


def count_in_words(count: int, noun: str) -> str:
    """A count and its noun: `1 picture`, `no pictures`."""
    return f"{count:,} {noun}" if count == 1 else f"{f'{count:,}' if count else 'no'} {noun}s"


def likeness_in_words(match: "PictureMatch") -> str:
    """How like a picture is that was found."""
    return "the same picture" if match.distance == 0 else "looks like it"


def time_in_words(moment: str, now: datetime) -> str:
    """How long ago an ISO 8601 moment was: `2 min`, `yesterday`, `12 Nov`."""
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    then, now = then.astimezone(now.tzinfo), now
    seconds = (now - then).total_seconds()
    days = (now.date() - then.date()).days
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if days == 0:
        return f"{int(seconds // 3600)} h"
    if days == 1:
        return "yesterday"
    if days < 7:
        return f"{then:%a}"
    return f"{then.day} {then:%b}" if then.year == now.year else f"{then.day} {then:%b %Y}"


def ending_in_words(reason: StopReason | None, settings: GenerationSettings, token_count: int, error: str = "") -> str:
    """Why a reply was cut; empty where the model had finished it."""
    match reason:
        case None:
            return "interrupted"
        case StopReason.CANCELLED:
            return "stopped" if token_count else "stopped before the first word"
        case StopReason.MAX_NEW_TOKENS:
            return f"stopped at {settings.max_new_tokens:,} tokens"
        case StopReason.CONTEXT_FULL:
            return "stopped: the context is full"
        case StopReason.ERROR:
            return f"the model failed: {error}" if error else "the model failed"
        case _:
            return ""


def overflow_in_words(overflow: "Overflow") -> str:
    """Why a message was not sent, and what can be done about it."""
    room = f"at least {overflow.reply_room:,} for the reply, of {overflow.context_length:,}"
    if not overflow.exchanges:
        return f"This message does not fit: {overflow.tokens_after:,} tokens, {room}. Nothing was sent; shorten it."
    count = f" {overflow.exchanges}" if overflow.exchanges > 1 else ""
    return (
        f"Not sent, it does not fit: {overflow.tokens:,} tokens, {room}. "
        f"/drop{count} leaves out {overflow.what_goes}, then yours is sent; up takes it back."
    )


def left_out_in_words(messages: int, pictures: int) -> str:
    """What the model is not shown, `the oldest message with its reply and pictures`; empty where it is shown all."""
    parts: list[str] = []
    if messages:
        oldest = "the oldest message" if messages == 1 else f"the {messages:,} oldest messages"
        parts.append(f"{oldest} with {'its reply' if messages == 1 else 'their replies'} and pictures")
    if pictures:
        parts.append(f"{count_in_words(pictures, 'picture')} whose words it sees")
    return ", nor ".join(parts)


def basis_in_words(choice: "Choice") -> str:
    """What the labels were ranked by, as far as the model saw it."""
    measure = "log-likelihood of a token" if choice.ranking.per_token else "log-likelihood"
    last = choice.number + len(choice.images) - 1
    pictures = f"pictures [{choice.number}] to [{last}]" if len(choice.images) > 1 else f"picture [{choice.number}]"
    history = "the whole history"
    if choice.left_out:
        oldest = "message" if choice.left_out == 1 else f"{choice.left_out:,} messages"
        history = f"the history without the oldest {oldest}"
    seen = f"{pictures} and {history}" if choice.number else history
    if choice.turn_id is None:
        seen = f"{pictures} before any message" if choice.number else "before any message"
    return f"{measure}, {seen} · not added to the conversation"


def checkpoint_in_words(facts: CheckpointFacts) -> tuple[str, str]:
    """A checkpoint's short name and what it runs on: `idefics-9b`, `cuda · bf16`."""
    precision = facts.quantization if facts.is_quantized else _DTYPES.get(facts.dtype, facts.dtype)
    return facts.short_name, " · ".join(filter(None, (facts.device, precision)))


def short_name(checkpoint: str) -> str:
    """The last part of a checkpoint's name."""
    return checkpoint.rstrip("/").rpartition("/")[2]


def label_of(checkpoint: str) -> str:
    """The name that stands beside a checkpoint's replies: at most eight characters."""
    short = short_name(checkpoint).lower()
    if len(short) > 8:
        short = short.split("-")[0]
    return short if 0 < len(short) <= 8 else "model"


def first_line(text: str) -> str:
    """The first line of a message from outside, for places that have one line."""
    lines = text.strip().splitlines()
    return lines[0] if lines else ""


def elided(text: str, width: int) -> str:
    """A name cut in its middle, so that its end can be read."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def shown_part(text: str) -> str:
    """As much of a text as is shown, and how much is not."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}\n… {len(text) - LONGEST_SHOWN:,} more characters are kept and not shown"
