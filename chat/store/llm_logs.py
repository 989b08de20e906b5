"""Conversations out of the logs of `llm`, the command line program: a foreign database, opened to be read alone.

Older versions keep `conversations` with `responses`, newer ones `threads` of `messages`; a file may have both.
What a model thought before it replied stays out, and so does the use of tools, which is told.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from chat.errors import TranscriptError
from chat.safe_text import short_line
from chat.store.connection import APPLICATION_ID
from chat.store.llm_reading import Logs, errors_of, place_of
from chat.store.llm_responses import has_responses, read_conversations
from chat.store.llm_threads import has_threads, read_thread, thread_ids
from chat.transcript.foreign import Incoming
from chat.transcript.mistaken import OWN_DATABASE

MOST_BYTES: Final = 64 * 2**20
"""Of one value; a row that has a longer one is refused."""

_OTHER: Final = "is a database, but holds no logs of llm: `llm logs path` tells where they are"
_SETTINGS: Final = ("PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON")


def read_llm_logs(path: Path) -> Iterator[Incoming]:
    """The conversations in the logs of `llm`, the oldest first: an error may come after some of them.

    Its pictures are those that the database holds, and those whose files are where it says and as they were. Nothing is
    fetched. What stays out is listed with the conversation, and so is an entry of it that is damaged.

    Raises:
        TranscriptError: The file is another database, damaged, or holds what cannot be; the message names the file, and
            the conversation where there is one.
    """
    with errors_of(_shown(path)), closing(_opened(path)) as connection:
        logs = Logs(connection)
        if not has_threads(logs) and not has_responses(logs):
            raise TranscriptError(OWN_DATABASE if _is_ours(connection) else _OTHER)
        # A conversation that went on after llm was updated is a thread, too, which holds all of it.
        threads = dict.fromkeys(thread_ids(logs))
        for conversation, incoming in read_conversations(logs, without=threads):
            yield _placed(path, conversation, incoming)
        for thread in threads:
            yield _placed(path, thread, read_thread(logs, thread))


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        for setting in _SETTINGS:
            connection.execute(setting)
        connection.execute("BEGIN")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    found: int = connection.execute("PRAGMA application_id").fetchone()[0]
    return found == APPLICATION_ID


def _placed(path: Path, conversation: str, incoming: Incoming) -> Incoming:
    place = f"{_shown(path)}: {place_of(conversation)}"
    return incoming._replace(left_out=tuple(f"{place}: {line}" for line in incoming.left_out))


def _shown(path: Path) -> str:
    return short_line(str(path))
