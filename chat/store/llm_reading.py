"""What the tables of older and newer logs of `llm` share: rows and values, and where replies came from."""

import json
import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from chat.conversation import Image, Part, Text
from chat.errors import TranscriptError
from chat.generation import CheckpointFacts, GenerationSettings
from chat.records import Generation
from chat.safe_text import printable, short_line
from chat.transcript.alternation import LEFT_OUT, Message, transcript_of
from chat.transcript.foreign import Incoming
from chat.transcript.times import as_utc
from chat.transcript.typed_json import read_as
from chat.transcript.values import UNKNOWN_GENERATION

_LLM: Final = "llm"
"""Stands where it is not known what a checkpoint ran on: whatever `llm` asked."""
NO_WORDS: Final = "[no words]"
_OPTIONS: Final = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_tokens": "max_new_tokens"}


_TABLES: Final = (
    "conversations",
    "responses",
    "attachments",
    "prompt_attachments",
    "fragments",
    "prompt_fragments",
    "system_fragments",
    "tool_results",
    "threads",
    "turns",
    "messages",
    "parts",
)


def place_of(conversation: str) -> str:
    """A conversation as an error names it."""
    return f"conversation {short_line(conversation, 40) or 'without an id'}"


@contextmanager
def errors_of(place: str) -> Iterator[None]:
    """Raise what is wrong, SQLite's own complaints included, as TranscriptError that names the place."""
    try:
        yield
    except TranscriptError as error:
        raise TranscriptError(f"{place}: {error}") from error
    # The words of an error may quote what a damaged file holds, and that need be no text.
    except (sqlite3.Error, UnicodeDecodeError) as error:
        reason = printable(str(error), multiline=False)
        raise TranscriptError(f"{place}: cannot be read as logs of llm ({reason}): copy it again") from error


class Logs:
    """A database of logs: rows of the tables that it really has."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Views and virtual tables could compute anything; llm has no such among what is read here.
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        )
        names = {name for (name,) in rows.fetchall()}
        # A table's `rowid` is listed nowhere.
        self._columns = {
            name: {"rowid", *(row[1] for row in connection.execute(f'PRAGMA table_info("{name}")'))}
            for name in names.intersection(_TABLES)
        }

    def has(self, *tables: str) -> bool:
        """Whether all these tables are there."""
        return all(table in self._columns for table in tables)

    def rows(self, table: str, columns: Sequence[str], where: str, *values: object) -> list[dict[str, Any]]:
        """Rows by column; nothing where the table is missing, and None for columns that it has not."""
        if not self.has(table):
            return []
        there = [column for column in columns if column in self._columns[table]]
        names = ", ".join(f'"{column}"' for column in there)
        found = self._connection.execute(f'SELECT {names} FROM "{table}" {where}', values).fetchall()
        return [dict.fromkeys(columns) | dict(zip(there, row, strict=True)) for row in found]

    def row(self, table: str, columns: Sequence[str], where: str, value: object) -> dict[str, Any]:
        """The one row; raises TranscriptError where there is none, as in a damaged file."""
        found = self.rows(table, columns, where, value)
        if not found:
            raise TranscriptError(f"a row of {table} is missing")
        return found[0]


def text_in(row: dict[str, Any], column: str) -> str:
    """The text of a column, empty for NULL; raises TranscriptError for anything else."""
    value = row[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TranscriptError(f"{column} holds {type(value).__name__}, not a text")
    return value


def json_in(row: dict[str, Any], column: str) -> dict[str, Any]:
    """The JSON object of a column, empty for NULL; raises TranscriptError for anything else."""
    try:
        value = json.loads(text_in(row, column) or "{}")
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"{column} holds no JSON") from error
    if not isinstance(value, dict):
        raise TranscriptError(f"{column} holds no JSON object")
    return value


@dataclass(frozen=True, slots=True)
class Call:
    """A row that tells how a model was asked."""

    row: dict[str, Any]

    COLUMNS = ("model", "options_json", "datetime_utc", "duration_ms", "input_tokens")

    @property
    def created_at(self) -> str:
        """When it was; empty where that is no time."""
        try:
            return as_utc(text_in(self.row, "datetime_utc"))
        except TranscriptError:
            return ""

    def generation(self, place: str, left_out: list[str]) -> Generation:
        """Where the reply came from, as far as it is known.

        Args:
            place: Of the reply.
            left_out: Gets a line where its settings cannot be kept.
        """
        duration, tokens = self.row["duration_ms"], self.row["input_tokens"]
        return replace(
            UNKNOWN_GENERATION,
            facts=CheckpointFacts(
                text_in(self.row, "model"), family=_LLM, device=_LLM, dtype="", context_length=0, image_size=0
            ),
            settings=self._settings(place, left_out),
            prompt_tokens=tokens if isinstance(tokens, int) and tokens > 0 else 0,
            total_s=duration / 1000 if isinstance(duration, int) and duration > 0 else 0.0,
        )

    def _settings(self, place: str, left_out: list[str]) -> GenerationSettings:
        try:
            options = json_in(self.row, "options_json")
            given = {ours: options[theirs] for theirs, ours in _OPTIONS.items() if options.get(theirs) is not None}
            # As strictly as a file of our own is read: what is kept here can be exported and comes back.
            return read_as(GenerationSettings, given, "options_json")
        except TranscriptError as error:
            left_out.append(f"{place}: the settings are not kept: {error}")
            return GenerationSettings()


def spoken(parts: Sequence[Part], is_less: bool) -> tuple[Part, ...]:
    """What a message of the user's says: words stand for nothing.

    Args:
        parts: What is there of it.
        is_less: Whether an attachment of this message is not kept.
    """
    if any(isinstance(part, Image) or part.text.strip() for part in parts):
        return tuple(parts)
    return (Text(LEFT_OUT if is_less else NO_WORDS),)


def incoming(
    messages: Iterable[Message], title: str, conversation: str, left_out: Sequence[str], gone: Container[Image]
) -> Incoming:
    """The conversation that messages make, in whatever order they speak: a log is not refused for that.

    Args:
        messages: In order.
        title: What llm calls the conversation.
        conversation: Its id, by which it is known when it comes again and has grown.
        left_out: What of it is not kept.
        gone: Those of its pictures of which only this is known.
    """
    kept: list[Message] = []
    lines = [*left_out]
    for message in messages:
        if message.speaker == "system" and kept:
            lines.append(f"{message.place}: a later system text is not kept")
            continue
        if message.speaker == "assistant" and (not kept or kept[-1].speaker == "system"):
            kept.append(Message("user", (Text(NO_WORDS),), message.place, created_at=message.created_at))
        kept.append(replace(message, goes_on=message.speaker == "assistant"))
    transcript = transcript_of(kept, title, conversation)
    missing = tuple(image for image in transcript.images if image in gone)
    return Incoming(replace(transcript, missing=missing), tuple(lines))
