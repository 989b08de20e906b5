"""Stored sessions to and from transcripts: the use cases behind export and import."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from chat.conversation import Image
from chat.errors import TranscriptError
from chat.records import Imported
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.transcript import Transcript
from chat.transcript.pictures import PICTURE_FOLDER
from chat.transcript.saving import Form, form_of, save_as
from chat.transcript.telling import images_of


def export_session(store: SessionStore, session_id: str) -> Transcript:
    """The transcript of a session, with all its branches.

    Args:
        store: Where the session is kept.
        session_id: The session's id, or the beginning of it.
    """
    return store.export(store.find_session(session_id).id)


def save_session(
    store: SessionStore,
    session_id: str,
    path: Path,
    form: Form | None = None,
    *,
    overwrite: bool = False,
    inline: bool = False,
) -> str:
    """Write a session as a file, with its pictures beside it or in it; gives what was done, in words.

    The project's own form holds all branches, the others the one that is shown.

    Args:
        store: Where the session is kept.
        session_id: The session's id, or the beginning of it.
        path: The file; its folder must be there.
        form: What the file is; if not given, what its name asks for.
        overwrite: Replace a file that holds something else.
        inline: Let the file hold the pictures.

    Raises:
        TranscriptError: The file or a picture cannot be written.
    """
    transcript = export_session(store, session_id)
    # The pictures come first, and what is missing would be told of their folder.
    if not path.parent.is_dir():
        raise TranscriptError(f"{short_line(str(path.parent))}: there is no such folder: make it first")
    form = form or form_of(path)
    missing = save_as(path, transcript, form, overwrite=overwrite, inline=inline)
    written = transcript.images if form is Form.JSON else images_of(transcript)
    has_beside = form.has_pictures_beside and len(written) > len(missing) and not inline
    pictures = f", its pictures in {path.parent / PICTURE_FOLDER}" if has_beside else ""
    return f"saved {transcript.session_id} as {path}{pictures}{missing_in_words(missing)}"


def missing_in_words(missing: Sequence[Image]) -> str:
    """That pictures are gone, as the end of a sentence; empty where none is."""
    names = short_line(", ".join(image.name for image in missing), 80)
    return f"; without pictures that are gone from the store: {names}" if missing else ""


def import_transcripts(
    store: SessionStore,
    transcripts: Iterable[Transcript],
    tell: Callable[[Sequence[Imported]], None] = lambda _: None,
) -> Sequence[Imported]:
    """Keep conversations as sessions; gives what became of each.

    One that was brought in before, or that comes from a session that is there, is not made twice. What was kept stays
    where a later one cannot be: whoever wants all or none reads all of them to the end first.

    Args:
        store: Where they are kept, a few at a time.
        transcripts: Taken one by one, while others can use the store.
        tell: Is given what became of a few as soon as they are kept.

    Raises:
        InputError: One of them cannot be read or kept.
    """
    return store.import_sessions(transcripts, tell)


def import_transcript(store: SessionStore, transcript: Transcript) -> str:
    """Keep one conversation as a session; gives the id of the one that holds it."""
    (imported,) = import_transcripts(store, [transcript])
    return imported.session_id
