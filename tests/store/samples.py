"""Turns, pictures and replies to keep."""

import hashlib
import io
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import PIL.Image

from chat.conversation import Image
from chat.environment import CheckpointFile, Environment, Library
from chat.generation import CheckpointFacts, GenerationSettings, Reply, Score, StopReason
from chat.images import read_image
from chat.ranking import Ranking
from chat.records import Choice
from chat.store import SqliteStore, open_store
from chat.store.connection import connect

FACTS = CheckpointFacts(
    "shapes", revision="abc", family="idefics2", device="cuda", image_detail="high", is_demonstration=True
)
COMPUTED = replace(
    FACTS, environment=Environment((CheckpointFile("config.json", "0" * 64),), (Library("torch", "2.13.0+cpu"),))
)
SETTINGS = GenerationSettings(max_new_tokens=7, temperature=0.1, top_p=0.9, top_k=5, seed=2**63 - 1)


def picture(data: bytes = b"\x89PNG\r\n\x1a\npixels", name: str = "cat.png", *, width: int = 3) -> Image:
    """An image over bytes that need not be a picture: the store never looks inside."""
    return Image(hashlib.sha256(data).hexdigest(), width, 2, name, lambda: data)


def drawn(colour: str = "red", *, width: int = 8) -> Image:
    """A picture of one colour."""
    encoded = io.BytesIO()
    PIL.Image.new("RGB", (width, 6), colour).save(encoded, "PNG")
    return read_image(encoded.getvalue(), f"{colour}.png")


def unreadable(image: Image) -> Image:
    """The same image, whose bytes nobody may ask for."""

    def read() -> bytes:
        raise AssertionError("the bytes were read")

    return Image(image.digest, image.width, image.height, image.name, read)


def reply(text: str = "Two cats.", *, stop_reason: StopReason = StopReason.END_OF_UTTERANCE) -> Reply:
    """A reply that has ended."""
    return Reply(
        text,
        (5, 6, 7),
        stop_reason,
        prompt_tokens=40,
        cached_tokens=30,
        seed=11,
        first_token_s=0.1,
        total_s=1 / 3,
    )


def choice(turn_id: int | None, *images: Image) -> Choice:
    """Two labels that were ranked after a turn."""
    return Choice(turn_id, Ranking(("cat", "dog"), (Score(-1.0, 1), Score(-2.0, 2))), FACTS, images=images)


def refuse(message: str) -> Callable[[], bytes]:
    """A `read` that fails."""

    def read() -> bytes:
        raise OSError(message)

    return read


def count(path: Path, table: str) -> int:
    """How many rows a table has, seen through another connection."""
    connection = connect(path)
    try:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found
    finally:
        connection.close()


def dump(path: Path) -> list[str]:
    """Everything in a database, as the statements that would make it."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def integrity(path: Path) -> str:
    """What SQLite says of the whole file; "ok" if it is sound."""
    connection = connect(path)
    try:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return found
    finally:
        connection.close()


def execute(path: Path, *statements: str) -> None:
    """Change a database behind the store's back."""
    connection = connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def reopened(store: SqliteStore, path: Path) -> SqliteStore:
    """What the next start of the program sees."""
    store.close()
    return open_store(path)


def permissions(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)
