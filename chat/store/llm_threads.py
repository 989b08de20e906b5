"""Logs of newer versions of `llm`: a thread ends with a message, and each message knows the one before it."""

from collections.abc import Iterator
from typing import Any

from chat.conversation import Part, Text
from chat.errors import TranscriptError
from chat.safe_text import short_line
from chat.store.llm_attachments import Attachments
from chat.store.llm_reading import Call, Logs, errors_of, incoming, json_in, place_of, spoken, text_in
from chat.transcript.alternation import Message
from chat.transcript.foreign import Incoming

_TOOL_PARTS = ("tool_call", "tool_result")
_UNSAID = (*_TOOL_PARTS, "reasoning")
_DAMAGED = "[message left out]"


def thread_ids(logs: Logs) -> list[str]:
    """The threads that have messages, the oldest first."""
    if not has_threads(logs):
        return []
    rows = logs.rows("threads", ("id",), "WHERE tip_message_hash IS NOT NULL ORDER BY rowid")
    return [text_in(row, "id") for row in rows]


def has_threads(logs: Logs) -> bool:
    """Whether the file has such tables."""
    return logs.has("threads", "turns", "messages", "parts")


def read_thread(logs: Logs, thread: str) -> Incoming:
    """One of them, with a list of what of it is not kept; raises TranscriptError that names it."""
    with errors_of(place_of(thread)):
        return _read(logs, thread)


def _read(logs: Logs, thread: str) -> Incoming:
    row = logs.row("threads", ("name", "tip_message_hash"), "WHERE id = ?", thread)
    columns = ("parent_message_hash", "tip_message_hash", *Call.COLUMNS)
    calls = [Call(call) for call in logs.rows("turns", columns, "WHERE thread_id = ? ORDER BY rowid", thread)]
    attachments = Attachments(logs)
    chain = _chain(logs, text_in(row, "tip_message_hash"))
    messages = [*_messages(logs, chain, calls, attachments)]
    return incoming(messages, text_in(row, "name"), thread, attachments.left_out, attachments.gone)


def _chain(logs: Logs, tip: str) -> list[tuple[str, str]]:
    """The messages up to one of them, each with its role."""
    found: dict[str, str] = {}
    while tip:
        if tip in found:
            raise TranscriptError(f"message {short_line(tip, 40)} comes before itself")
        rows = logs.rows("messages", ("parent_hash", "role"), "WHERE hash = ?", tip)
        if not rows:
            raise TranscriptError(f"message {short_line(tip, 40)} is missing")
        found[tip] = text_in(rows[0], "role")
        tip = text_in(rows[0], "parent_hash")
    return [*found.items()][::-1]


def _messages(
    logs: Logs, chain: list[tuple[str, str]], calls: list[Call], attachments: Attachments
) -> Iterator[Message]:
    asked = {call.row["parent_message_hash"]: call for call in calls}
    answered = {call.row["tip_message_hash"]: call for call in calls}
    for key, role in chain:
        place = f"message {short_line(key, 40)}"
        try:
            message = _message(logs, key, role, place, asked.get(key), answered.get(key), attachments)
        except TranscriptError as error:
            attachments.left_out.append(f"{place}: is not kept: {error}")
            message = _in_the_place_of(role, place)
        if message is not None:
            yield message


def _message(
    logs: Logs, key: str, role: str, place: str, asked: Call | None, answered: Call | None, attachments: Attachments
) -> Message | None:
    listed = len(attachments.left_out)
    parts = tuple(_parts(logs, key, place, attachments))
    is_less = len(attachments.left_out) > listed
    words = tuple(part for part in parts if isinstance(part, Text))
    if role != "user" and len(words) < len(parts):
        attachments.left_out.append(f"{place}: a picture is not kept: only messages of the user's have any")
    match role:
        case "system":
            return Message("system", words, place) if words else None
        case "user" if parts or is_less or not _is_of_tool(logs, key):
            return Message("user", spoken(parts, is_less), place, created_at=asked.created_at if asked else "")
        case "assistant":
            created_at = answered.created_at if answered else ""
            generation = answered.generation(place, attachments.left_out) if answered else None
            return Message("assistant", words, place, created_at=created_at, generation=generation)
        case _:
            attachments.left_out.append(f"{place}: the use of a tool is not kept")
            return None


def _in_the_place_of(role: str, place: str) -> Message | None:
    """What stands for a damaged message, so that nobody takes what follows it for an answer to another one."""
    if role == "user":
        return Message("user", (Text(_DAMAGED),), place)
    return Message("assistant", (), place) if role == "assistant" else None


def _is_of_tool(logs: Logs, key: str) -> bool:
    rows = logs.rows("parts", ("type",), "WHERE message_hash = ?", key)
    return any(row["type"] in _TOOL_PARTS for row in rows)


def _parts(logs: Logs, key: str, place: str, attachments: Attachments) -> Iterator[Part]:
    for row in logs.rows("parts", ("type", "text", "payload"), "WHERE message_hash = ? ORDER BY position", key):
        if row["type"] == "text":
            if text := _text(logs, row):
                yield Text(text)
        elif row["type"] == "attachment":
            named = json_in(row, "payload").get("attachment")
            image = attachments.open(named.get("id") if isinstance(named, dict) else None)
            if image is not None:
                yield image
        elif row["type"] not in _UNSAID:
            attachments.left_out.append(f"{place}: a part is not kept: {short_line(str(row['type']), 40)}")


def _text(logs: Logs, row: dict[str, Any]) -> str:
    """A part's text, put together where it borrows from fragments."""
    if row["text"] is not None:
        return text_in(row, "text")
    pieces = json_in(row, "payload").get("text_ref")
    if not isinstance(pieces, list) or not all(isinstance(piece, dict) for piece in pieces):
        raise TranscriptError("a text has no words")
    return "".join(_piece(logs, piece) for piece in pieces)


def _piece(logs: Logs, piece: dict[str, Any]) -> str:
    if isinstance(piece.get("literal"), str):
        return str(piece["literal"])
    found = logs.rows("fragments", ("content",), "WHERE id = ?", piece.get("fragment"))
    if not found:
        raise TranscriptError("a fragment is missing")
    return text_in(found[0], "content")
