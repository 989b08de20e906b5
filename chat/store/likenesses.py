"""What pictures look like: looked at once, and compared by that alone."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from chat.images import MOST_BYTES
from chat.likeness import HASH_DIGITS, Sought, distance
from chat.store.columns import legible
from chat.summaries import PictureMatch

WELL_FORMED: Final = f"""
    typeof(hash) = 'text' AND (hash = '' OR (length(hash) = {HASH_DIGITS} AND hash NOT GLOB '*[^0-9a-f]*'))
"""
"""Whether a row of `likenesses` has what this program writes; any other is as good as none."""
UNSEEN: Final = f"""
    SELECT digest FROM images
    WHERE byte_count > 0 AND digest NOT IN (SELECT image_digest FROM likenesses WHERE {WELL_FORMED})
"""
"""The pictures that were never looked at, and are not gone."""

_DATA: Final = "SELECT data FROM images WHERE digest = ? AND typeof(data) = 'blob' AND length(data) <= ?"
# A picture that is gone by now needs none.
_INSERT: Final = """
    INSERT INTO likenesses SELECT digest, ? FROM images WHERE digest = ?
    ON CONFLICT (image_digest) DO UPDATE SET hash = excluded.hash
"""
_HASHES: Final = f"SELECT image_digest, hash FROM likenesses WHERE {WELL_FORMED}"

_PLACES: Final = """
    SELECT sessions.id AS session_id, parts.turn_id, parts.image_name AS name
    FROM parts CROSS JOIN turns ON turns.id = parts.turn_id CROSS JOIN sessions ON sessions.id = turns.session_id
    WHERE parts.image_digest = :digest AND sessions.deleted_at IS NULL
    UNION ALL
    SELECT sessions.id, choices.turn_id, choice_images.image_name
    FROM choice_images CROSS JOIN choices ON choices.id = choice_images.choice_id
        CROSS JOIN sessions ON sessions.id = choices.session_id
    WHERE choice_images.image_digest = :digest AND sessions.deleted_at IS NULL
"""


def data_of(connection: sqlite3.Connection, digest: str) -> bytes:
    """A picture's bytes; none where they are gone, or too many for a picture."""
    row = connection.execute(_DATA, (digest, MOST_BYTES)).fetchone()
    return row["data"] if row else b""


def insert(connection: sqlite3.Connection, hashes: Mapping[str, str]) -> None:
    """Keep the hashes of pictures by their digests."""
    connection.executemany(_INSERT, [(found, digest) for digest, found in hashes.items()])


def matches(connection: sqlite3.Connection, sought: Sought) -> dict[str, PictureMatch]:
    """By the id of every session that has the picture or a like one, the likest, and of these the newest."""
    found: dict[str, PictureMatch] = {}
    for apart, digest in sorted(_alike(connection, sought)):
        for row in connection.execute(_PLACES, {"digest": digest}):
            match = PictureMatch(digest, legible(row["name"]), apart, row["turn_id"])
            known = found.get(row["session_id"])
            if known is None or (known.distance == apart and (known.turn_id or 0) < (match.turn_id or 0)):
                found[row["session_id"]] = match
    return found


def _alike(connection: sqlite3.Connection, sought: Sought) -> Iterable[tuple[int, str]]:
    yield 0, sought.digest
    if not sought.hash:
        return
    for digest, other in connection.execute(_HASHES):
        apart = distance(sought.hash, other)
        if apart is not None and digest != sought.digest:
            # A copy may look the very same, and is another file.
            yield max(1, apart), digest
