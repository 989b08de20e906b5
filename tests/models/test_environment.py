"""What a loaded checkpoint tells of its files and the libraries, and a reply of its prompt."""

import hashlib
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

import chat.models.environment
from chat.conversation import Conversation, user_turn
from chat.environment import CheckpointFile
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.models.environment import environment_of
from chat.prompt import serialize


def test_every_file_of_the_bundled_checkpoint_is_known_by_its_digest(
    shapes: TextGenerator, shapes_folder: Path
) -> None:
    files = {file.name: file.sha256 for file in shapes.facts.environment.files}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= set(files)
    for name, digest in files.items():
        assert hashlib.sha256((shapes_folder / name).read_bytes()).hexdigest() == digest


def test_the_libraries_that_compute_are_known_by_their_versions(shapes: TextGenerator) -> None:
    libraries = {library.name: library.version for library in shapes.facts.environment.libraries}
    for name in ("torch", "transformers", "tokenizers", "pillow"):
        assert libraries[name] == version(name)


def test_a_large_file_is_known_by_its_name_in_the_hubs_cache_and_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat.models.environment, "_READ_WHOLE", 3)
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    folder.mkdir(parents=True)
    # Another name than its content's, so that reading it would show.
    (blobs / ("a" * 64)).write_bytes(b"many weights")
    (folder / "model.safetensors").symlink_to(blobs / ("a" * 64))
    (folder / "other.safetensors").write_bytes(b"many weights")
    (folder / "config.json").write_bytes(b"{}")
    assert environment_of(folder).files == (
        CheckpointFile("config.json", hashlib.sha256(b"{}").hexdigest()),
        CheckpointFile("model.safetensors", "a" * 64),
    )


def test_a_reply_tells_the_ids_of_its_prompt(shapes: TextGenerator) -> None:
    prompt = serialize(Conversation((user_turn("Hello!"),)))
    *_, reply = shapes.generate(prompt, GenerationSettings(max_new_tokens=2), threading.Event())
    assert isinstance(reply, Reply)
    assert reply.prompt_ids == shapes.describe(prompt).token_ids
