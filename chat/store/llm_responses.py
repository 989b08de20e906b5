"""Logs of older versions of `llm`: a row of `responses` is a message and the reply to it."""

from collections.abc import Container, Iterator, Sequence
from typing import Any

from chat.conversation import Image, Text
from chat.errors import TranscriptError
from chat.safe_text import short_line
from chat.store.llm_attachments import Attachments
from chat.store.llm_reading import Call, Logs, errors_of, incoming, place_of, spoken, text_in
from chat.transcript.alternation import Message
from chat.transcript.foreign import Incoming

_OF_RESPONSE = 'WHERE response_id = ? ORDER BY "order"'


def has_responses(logs: Logs) -> bool:
    """Whether the file has such tables."""
    return logs.has("conversations", "responses")


def read_conversations(logs: Logs, without: Container[str] = ()) -> Iterator[tuple[str, Incoming]]:
    """The conversations by their ids, the oldest first; those in `without` are passed over."""
    if not has_responses(logs):
        return
    # No index leads from a conversation to its responses: looked for one by one, all would be read for each.
    responses: dict[str, list[int]] = {}
    for row in logs.rows("responses", ("rowid", "conversation_id"), "ORDER BY rowid"):
        responses.setdefault(text_in(row, "conversation_id"), []).append(row["rowid"])
    with_results = {row["response_id"] for row in logs.rows("tool_results", ("response_id",), "")}
    for conversation, rows in responses.items():
        if conversation not in without:
            with errors_of(place_of(conversation)):
                found = _read(logs, conversation, rows, with_results)
            yield conversation, found


def _read(logs: Logs, conversation: str, rows: Sequence[int], with_results: Container[str]) -> Incoming:
    attachments = Attachments(logs)
    columns = ("id", "prompt", "system", "response", *Call.COLUMNS)
    messages: list[Message] = []
    for number in rows:
        row = logs.row("responses", columns, "WHERE rowid = ?", number)
        place = f"response {short_line(str(row['id']), 40)}"
        try:
            messages += [*_exchange(logs, row, place, attachments, with_results)]
        except TranscriptError as error:
            attachments.left_out.append(f"{place}: is not kept: {error}")
    if not messages:
        raise TranscriptError(attachments.left_out[-1])
    named = logs.rows("conversations", ("name",), "WHERE id = ?", conversation)
    title = text_in(named[0], "name") if named else ""
    return incoming(_without_repeated_system(messages), title, conversation, attachments.left_out, attachments.gone)


def _exchange(
    logs: Logs, row: dict[str, Any], place: str, attachments: Attachments, with_results: Container[str]
) -> Iterator[Message]:
    response, call = text_in(row, "id"), Call(row)
    # As llm itself joins them for the model.
    system = [*_fragments(logs, "system_fragments", response), text_in(row, "system")]
    if words := "\n\n".join(text.strip() for text in system if text.strip()):
        yield Message("system", (Text(words),), place)
    prompt = text_in(row, "prompt")
    text = "\n".join([*_fragments(logs, "prompt_fragments", response), *([prompt] if prompt else [])])
    listed = len(attachments.left_out)
    pictures = [*_pictures(logs, response, attachments)]
    # The call that hands a tool's results on has no message of its own: its reply goes on with the one before.
    if text.strip() or pictures or response not in with_results:
        parts = spoken((*([Text(text)] if text else []), *pictures), len(attachments.left_out) > listed)
        yield Message("user", parts, place, created_at=call.created_at)
    else:
        attachments.left_out.append(f"{place}: the use of a tool is not kept")
    reply = text_in(row, "response")
    generation = call.generation(place, attachments.left_out)
    yield Message(
        "assistant", (Text(reply),) if reply else (), place, created_at=call.created_at, generation=generation
    )


def _fragments(logs: Logs, table: str, response: str) -> list[str]:
    ids = [row["fragment_id"] for row in logs.rows(table, ("fragment_id",), _OF_RESPONSE, response)]
    found = [row for one in ids for row in logs.rows("fragments", ("content",), "WHERE id = ?", one)]
    return [text_in(row, "content") for row in found]


def _pictures(logs: Logs, response: str, attachments: Attachments) -> Iterator[Image]:
    for row in logs.rows("prompt_attachments", ("attachment_id",), _OF_RESPONSE, response):
        if (image := attachments.open(row["attachment_id"])) is not None:
            yield image


def _without_repeated_system(messages: list[Message]) -> Iterator[Message]:
    """The messages; a system text that was given anew for a later reply is told once."""
    said = ""
    for message in messages:
        if message.speaker != "system":
            yield message
        elif (words := "".join(part.text for part in message.parts if isinstance(part, Text))) != said:
            said = words
            yield message
