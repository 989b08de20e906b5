"""A tiny checkpoint beside what transformers makes of it, pictures to show both, and a way to ask ours."""

import io
import random
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.images import read_image
from chat.models.decoding import ReplyText
from chat.models.engine import Engine
from chat.models.generator import ModelGenerator
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.models.state import KeptState
from chat.models.tokens import PromptEncoder
from chat.prompt import USER_MARKER, serialize
from tests.models.tiny import IMAGE_TOKENS, KINDS, Kind

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
        return loaded(self.folder, **options)

    def engine(self, detail: str = "low") -> Engine:
        """Our engine around the reference's model."""
        from chat.models.families import family_of

        family = family_of(self.kind.model_type)
        encoder = family.read_encoder(self.folder, self.model.config, detail)
        return family.build_engine(self.model, encoder, self.folder, detail)

    def processor(self, image_tokens: int = IMAGE_TOKENS) -> Any:
        """The reference's own processor; for pictures, that of SmolVLM2 writes what that of Idefics3 does."""
        from transformers import Idefics2Processor, Idefics3Processor

        processor_class = Idefics2Processor if self.name == "Idefics2" else Idefics3Processor
        return processor_class(self.image_processor, self.tokenizer, image_seq_len=image_tokens)

    def pixels(self, images: tuple[Image, ...], detail: str = "low") -> dict[str, Any]:
        """The pictures as the reference gives them to the model."""
        from chat.images import decode

        if not images:
            return {}
        pictures = [[decode(image) for image in images]]
        return dict(self.image_processor(pictures, return_tensors="pt", do_image_splitting=detail == "high"))

    def new_ids(self, engine: Engine, conversation: Conversation, detail: str = "low", **options: Any) -> list[int]:
        """The ids that plain `generate` adds to the whole conversation, with pictures as pixels."""
        import torch

        prompt = serialize(conversation, engine.dialect)
        ids = torch.tensor([engine.encoder.encode(prompt).token_ids])
        output = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **self.pixels(prompt.images, detail),
            do_sample=False,
            use_cache=True,
            eos_token_id=[token_id for token_id in (engine.utterance_id, *engine.eos_ids) if token_id is not None],
            pad_token_id=0,
            bad_words_ids=[[token_id] for token_id in engine.banned_ids],
            **{"max_new_tokens": NEW, **options},
        )
        new: list[int] = output[0, ids.shape[1] :].tolist()
        return new


def loaded(folder: Path, **options: Any) -> ModelGenerator:
    """A generator over the checkpoint in a folder."""
    generator = load_generator(CheckpointRequest(str(folder), **options), lambda _: None, threading.Event())
    assert isinstance(generator, ModelGenerator)
    return generator


def engine_of(folder: Path, detail: str = "low") -> Engine:
    """Our engine over the checkpoint in a folder, everything read from there."""
    from chat.models.families import family_of
    from chat.models.folder import check_folder
    from chat.models.weights import read_config, read_model

    family = family_of(check_folder(folder)["model_type"])
    model = read_model(CheckpointRequest(str(folder)), folder, family.model_class, (), "cpu", "float32")
    encoder = family.read_encoder(folder, read_config(family.model_class, folder), detail)
    return family.build_engine(model, encoder, folder, detail)


def pixels_seen(engine: Engine, image: Image) -> Any:
    """What the vision tower is given when the engine looks at a picture, (views, 3, height, width)."""
    import torch

    seen: list[Any] = []
    hook = engine.model.model.vision_model.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(kwargs["pixel_values"]), with_kwargs=True
    )
    keys = engine.encoder.keys(serialize(Conversation((user_turn(image),)), engine.dialect))
    engine.compute(KeptState(), keys, {image.digest: image})
    hook.remove()
    return torch.cat(seen)


every_kind = pytest.mark.parametrize("tiny", KINDS, indirect=True)
every_class = pytest.mark.parametrize("tiny", ["Idefics2", "Idefics3", "SmolVLM2"], indirect=True)
every_tokenizer = pytest.mark.parametrize("tiny", ["Idefics2", "Idefics3", "SmolVLM"], indirect=True)


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


def streamed_until_the_marker(encoder: PromptEncoder, ids: list[int]) -> tuple[str, ReplyText, list[int]]:
    """The pieces joined, what gave them, and the ids it took before the model spoke for the user."""
    reply = ReplyText(encoder)
    pieces: list[str] = []
    for token_id in ids:
        if reply.has_turn_marker:
            break
        pieces.append(reply.add(token_id))
    taken = ids[: len(pieces)]
    return "".join(pieces) + reply.finish(), reply, taken


def assert_pieces_are_the_full_decode(encoder: PromptEncoder, ids: list[int]) -> None:
    """Streamed, ids give the text they have as a whole, and end with the token that completes the user's marker."""
    text, reply, taken = streamed_until_the_marker(encoder, ids)
    before, marker, _ = encoder.decode(taken).partition(USER_MARKER)
    assert text == reply.text == before
    assert reply.has_turn_marker == bool(marker)
    assert USER_MARKER not in encoder.decode(taken[:-1])
    assert taken == ids or marker


def assert_cost_is_even(encoder: PromptEncoder, ids: list[int]) -> None:
    """A long reply of these ids, over and over, is decoded without decoding its beginning again for every token."""
    long = (ids * 2000)[:2000]
    decoded: list[int] = []
    counted = copy(encoder)

    def decode(token_ids: Sequence[int]) -> str:
        decoded.append(len(token_ids))
        return encoder.decode(token_ids)

    counted.decode = decode  # type: ignore[method-assign]  # counts, and is the method otherwise
    text, _, taken = streamed_until_the_marker(counted, long)
    assert taken == long
    assert text == encoder.decode(long)
    assert sum(decoded) < 20 * len(long)
