"""Logs of newer versions of `llm`: a thread ends with a message, and each message knows the one before it."""

from collections.abc import Iterator
from typing import Any

from chat.conversation import Part, Text
from chat.errors import TranscriptError
from chat.store.llm_reading import Attachments, Call, Logs, incoming, json_in, text_in
from chat.transcript.alternation import Message
from chat.transcript.foreign import Incoming

_TOOL_PARTS = ("tool_call", "tool_result")


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
    """One of them, with a list of what of it is not kept."""
    row = logs.row("threads", ("name", "tip_message_hash"), "WHERE id = ?", thread)
    columns = ("parent_message_hash", "tip_message_hash", *Call.COLUMNS)
    calls = [Call(call) for call in logs.rows("turns", columns, "WHERE thread_id = ? ORDER BY rowid", thread)]
    attachments = Attachments(logs)
    chain = _chain(logs, text_in(row, "tip_message_hash"))
    messages = [*_messages(logs, chain, calls, attachments)]
    return incoming(messages, text_in(row, "name"), thread, attachments.left_out)


def _chain(logs: Logs, tip: str) -> list[tuple[str, str]]:
    """The messages up to one of them, each with its role."""
    found: dict[str, str] = {}
    while tip:
        if tip in found:
            raise TranscriptError(f"message {tip[:40]} comes before itself")
        rows = logs.rows("messages", ("parent_hash", "role"), "WHERE hash = ?", tip)
        if not rows:
            raise TranscriptError(f"message {tip[:40]} is missing")
        found[tip] = text_in(rows[0], "role")
        tip = text_in(rows[0], "parent_hash")
    return [*found.items()][::-1]


def _messages(
    logs: Logs, chain: list[tuple[str, str]], calls: list[Call], attachments: Attachments
) -> Iterator[Message]:
    asked = {call.row["parent_message_hash"]: call for call in calls}
    answered = {call.row["tip_message_hash"]: call for call in calls}
    for key, role in chain:
        place = f"message {key}"
        parts = tuple(_parts(logs, key, place, attachments))
        match role:
            case "system":
                if parts:
                    yield Message("system", parts, place)
            case "user" if parts or not _is_of_tool(logs, key):
                yield Message("user", parts, place, created_at=asked[key].created_at if key in asked else "")
            case "assistant":
                call = answered.get(key)
                words = tuple(part for part in parts if isinstance(part, Text))
                yield Message(
                    "assistant",
                    words,
                    place,
                    created_at=call.created_at if call else "",
                    generation=call.generation if call else None,
                )
            case _:
                attachments.left_out.append(f"{place}: the use of a tool is not kept")


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
