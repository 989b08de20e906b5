"""A folder's weights have a short name of their own, which a copy keeps and other weights do not have."""

import hashlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

import chat.models.digest
from chat.conversation import assistant_turn, user_turn
from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.models.digest import weights_digest
from chat.models.folder import weight_files
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.records import Generation, StoredTurn
from chat.session import conversation_of


def write_weights(path: Path, numbers: bytes, name: str = "a") -> Path:
    header = json.dumps({name: {"dtype": "U8", "shape": [len(numbers)], "data_offsets": [0, len(numbers)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    return path


@pytest.fixture
def folder(shapes_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(shapes_folder, tmp_path / "copied")


def facts_of(folder: Path) -> CheckpointFacts:
    return load_generator(CheckpointRequest("mine", folder=folder), lambda _: None, threading.Event()).facts


def change_one_byte(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def test_a_copy_has_the_same_revision_and_changed_weights_another(shapes_folder: Path, folder: Path) -> None:
    revision = facts_of(shapes_folder).revision
    assert revision is not None
    assert len(revision) == 12
    assert int(revision, 16)
    os.utime(folder / "model.safetensors", (1, 1))
    (folder / "README.md").write_text("another")
    assert facts_of(folder).revision == revision
    change_one_byte(folder / "model.safetensors", (folder / "model.safetensors").stat().st_size - 5_000_001)
    assert facts_of(folder).revision not in (revision, None)


def test_ids_of_a_reply_go_only_to_the_weights_that_gave_it(shapes_folder: Path, folder: Path) -> None:
    facts = facts_of(shapes_folder)
    reply = Reply("A star.", (5, 6), StopReason.MAX_NEW_TOKENS, 1, 0, None, 0.0, 0.0)
    stored = [
        StoredTurn(1, user_turn("Hi"), "", None),
        StoredTurn(2, assistant_turn("A star."), "", Generation.of(reply, facts, GenerationSettings())),
    ]
    change_one_byte(folder / "model.safetensors", 2_000_000)
    kept = [conversation_of(stored, facts=now).turns[1].token_ids for now in (facts, facts_of(folder))]
    assert kept == [(5, 6), ()]


def test_small_weights_count_to_the_last_byte(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "w", os.urandom(3000))
    digests = {weights_digest([path])}
    for place in range(8, path.stat().st_size, 7):
        change_one_byte(path, place)
        digests.add(weights_digest([path]))
    assert len(digests) == 1 + len(range(8, path.stat().st_size, 7))
    content = path.read_bytes()
    assert weights_digest([path]) == hashlib.sha256(len(content).to_bytes(8, "little") + content).hexdigest()[:12]


@pytest.fixture
def reads_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if some 50 KB were as many as real checkpoints have."""
    monkeypatch.setattr(chat.models.digest, "_READ_WHOLE", 40_000)
    monkeypatch.setattr(chat.models.digest, "_SAMPLES", 8)
    monkeypatch.setattr(chat.models.digest, "_SAMPLE_SIZE", 16)


@pytest.mark.usefixtures("reads_little")
def test_training_changes_the_digest_of_large_weights(tmp_path: Path) -> None:
    numbers = os.urandom(50_000)
    trained = bytes((number + 1) % 256 for number in numbers)
    half_trained = numbers[:25_000] + trained[25_000:]
    contents = (numbers, trained, half_trained, half_trained[::-1])
    assert len({weights_digest([write_weights(tmp_path / "w", content)]) for content in contents}) == 4


@pytest.mark.usefixtures("reads_little")
def test_beginning_end_length_and_names_of_large_weights_count(tmp_path: Path) -> None:
    numbers = os.urandom(50_000)
    path = write_weights(tmp_path / "w", numbers)
    other = write_weights(tmp_path / "renamed", numbers, "b")
    longer = write_weights(tmp_path / "longer", numbers + b"\0")
    digests = [weights_digest([path]), weights_digest([other]), weights_digest([longer])]
    header = path.stat().st_size - len(numbers)
    for place in (header, path.stat().st_size - 1):
        change_one_byte(path, place)
        digests.append(weights_digest([path]))
    assert len(set(digests)) == 5


@pytest.mark.usefixtures("reads_little")
def test_the_parts_of_large_weights_count_in_order(tmp_path: Path) -> None:
    a, b = (write_weights(tmp_path / name, os.urandom(30_000)) for name in "ab")
    assert len({weights_digest(paths) for paths in ([a], [b], [a, b], [b, a])}) == 4


def test_gigabytes_are_named_at_once(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "w", b"")
    header = json.dumps({"a": {"dtype": "U8", "shape": [2**35], "data_offsets": [0, 2**35]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    # A hole: it takes no place on the disk.
    os.truncate(path, 8 + len(header) + 2**35)
    started = time.monotonic()
    weights_digest([path])
    assert time.monotonic() - started < 1


def test_the_bundled_weights_are_named_in_no_time(shapes_folder: Path) -> None:
    paths = weight_files(shapes_folder)
    started = time.monotonic()
    weights_digest(paths)
    assert time.monotonic() - started < 0.3


def test_weights_that_went_away_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone.safetensors cannot be read: No such file"):
        weights_digest([tmp_path / "gone.safetensors"])
