"""From messages as other programs keep them to a transcript."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chat.conversation import Part, Role, Text, Turn, assistant_turn
from chat.errors import InvalidTurnError, TranscriptError
from chat.records import Generation, StoredTurn
from chat.transcript.values import Transcript

_BLANK_LINE: Final = "\n\n"
"""Stands between system texts, and between what an assistant said before and after it used a tool."""

LEFT_OUT: Final = "[picture left out]"
"""Stands for a message of the user's that was a picture and nothing else, where the picture is not there."""


@dataclass(frozen=True, slots=True)
class Message:
    """What another program keeps of a turn."""

    speaker: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]
    place: str
    """Where it stands, as an error names it."""
    goes_on: bool = False
    """Whether it is the rest of the reply before it."""
    created_at: str = ""
    generation: Generation | None = None


def transcript_of(messages: Iterable[Message], title: str = "", session_id: str = "") -> Transcript:
    """The transcript that messages make.

    Texts that stand next to each other are one, with a line's end between them.

    Args:
        messages: In order.
        title: What the conversation is called; empty for the title that its first message makes.
        session_id: By which the other program knows it.

    Raises:
        TranscriptError: They cannot be a conversation; the message names the place.
    """
    system = ""
    turns: list[StoredTurn] = []
    for message in messages:
        if message.speaker == "system":
            if turns:
                raise TranscriptError(f"{message.place}: a system text stands only before the first message")
            system = _together(system, _words(message))
        elif message.speaker == "user":
            turns.append(_stored(len(turns) + 1, Role.USER, message))
        elif message.goes_on and turns and turns[-1].turn.role is Role.ASSISTANT:
            turns[-1] = _continued(turns[-1], message)
        else:
            _require_question(turns, message)
            turns.append(_stored(len(turns) + 1, Role.ASSISTANT, message))
    times = [stored.created_at for stored in turns if stored.created_at]
    return Transcript(
        title,
        system,
        tuple(turns),
        session_id=session_id,
        created_at=times[0] if times else "",
        updated_at=times[-1] if times else "",
    )


def joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts in which no two texts stand next to each other, and none is empty."""
    whole: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and whole and isinstance(whole[-1], Text):
            whole[-1] = Text(f"{whole[-1].text}\n{part.text}")
        else:
            whole.append(part)
    return tuple(whole)


def _require_question(turns: Sequence[StoredTurn], message: Message) -> None:
    if not turns:
        raise TranscriptError(f"{message.place}: the conversation begins with a reply: the user's message is missing")
    if turns[-1].turn.role is Role.ASSISTANT:
        raise TranscriptError(f"{message.place}: a reply follows a reply: the user's message between them is missing")


def _stored(number: int, role: Role, message: Message) -> StoredTurn:
    try:
        turn = Turn(role, joined(message.parts))
    except InvalidTurnError as error:
        raise TranscriptError(f"{message.place}: {error}") from error
    return StoredTurn(number, turn, message.created_at, message.generation)


def _continued(stored: StoredTurn, message: Message) -> StoredTurn:
    turn = assistant_turn(_together(stored.turn.text, _words(message)))
    return StoredTurn(stored.id, turn, stored.created_at, message.generation or stored.generation)


def _together(first: str, second: str) -> str:
    return _BLANK_LINE.join(text for text in (first, second) if text)


def _words(message: Message) -> str:
    """The one text that a message is."""
    return _stored(1, Role.ASSISTANT, message).turn.text
