"""Stored sessions to and from transcripts: the use cases behind export and import."""

from dataclasses import replace
from pathlib import Path

from chat.conversation import Role, assistant_turn
from chat.errors import TranscriptError
from chat.records import StoredTurn
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.transcript import UNKNOWN_GENERATION, Transcript, save_transcript
from chat.transcript.pictures import PICTURE_FOLDER


def export_session(store: SessionStore, session_id: str) -> Transcript:
    """The transcript of a session's shown branch.

    A message that never got a reply is followed by an empty one without a generation, so that roles alternate.

    Args:
        store: Where the session is kept.
        session_id: The session's id, or the beginning of it.
    """
    summary = store.find_session(session_id)
    turns: list[StoredTurn] = []
    numbers: dict[int | None, int | None] = {None: None}
    for stored in store.turns(summary.id):
        if turns and turns[-1].turn.role is stored.turn.role is Role.USER:
            turns.append(StoredTurn(len(turns) + 1, assistant_turn(""), stored.created_at, None))
        numbers[stored.id] = len(turns) + 1
        turns.append(replace(stored, id=len(turns) + 1))
    choices = tuple(
        replace(choice, turn_id=numbers[choice.turn_id])
        for choice in store.choices(summary.id)
        # Another program may have gone on since the turns were read.
        if choice.turn_id in numbers
    )
    return Transcript(summary.title, summary.system, tuple(turns), choices)


def save_session(store: SessionStore, session_id: str, path: Path, *, overwrite: bool = False) -> str:
    """Write a session's shown branch as a file, with its pictures beside it; gives what was done, in words.

    Args:
        store: Where the session is kept.
        session_id: The session's id, or the beginning of it.
        path: The file; its folder must be there.
        overwrite: Replace a file that holds something else.

    Raises:
        TranscriptError: The file or a picture cannot be written.
    """
    session_id = store.find_session(session_id).id
    transcript = export_session(store, session_id)
    # The pictures come first, and what is missing would be told of their folder.
    if not path.parent.is_dir():
        raise TranscriptError(f"{short_line(str(path.parent))}: there is no such folder: make it first")
    save_transcript(path, transcript, overwrite=overwrite)
    pictures = f", its pictures in {path.parent / PICTURE_FOLDER}" if transcript.images else ""
    return f"saved {session_id} as {path}{pictures}"


def import_transcript(store: SessionStore, transcript: Transcript) -> str:
    """Keep a transcript as a new session; gives its id.

    Replies keep their text and where they came from; the times of turns are those of the import. Where it ends in the
    middle, by an error or by the user, what was imported is deleted again.
    """
    session_id = store.new_session(system=transcript.system, title=transcript.title)
    ids: dict[int | None, int | None] = {None: None}
    message_id = turn_id = 0
    try:
        for number, stored in enumerate(transcript.turns, start=1):
            if stored.turn.role is Role.USER:
                message_id = turn_id = store.add_user_turn(session_id, stored.turn)
                if stored.is_example:
                    store.mark_example(message_id, True)
            elif stored.generation is not None or stored.turn.text:
                turn_id = _add_reply(store, message_id, stored)
            ids[number] = turn_id
        for choice in transcript.choices:
            store.add_choice(session_id, replace(choice, turn_id=ids[choice.turn_id]))
    except BaseException:
        store.delete_session(session_id)
        raise
    return session_id


def _add_reply(store: SessionStore, message_id: int, stored: StoredTurn) -> int:
    generation = stored.generation or UNKNOWN_GENERATION
    turn_id = store.open_reply(message_id, generation.facts, generation.settings)
    reply = generation.reply(stored.turn.text)
    if reply is None:
        store.save_reply(turn_id, stored.turn.text, generation.token_ids)
    else:
        store.close_reply(turn_id, reply)
    return turn_id
