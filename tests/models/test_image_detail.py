"""Pictures in high detail: as many tokens, the same pixels and the same replies as the reference gives for any size."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.cli.options import checkpoint_request, model_options
from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.errors import GenerationError, UsageError
from chat.generation import CheckpointFacts
from chat.images import decode
from chat.models.families import family_of
from chat.models.generator import ModelGenerator
from chat.models.request import CheckpointRequest
from chat.models.tiling import rows_and_columns
from chat.prompt import serialize
from tests.benign import benign_conversation
from tests.models.reference import (
    IMAGES,
    Tiny,
    engine_of,
    every_class,
    every_kind,
    every_tokenizer,
    noise,
    pixels_seen,
    run,
    said,
)
from tests.models.tiny import CONTEXT_LENGTH, IMAGE_TOKENS, TILE, messages_of

SIZES = [(40, 30), (32, 32), (7, 5), (300, 40), (40, 300), (400, 3), (3, 400), (2, 200), (128, 128), (129, 33), (2, 2)]


def assert_ids_are_the_references(tiny: Tiny, processor: Any, conversation: Conversation) -> None:
    text = tiny.tokenizer.apply_chat_template(messages_of(conversation), add_generation_prompt=True, tokenize=False)
    pictures = [decode(image) for image in conversation.images]
    reference = processor(text=text, images=pictures or None, do_image_splitting=True)["input_ids"][0]
    prompt = serialize(conversation, tiny.engine("high").dialect)
    assert list(tiny.engine("high").encoder.encode(prompt).token_ids) == reference, text


@every_tokenizer
def test_ids_equal_the_reference_processors_for_every_size(tiny: Tiny) -> None:
    processor = splitting(tiny)
    for width, height in SIZES:
        image = noise(width, width, height)
        assert_ids_are_the_references(tiny, processor, Conversation((user_turn(image, "What?"),)))


@every_tokenizer
def test_ids_equal_the_reference_processors_on_40_benign_conversations(tiny: Tiny) -> None:
    processor = splitting(tiny)
    rng = random.Random(1)
    images = [*IMAGES, noise(6, 70, 40)]
    for _ in range(40):
        assert_ids_are_the_references(tiny, processor, benign_conversation(rng, images))


def splitting(tiny: Tiny) -> Any:
    """The reference's processor; that of Idefics2 looks at the setting, not at the argument, to write the prompt."""
    processor = tiny.processor()
    processor.image_processor = type(tiny.image_processor).from_pretrained(tiny.folder)
    return processor


@every_kind
@pytest.mark.parametrize(("width", "height"), [*SIZES[:6], (129, 33), (2, 200)])
def test_a_picture_is_seen_pixel_by_pixel_as_the_reference_shows_it(tiny: Tiny, width: int, height: int) -> None:
    import torch

    image = noise(width, width, height)
    seen = pixels_seen(tiny.engine("high"), image)
    assert torch.equal(seen, tiny.pixels((image,), "high")["pixel_values"][0])
    tokens = tiny.engine("high").encoder.picture_ids(image)
    assert tokens.count(tiny.tokenizer.convert_tokens_to_ids("<image>")) == len(seen) * IMAGE_TOKENS


@pytest.mark.parametrize("tiny", ["Idefics2"], indirect=True)
@pytest.mark.parametrize(("width", "height"), [(1, 200), (200, 1), (1, 1)])
def test_what_is_too_narrow_for_quarters_is_seen_as_a_whole(tiny: Tiny, width: int, height: int) -> None:
    import torch

    image = noise(width, width, height)
    assert torch.equal(pixels_seen(tiny.engine("high"), image), pixels_seen(tiny.engine(), image))
    assert tiny.engine("high").encoder.picture_ids(image) == tiny.engine().encoder.picture_ids(image)


@every_class
@pytest.mark.parametrize("chunk", [5, 256])
def test_kept_state_gives_the_ids_of_plain_generate(tiny: Tiny, chunk: int) -> None:
    engine = tiny.engine("high")
    generator = ModelGenerator(tiny.engine("high"), CheckpointFacts("tiny", context_length=CONTEXT_LENGTH), chunk=chunk)
    a, b = IMAGES[0], noise(6, 70, 40)
    history = Conversation()
    replies = set()
    for asked in ([a, a, "Same?"], ["And", b, a], [a, a, a], ["Sure?"], [b, b]):
        history = history.with_turn(user_turn(*asked))
        _, reply = run(generator, history)
        assert list(reply.token_ids) == tiny.new_ids(engine, history, "high")
        replies.add(reply.token_ids)
        history = history.with_turn(said(reply))
    assert len(replies) > 3


