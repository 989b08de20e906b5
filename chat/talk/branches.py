"""What makes a branch: another version of a message, another reply to one, the rest of a reply that was cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from chat.conversation import Role
from chat.drafts import Draft
from chat.errors import UsageError
from chat.generation import MOST_NEW_TOKENS, CheckpointFacts, GenerationSettings, StopReason, TextGenerator
from chat.records import StoredTurn
from chat.session import ids_for
from chat.talk.wording import ending_in_words

# Imported with the first prompt: the first frame does without.
if TYPE_CHECKING:
    from chat.prompt import Said

LIVELY: Final = 0.7
"""Temperature of another reply where greedy decoding would give the same one."""
_AGAIN_USAGE: Final = "the number of an exchange, a temperature with a point, and a seed: /regenerate 2 0.7 seed 8"


@dataclass(frozen=True, slots=True)
class AskedBranch(Draft):
    """Something that makes a branch, in its place among the messages that wait."""

    path: tuple[StoredTurn, ...] = ()
    """The turns that it follows."""


@dataclass(frozen=True, slots=True)
class AskedEdit(AskedBranch):
    """A message as it is to be in an earlier one's place; it follows what that one follows."""

    message_id: int = 0
    """Of the earlier one."""


@dataclass(frozen=True, slots=True)
class AskedReply(AskedBranch):
    """A further reply to the message that the path ends with. The text is the command as it would be typed."""

    said: StoredTurn | None = None
    """The reply that is there, if any."""


@dataclass(frozen=True, slots=True)
class AskedAgain(AskedReply):
    """Another reply."""

    temperature: float | None = None
    """None where nothing was said of it."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class AskedMore(AskedReply):
    """The same reply and what follows where it was cut."""


def message_at(turns: Sequence[StoredTurn], number: int | None) -> int:
    """The place of a message among turns: of that number from 1, or of the last one; raises UsageError."""
    places = [place for place, stored in enumerate(turns) if stored.turn.role is Role.USER]
    if not places:
        raise UsageError("nothing was said yet: ask something first")
    if number is not None and not 1 <= number <= len(places):
        raise UsageError(f"there is no exchange {number:,}: give a number from 1 to {len(places):,}")
    return places[-1 if number is None else number - 1]


def message_of(turns: Sequence[StoredTurn], turn_id: int) -> int | None:
    """The place of the message that a turn is, or is the reply to; None where it is not among the turns."""
    place = next((place for place, stored in enumerate(turns) if stored.id == turn_id), None)
    if place is not None and turns[place].turn.role is Role.ASSISTANT:
        return place - 1
    return place


def number_of(turns: Sequence[StoredTurn], place: int) -> int:
    """Which message of the user's it is that stands there, from 1."""
    return sum(stored.turn.role is Role.USER for stored in turns[: place + 1])


def is_cut(reply: StoredTurn) -> bool:
    """Whether a reply ended before the model had finished it."""
    if reply.generation is None:
        return False
    return reply.generation.stop_reason is None or reply.generation.stop_reason.is_cut


def again(
    turns: Sequence[StoredTurn], place: int, *, temperature: float | None = None, seed: int | None = None
) -> AskedAgain:
    """Ask for another reply to the message that stands there."""
    text = f"/regenerate {number_of(turns, place)}"
    text += "" if temperature is None else f" {temperature}"
    text += "" if seed is None else f" seed {seed}"
    path, said = tuple(turns[: place + 1]), _reply_at(turns, place)
    return AskedAgain(text, path=path, said=said, temperature=temperature, seed=seed)


def again_as_typed(turns: Sequence[StoredTurn], argument: str) -> AskedAgain:
    """What stands behind `/regenerate`: a message's number, a temperature with a point, a seed; raises UsageError."""
    match = re.fullmatch(
        r"(?:(?P<number>[0-9]{1,9})(?:\s+|$))?(?:(?P<temperature>[0-9]{0,9}\.[0-9]{1,9})(?:\s+|$))?"
        r"(?:seed\s+(?P<seed>[0-9]{1,20}))?",
        argument.strip(),
        re.IGNORECASE,
    )
    if match is None:
        raise UsageError(f"/regenerate takes {_AGAIN_USAGE}")
    temperature = float(match["temperature"]) if match["temperature"] else None
    seed = int(match["seed"]) if match["seed"] else None
    # Checked here: when it is its turn, nobody may be there to be told.
    GenerationSettings(temperature=temperature or 0.0, seed=seed)
    place = message_at(turns, int(match["number"]) if match["number"] else None)
    return again(turns, place, temperature=temperature, seed=seed)


