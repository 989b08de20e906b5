"""A tiny checkpoint beside what transformers makes of it, pictures to show both, and a way to ask ours."""

import io
import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from chat.conversation import Conversation, Image, Turn, assistant_turn
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.images import read_image
from chat.models.generator import Engine, ModelGenerator
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.prompt import serialize
from tests.models.tiny import KINDS, Kind

NEW = 8


@dataclass(frozen=True, slots=True)
class Tiny:
    """A tiny checkpoint on disk, and what transformers makes of it."""

    name: str
    kind: Kind
    folder: Path
    model: Any
    """Loaded apart from ours."""
    image_processor: Any
    tokenizer: Any

    def load(self, **options: Any) -> ModelGenerator:
        """A generator of ours, loaded afresh."""
        generator = load_generator(CheckpointRequest(str(self.folder), **options), lambda _: None, threading.Event())
        assert isinstance(generator, ModelGenerator)
        return generator

    def engine(self) -> Engine:
        """Our engine around the reference's model."""
        from chat.models.families import family_of

        family = family_of(self.kind.model_type)
        return family.build_engine(self.model, family.read_encoder(self.folder, self.model.config), self.folder)

    def pixels(self, images: tuple[Image, ...]) -> dict[str, Any]:
        """The pictures as the reference gives them to the model."""
        from chat.images import decode

        return dict(self.image_processor([[decode(image) for image in images]], return_tensors="pt")) if images else {}

    def new_ids(self, engine: Engine, conversation: Conversation, **options: Any) -> list[int]:
        """The ids that plain `generate` adds to the whole conversation, with pictures as pixels."""
        import torch

        prompt = serialize(conversation, engine.dialect)
        ids = torch.tensor([engine.encoder.encode(prompt).token_ids])
        output = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **self.pixels(prompt.images),
            do_sample=False,
            use_cache=True,
            eos_token_id=[engine.utterance_id, *engine.eos_ids],
            pad_token_id=0,
            bad_words_ids=[[token_id] for token_id in engine.banned_ids],
            **{"max_new_tokens": NEW, **options},
        )
        new: list[int] = output[0, ids.shape[1] :].tolist()
        return new


every_kind = pytest.mark.parametrize("tiny", KINDS, indirect=True)
both_classes = pytest.mark.parametrize("tiny", ["Idefics3", "SmolVLM2"], indirect=True)
both_tokenizers = pytest.mark.parametrize("tiny", ["Idefics3", "SmolVLM"], indirect=True)


def noise(seed: int, width: int = 40, height: int = 30) -> Image:
    """A picture of random pixels."""
    file = io.BytesIO()
    pixels = random.Random(seed).randbytes(width * height * 3)
    PillowImage.frombytes("RGB", (width, height), pixels).save(file, "PNG")
    return read_image(file.getvalue(), "noise.png")


IMAGES = [noise(1), noise(2, 30, 47), noise(3, 32, 32), noise(4, 90, 8)]


def run(generator: ModelGenerator, conversation: Conversation, **options: Any) -> tuple[list[Chunk], Reply]:
    """Generate a reply to the conversation: its pieces and the whole."""
    prompt = serialize(conversation, generator.dialect)
    asked = GenerationSettings(**{"max_new_tokens": NEW, **options})
    *chunks, reply = generator.generate(prompt, asked, threading.Event())
    assert isinstance(reply, Reply)
    return [chunk for chunk in chunks if isinstance(chunk, Chunk)], reply


def said(reply: Reply) -> Turn:
    """The reply as the conversation's next turn."""
    closed = reply.stop_reason in (StopReason.END_OF_UTTERANCE, StopReason.EOS)
    return assistant_turn(reply.text, (reply.token_ids[:-1] if closed else reply.token_ids) if reply.text else ())
