"""What is known of a turn beside its words, in words: when it was said, how a reply was made and why it ended."""

from dataclasses import fields
from datetime import UTC, datetime

from chat.generation import GenerationSettings, StopReason
from chat.records import Generation, StoredTurn
from chat.talk.wording import checkpoint_in_words, count_in_words

_DEFAULTS = GenerationSettings()


def clock_in_words(moment: str, now: datetime) -> list[str]:
    """When it was, here, in lines of at most eight characters: the time alone for today."""
    then = _local(moment)
    if then is None:
        return []
    clock = f"{then:%H:%M}"
    if then.date() == now.date():
        return [clock]
    day = f"{then.day} {then:%b}"
    return [day, clock] if then.year == now.year else [day, f"{then:%Y}", clock]


def details_of(stored: StoredTurn) -> list[str]:
    """All that is known of a turn, a line for each kind of thing."""
    then = _local(stored.created_at)
    when = f"{then:%Y-%m-%d %H:%M:%S}" if then is not None else "at an unknown time"
    if stored.generation is None:
        pictures = [
            f"{image.name} · {image.width}×{image.height} · sha256 {image.digest}" for image in stored.turn.images
        ]
        return [when, *pictures]
    return [f"{when} · {_end_in_words(stored.generation)}", *_generation_in_words(stored.generation)]


def _generation_in_words(generation: Generation) -> list[str]:
    facts, settings = generation.facts, generation.settings
    name, runs_on = checkpoint_in_words(facts)
    known = f"revision {facts.revision[:12]}" if facts.revision and not facts.is_remote else facts.revision
    revision = f" · {known}" if known else ""
    prompt = f"prompt of {count_in_words(generation.prompt_tokens, 'token')}"
    if facts.is_remote and not generation.prompt_tokens:
        prompt = "a prompt whose tokens the server did not tell"
    if generation.cached_tokens:
        prompt += f", {generation.cached_tokens:,} of them known from before"
    others = [
        f"{field.name.replace('_', ' ')} {getattr(settings, field.name)}"
        for field in fields(settings)
        if field.name != "seed" and getattr(settings, field.name) != getattr(_DEFAULTS, field.name)
    ]
    return [
        _speed_in_words(generation),
        prompt,
        f"{name} · {runs_on}{revision}",
        f"settings: {', '.join(others)}" if others else "settings: the defaults",
    ]


def _speed_in_words(generation: Generation) -> str:
    count, is_told = len(generation.token_ids), not generation.facts.is_remote
    parts = [count_in_words(count, "token")] if count or is_told else ["tokens that the server did not tell"]
    if (count or not is_told) and generation.total_s:
        parts += [f"{generation.total_s:.1f} s", f"the first after {generation.first_token_s:.2f} s"]
    seconds = generation.total_s - generation.first_token_s
    if count > 1 and seconds > 0:
        parts.append(f"{(count - 1) / seconds:.1f} tokens/s")
    parts.append("no sampling" if generation.settings.temperature == 0 else f"seed {generation.seed}")
    return " · ".join(parts)


def _end_in_words(generation: Generation) -> str:
    match generation.stop_reason:
        case None:
            return "interrupted"
        case StopReason.END_OF_UTTERANCE:
            return "end of utterance"
        case StopReason.EOS:
            return "end of text"
        case StopReason.TURN_MARKER:
            return "it went on to write the next turn"
        case StopReason.MAX_NEW_TOKENS:
            return f"stopped at {generation.settings.max_new_tokens:,} tokens"
        case StopReason.CONTEXT_FULL:
            return "stopped: the context is full"
        case StopReason.CANCELLED:
            return "stopped by you"
        case StopReason.ERROR:
            return "the model failed"


def _local(moment: str) -> datetime | None:
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (then if then.tzinfo is not None else then.replace(tzinfo=UTC)).astimezone()