@every_class
def test_a_picture_is_looked_at_once_and_in_each_detail_differently(tiny: Tiny) -> None:
    looks: list[object] = []
    seen = tiny.model.model.vision_model.register_forward_hook(lambda *_: looks.append(None))
    talk = Conversation((user_turn(IMAGES[0], "What?"), assistant_turn("So."), user_turn(IMAGES[0], "And?")))
    replies = {}
    for detail in ("low", "high"):
        looks.clear()
        generator = ModelGenerator(tiny.engine(detail), CheckpointFacts("tiny", context_length=CONTEXT_LENGTH))
        replies[detail] = run(generator, talk)[1].token_ids
        views = len(tiny.pixels((IMAGES[0],), detail)["pixel_values"][0])
        assert len(looks) == views
    seen.remove()
    assert views > 1
    assert replies["low"] != replies["high"]


@every_class
def test_a_stop_between_two_views_ends_the_look_and_the_picture_is_looked_at_again(tiny: Tiny) -> None:
    engine, stop = tiny.engine("high"), threading.Event()
    looks: list[object] = []

    def look(*_: object) -> None:
        looks.append(None)
        if len(looks) == 2:
            stop.set()

    seen = tiny.model.model.vision_model.register_forward_hook(look)
    assert not engine.features.see(IMAGES[0], stop)
    assert (len(looks), len(engine.features)) == (2, 0)
    assert engine.features.see(IMAGES[0], threading.Event())
    assert len(looks) == 2 + len(tiny.pixels((IMAGES[0],), "high")["pixel_values"][0])
    seen.remove()


@every_kind
def test_tokens_are_counted_without_a_look_at_the_picture(tiny: Tiny) -> None:
    def unread() -> bytes:
        raise AssertionError("the picture was read")

    image = Image("a" * 64, 3000, 2000, "photo.jpg", unread)
    counted = {}
    for detail in ("low", "high"):
        generator = tiny.load(image_detail=detail)
        assert generator.facts.image_detail == detail
        counted[detail] = generator.count_tokens(
            serialize(Conversation((user_turn(image, "What?"),)), generator.dialect)
        )
    assert counted["low"] + 4 * IMAGE_TOKENS <= counted["high"]


@every_class
def test_files_that_disagree_about_a_pictures_tokens_are_named(tiny: Tiny) -> None:
    family = family_of(tiny.kind.model_type)
    encoder = family.read_encoder(tiny.folder, tiny.model.config, "low")
    engine = family.build_engine(tiny.model, encoder, tiny.folder, "high")
    with pytest.raises(GenerationError, match=r"preprocessor_config\.json and config\.json do not fit together"):
        pixels_seen(engine, noise(6, 70, 40))


def test_only_details_that_there_are_can_be_asked_for() -> None:
    with pytest.raises(UsageError, match="image-detail is 'medium': choose one of low, high"):
        CheckpointRequest("shapes", image_detail="medium")


@pytest.mark.parametrize(("arguments", "expected"), [([], "low"), (["--image-detail", "high"], "high")])
def test_the_option_is_the_requests(arguments: list[str], expected: str) -> None:
    @click.command()
    @model_options
    def command(**values: Any) -> None:
        click.echo(checkpoint_request(values).image_detail)

    assert CliRunner().invoke(command, arguments).output == f"{expected}\n"


def test_idefics_sees_every_picture_in_one_size(shapes_folder: Path) -> None:
    import torch

    engines = [engine_of(shapes_folder, detail) for detail in ("low", "high")]
    prompt = serialize(Conversation((user_turn(IMAGES[0], "What?"),)))
    assert engines[0].encoder.encode(prompt) == engines[1].encoder.encode(prompt)
    assert torch.equal(*(pixels_seen(engine, IMAGES[0]) for engine in engines))


def shapes_alone(processor: Any) -> Callable[..., Any]:
    """A stand-in for the enlarging of pictures that enlarges nothing but their shape."""
    from transformers.image_processing_backends import PilBackend

    def resize(_: object, image: Any, size: Any, **__: object) -> Any:
        return np.broadcast_to(np.uint8(0), (image.shape[0], size.height, size.width))

    assert isinstance(processor, PilBackend)
    return resize


@pytest.mark.parametrize(
    ("longest", "tile"), [(4 * 364, 364), (1536, 384), (2048, 512), (4 * TILE, TILE), (5000, 364), (155, 33)]
)
@pytest.mark.parametrize("family", ["Idefics3", "SmolVLM"])
def test_rows_and_columns_are_the_image_processors(family: str, longest: int, tile: int) -> None:
    from importlib import import_module

    from transformers.image_processing_backends import PilBackend

    name = family.lower()
    module = import_module(f"transformers.models.{name}.image_processing_pil_{name}")
    processor = getattr(module, f"{family}ImageProcessorPil")(size={"longest_edge": longest})
    sides = st.integers(1, 60) | st.integers(1, 20_000)

    @settings(max_examples=400, deadline=None)
    @given(sides, sides)
    @example(155, 31)
    def check(width: int, height: int) -> None:
        picture = np.broadcast_to(np.uint8(0), (3, height, width))
        enlarged = processor.resize_for_vision_encoder(processor.resize(picture, processor.size), tile)
        _, rows, columns = processor.split_images(enlarged, {"longest_edge": tile})
        assert rows_and_columns(width, height, longest, tile) == (rows, columns)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PilBackend, "resize", shapes_alone(processor))
        check()
