"""Files that are replayed: those of this program. What another one wrote is to be imported first."""

from contextlib import suppress
from pathlib import Path

from chat.errors import TranscriptError
from chat.safe_text import short_line
from chat.transcript import Transcript, load_transcript


def load_recorded(path: Path, *, missing_ok: bool = True) -> Transcript:
    """The conversation in a file; see `load_transcript`.

    Raises:
        TranscriptError: The file cannot be read; where it is of another program, the message says what to do.
    """
    try:
        return load_transcript(path, missing_ok=missing_ok)
    except TranscriptError as error:
        if not _is_foreign(path):
            raise
        shown = short_line(str(path))
        cure = f"import it first (`idefics-chat sessions import {shown}`), and replay the session"
        raise TranscriptError(f"{shown}: holds conversations of another program: {cure}") from error


def _is_foreign(path: Path) -> bool:
    """Whether what is no file of ours has a conversation that can be imported."""
    from chat.transcript.reading import read_transcripts

    with suppress(TranscriptError):
        return next(read_transcripts(path), None) is not None
    return False
