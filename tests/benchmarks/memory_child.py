"""Loads a checkpoint, fills its whole context once and prints what that took: `memory_child.py FOLDER OPTIONS`.

Run in a process of its own: a process's peak never falls. What is imported before counts for nobody.
"""

import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

import PIL.Image
import torch

from chat.conversation import Conversation, Image, user_turn
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.images import read_image
from chat.models.estimate import PICTURES
from chat.models.families import family_of
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.prompt import Prompt, serialize

NEW = 8
"""Tokens of the reply; the last ones of the context."""


def status(name: str) -> int:
    """A figure of this process in bytes, such as `VmHWM`, the most memory that it ever had at once."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def forget_peak() -> None:
    """Let the peak begin anew from what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")


def picture(number: int) -> Image:
    """A plain picture in a colour of its own."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (640, 480), (30 * number, 90, 200)).save(file, "PNG")
    return read_image(file.getvalue(), f"{number}.png")


def filling(generator: TextGenerator, pictures: list[Image]) -> Prompt:
    """A prompt with these pictures that leaves room for a short reply and nothing else."""

    def prompt(words: int) -> Prompt:
        return serialize(Conversation((user_turn(*pictures, "a " * words + "?"),)), generator.dialect)

    most = generator.facts.context_length - NEW
    few, many = 1, most
    while few < many:
        middle = (few + many + 1) // 2
        few, many = (middle, many) if generator.count_tokens(prompt(middle)) <= most else (few, middle - 1)
    return prompt(few)


def main(folder: str, options: dict[str, Any]) -> dict[str, Any]:
    """Measure; gives bytes above what was there before."""
    family_of(json.loads((Path(folder) / "config.json").read_text())["model_type"])
    if options.get("quantize", "none") != "none":
        import bitsandbytes  # noqa: F401 - it is what is imported that counts for nobody
    torch.set_num_threads(2)
    forget_peak()
    before = status("VmRSS")
    generator = load_generator(CheckpointRequest(folder, **options), lambda _: None, threading.Event())
    loading_peak, loaded = status("VmHWM") - before, status("VmRSS") - before
    prompt = filling(generator, [picture(number) for number in range(PICTURES)])
    *_, reply = generator.generate(prompt, GenerationSettings(max_new_tokens=NEW), threading.Event())
    assert isinstance(reply, Reply)
    return {
        "loading_peak": loading_peak,
        "loaded": loaded,
        "peak": status("VmHWM") - before,
        "tokens": reply.prompt_tokens + len(reply.token_ids),
        "dtype": generator.facts.dtype,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
