"""A checkpoint that is nearly the bundled one, and recordings to ask it."""

import shutil
from pathlib import Path

from chat.checkpoints import load
from chat.generation import TextGenerator
from chat.models.generator import ModelGenerator
from chat.replay.recording import Recording
from chat.shapes.bundled import CHECKPOINT
from chat.transcript import load_transcript

SAMPLES = Path(__file__).parents[2] / "sample_sessions"


def recording(name: str, turns: int | None = None) -> Recording:
    """A sample session's first turns."""
    transcript = load_transcript(SAMPLES / name)
    return Recording(name, transcript.turns[:turns], transcript.system, transcript.title)


def that_mistakes(one: str, other: str, shapes: TextGenerator, folder: Path) -> TextGenerator:
    """The bundled checkpoint from a folder of its own, changed to say one word where it would say another."""
    from safetensors.torch import load_file, save_file

    assert isinstance(shapes, ModelGenerator)
    # A word in the middle of a text is another token than the same one at its beginning.
    words = {shapes.decode([token, token]): token for token in range(1100)}
    shutil.copytree(CHECKPOINT, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    rows = tensors["lm_head.weight"]
    places = [words[f"{word} {word}"] for word in (one, other)]
    rows[places] = rows[places[::-1]]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return load(str(folder))
