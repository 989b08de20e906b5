"""What files that are read by people say of a turn beside its words. Everything told is printable."""

from dataclasses import fields
from datetime import UTC, datetime

from chat.conversation import Image, Role
from chat.generation import GenerationSettings, StopReason
from chat.records import Choice, Generation, StoredTurn
from chat.safe_text import printable
from chat.transcript.values import Transcript

_DEFAULTS = GenerationSettings()


def title_of(transcript: Transcript) -> str:
    """What a conversation is called, in one line."""
    return printable(transcript.title, multiline=False).strip() or "Conversation"


def speaker_of(stored: StoredTurn) -> str:
    """Who said a turn: `You`, or the checkpoint by the last part of its name."""
    if stored.turn.role is Role.USER:
        return "You (example)" if stored.is_example else "You"
    name = stored.generation.facts.short_name if stored.generation else ""
    return printable(name, multiline=False) or "Assistant"


def moment_of(created_at: str) -> str:
    """When something was said: `2026-11-21 02:30 UTC`; empty where that is not known."""
    try:
        then = datetime.fromisoformat(created_at)
    except ValueError:
        return ""
    return f"{(then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def picture_in_words(number: int, image: Image) -> str:
    """A picture by its number in the conversation and its name."""
    return f"{number}: {printable(image.name, multiline=False)}"


def images_of(transcript: Transcript) -> tuple[Image, ...]:
    """The pictures of the branch that is shown, in order, each once."""
    return tuple(dict.fromkeys(image for stored in transcript.turns for image in stored.turn.images))


def numbered(transcript: Transcript) -> dict[tuple[int, int], int]:
    """The numbers of pictures, counted through the conversation; a key is a turn's id and which of its pictures."""
    places = [(stored.id, place) for stored in transcript.turns for place, _ in enumerate(stored.turn.images)]
    return {place: number for number, place in enumerate(places, start=1)}


def origin_of(generation: Generation) -> str:
    """Where a reply came from and how it ended, in one line; empty where nothing is known of that."""
    facts = generation.facts
    precision = facts.quantization if facts.is_quantized else facts.dtype
    words = [facts.name, facts.device, precision, _settings_in_words(generation)] if facts.name else []
    words += [_length_in_words(generation), _end_in_words(generation)]
    return printable(" · ".join(word for word in words if word), multiline=False)


def choice_in_words(choice: Choice) -> str:
    """Labels that were ranked, each with its share, the likeliest first, in one line."""
    ranking = choice.ranking
    shares = ranking.probabilities
    ranked = ", ".join(f"{ranking.labels[place]} {100 * shares[place]:.1f} %" for place in ranking.order)
    pictures = "".join(f" ({image.name})" for image in choice.images)
    return printable(
        f"Labels ranked by {choice.facts.short_name or 'a checkpoint'}{pictures}: {ranked}", multiline=False
    )


def _settings_in_words(generation: Generation) -> str:
    settings = generation.settings
    others = [
        f"{field.name.replace('_', ' ')} {getattr(settings, field.name)}"
        for field in fields(settings)
        if field.name not in ("seed", "max_new_tokens")
        and getattr(settings, field.name) != getattr(_DEFAULTS, field.name)
    ]
    if settings.temperature and generation.seed is not None:
        others.append(f"seed {generation.seed}")
    return ", ".join(others)


def _length_in_words(generation: Generation) -> str:
    count = len(generation.token_ids)
    if not count:
        return ""
    time = f" in {generation.total_s:.1f} s" if generation.total_s else ""
    return f"{count:,} token{'' if count == 1 else 's'}{time}"


def _end_in_words(generation: Generation) -> str:
    """Why the reply was cut; empty where the model had finished it."""
    match generation.stop_reason:
        case None:
            return "interrupted"
        case StopReason.CANCELLED:
            return "stopped"
        case StopReason.MAX_NEW_TOKENS:
            return "stopped at the longest reply"
        case StopReason.CONTEXT_FULL:
            return "stopped: the context was full"
        case StopReason.ERROR:
            return "the model failed"
        case _:
            return ""