def more(turns: Sequence[StoredTurn], place: int) -> AskedMore:
    """Ask for the rest of the reply to the message that stands there; raises UsageError where nothing was cut."""
    number, said = number_of(turns, place), _reply_at(turns, place)
    if said is None:
        raise UsageError(f"your message {number:,} has no reply: /regenerate {number} asks for one")
    if not is_cut(said):
        raise UsageError(
            f"the reply to your message {number:,} is complete, so that /continue adds nothing: "
            f"/regenerate {number} asks for another one"
        )
    return AskedMore(f"/continue {number}", path=tuple(turns[: place + 1]), said=said)


def check_goes_on(generator: TextGenerator | None) -> None:
    """Raise UsageError where what is loaded cannot go on in the middle of a reply."""
    if generator is not None and not generator.dialect.goes_on:
        raise UsageError(
            f"{generator.facts.short_name} is on a server that cannot go on in the middle of a reply: "
            "/regenerate asks for another one"
        )


def _reply_at(turns: Sequence[StoredTurn], place: int) -> StoredTurn | None:
    following = turns[place + 1] if place + 1 < len(turns) else None
    return following if following is not None and following.turn.role is Role.ASSISTANT else None


def settings_of(draft: Draft, settings: GenerationSettings, facts: CheckpointFacts) -> GenerationSettings:
    """How the reply to a message that waits is generated, where so much is chosen for replies at large."""
    if isinstance(draft, AskedAgain):
        temperature = draft.temperature
        if temperature is None:
            temperature = LIVELY if would_repeat(draft, settings, facts) else settings.temperature
        # A seed that was chosen for every reply would give the same one.
        return replace(settings, temperature=temperature, seed=draft.seed)
    if isinstance(draft, AskedMore) and draft.said is not None and draft.said.generation is not None:
        # As it was begun, so it goes on.
        begun = draft.said.generation.settings
        return replace(begun, max_new_tokens=settings.max_new_tokens, seed=settings.seed)
    return settings


def would_repeat(draft: AskedAgain, settings: GenerationSettings, facts: CheckpointFacts) -> bool:
    """Whether greedy decoding would say once more what the same checkpoint has said to the end."""
    said = draft.said.generation if draft.said else None
    if said is None or settings.temperature > 0 or draft.temperature is not None:
        return False
    was_broken_off = said.stop_reason in (None, StopReason.CANCELLED, StopReason.ERROR)
    is_same = (said.facts.name, said.facts.revision) == (facts.name, facts.revision)
    return is_same and not was_broken_off


def beginning_of(draft: AskedMore, facts: CheckpointFacts) -> "Said":
    """What the reply begins with: the words, and their ids where this checkpoint gave them."""
    from chat.prompt import Said

    if draft.said is None:
        return Said("", ())
    return Said(draft.said.turn.text, ids_for(facts, draft.said))


def as_kept(settings: GenerationSettings, begun: int) -> GenerationSettings:
    """The settings of a reply that began with so many tokens of another, as if it had been generated at once."""
    return replace(settings, max_new_tokens=min(settings.max_new_tokens + begun, MOST_NEW_TOKENS))


def version_in_words(stored: StoredTurn, position: int, count: int) -> str:
    """Which version of how many a turn is, and how it came about: `2 of 3 · seed 8, stopped`."""
    generation = stored.generation
    if generation is None:
        return f"{position} of {count}"
    how = "greedy" if generation.seed is None else f"seed {generation.seed}"
    ending = ending_in_words(generation.stop_reason, generation.settings, len(generation.token_ids))
    return f"{position} of {count} · {how}{f', {ending}' if ending else ''}"
