"""Files of conversations, ours and those of other programs, told apart by what they hold and not by their names."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from chat.errors import TranscriptError
from chat.files import read_file, read_lines
from chat.safe_text import short_line
from chat.transcript.folder import check_values, load_transcript
from chat.transcript.foreign import Incoming, is_foreign, read_foreign
from chat.transcript.json_text import FORMAT
from chat.transcript.typed_json import object_of, refuse_constant
from chat.transcript.values import Transcript

MOST_LINE_BYTES: Final = 256 * 2**20
"""Of one conversation with its pictures in it."""
MOST_LIST_BYTES: Final = 256 * 2**20
"""Of a document that holds many conversations in one list, which has to be read as a whole."""

_CURE: Final = ": name the files themselves, or the folder that they are in"
_LONGEST_NAMES: Final = 200
"""Characters of the names of pictures in one line."""

_DATABASE: Final = b"SQLite format 3\0"
_WHOSE: Final = 72
"""Bytes of a database, of which the last four say whose it is."""
_OURS: Final = b"idfc"
_MARK: Final = b"\xef\xbb\xbf"
"""Some programs begin a text in UTF-8 with it."""


def is_database(path: Path) -> bool:
    """Whether a file is an SQLite database; False for one that cannot be read, which reading will tell of."""
    return _head(path).startswith(_DATABASE)


def is_own_database(path: Path) -> bool:
    """Whether a file is a database of this program."""
    head = _head(path)
    return head.startswith(_DATABASE) and head.endswith(_OURS)


def _head(path: Path) -> bytes:
    """What a database begins with, to the place where it says whose it is; nothing of a file that cannot be read."""
    try:
        # A pipe that nobody writes to would be waited for.
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_WHOSE)
    except OSError:
        return b""


def files_in(path: Path) -> list[Path]:
    """The file, or for a folder the files of conversations in it, by name; raises TranscriptError where it has none."""
    if not path.is_dir():
        return [path]
    found = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in (".json", ".jsonl"))
    if not found:
        raise TranscriptError(f"{short_line(str(path))}: there is no file in it that ends in .json or .jsonl{_CURE}")
    return found


def read_transcripts(path: Path, pictures: Path | None = None) -> Iterator[Incoming]:
    """The conversations in a file of text, one after the other: an error may come after some of them.

    Args:
        path: The file: the project's own JSON, one JSON object in each line, or a list of them.
        pictures: Folder of the pictures that a foreign file names; if not given, the one that the file lies in.

    Raises:
        TranscriptError: The file cannot be read, or is wrong; the message names the file and the place.
    """
    read = partial(_read, folder=pictures or path.parent, is_given=pictures is not None)
    # A line may be the whole file: neither it nor what it holds is kept while the file is read anew.
    begin = _beginning(path)[:1]
    if begin == b"[":
        yield from _of_list(path, read)
    elif begin == b"{" and _begins_with_foreign_line(path):
        yield from _of_lines(path, read)
    elif begin == b"{" and (whole := _foreign_document(path)) is not None:
        yield read(whole, _shown(path))
    else:
        transcript = load_transcript(path)
        yield Incoming(transcript, tuple(f"{_shown(path)}: {line}" for line in _gone(transcript)))


def _beginning(path: Path) -> bytes:
    """The first line that is not blank, without the spaces before it."""
    for line in read_lines(path, most_bytes=MOST_LINE_BYTES, error=TranscriptError):
        if stripped := line.removeprefix(_MARK).strip():
            return stripped
    return b""


def _begins_with_foreign_line(path: Path) -> bool:
    """Whether the first line is an object that is not ours; False where an object goes on over several lines."""
    value = _value(_beginning(path))
    return isinstance(value, dict) and value.get("format") != FORMAT


def _foreign_document(path: Path) -> object:
    """The conversation of another program that the whole file is; None for anything else."""
    content = read_file(path, most_bytes=MOST_LIST_BYTES, error=TranscriptError)
    value = _value(content.removeprefix(_MARK))
    return value if isinstance(value, dict) and is_foreign(value) and value.get("format") != FORMAT else None


def _value(content: bytes) -> object:
    """What a text is as JSON; None where it is none, which whoever reads it then tells of."""
    try:
        return _parsed(content, "")
    except TranscriptError:
        return None


def _of_lines(path: Path, read: Callable[[object, str], Incoming]) -> Iterator[Incoming]:
    lines = read_lines(path, most_bytes=MOST_LINE_BYTES, error=TranscriptError)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{_shown(path)}: line {number}"
            yield read(_parsed(line.removeprefix(_MARK) if number == 1 else line, place), place)


def _of_list(path: Path, read: Callable[[object, str], Incoming]) -> Iterator[Incoming]:
    content = read_file(path, most_bytes=MOST_LIST_BYTES, error=TranscriptError)
    conversations = _parsed(content.removeprefix(_MARK), _shown(path))
    for number, value in enumerate(conversations if isinstance(conversations, list) else ()):
        yield read(value, f"{_shown(path)}: [{number}]")


def _gone(transcript: Transcript) -> Iterator[str]:
    """That a document of ours lacks pictures, where it does."""
    if missing := transcript.missing:
        count = f"{len(missing):,} pictures were" if len(missing) > 1 else "a picture was"
        names = short_line(", ".join(image.name for image in missing), _LONGEST_NAMES)
        yield f"session {transcript.session_id or 'without an id'}: {count} gone when it was saved: {names}"


def _read(value: object, place: str, folder: Path, *, is_given: bool) -> Incoming:
    try:
        read = read_foreign(value, folder, is_given=is_given)
    except TranscriptError as error:
        raise TranscriptError(f"{place}: {error}") from error
    return read._replace(left_out=tuple(f"{place}: {line}" for line in read.left_out))


def _parsed(content: bytes, place: str) -> object:
    check_values(place, content)
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=object_of, parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        raise TranscriptError(f"{place}: is not a text in UTF-8: byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise TranscriptError(f"{place}: is not JSON: {line}column {error.colno}") from error
    except ValueError as error:
        raise TranscriptError(f"{place}: is not JSON: it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise TranscriptError(f"{place}: its lists are nested too deeply") from error
    except TranscriptError as error:
        raise TranscriptError(f"{place}: {error}") from error


def _shown(path: Path) -> str:
    return short_line(str(path))
