"""IDEFICS before its tuning: turns are lines, nothing closes them, and a reply ends where the next line would begin."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Conversation, assistant_turn, user_turn
from chat.generation import CheckpointFacts, StopReason
from chat.images import decode
from chat.models.generator import ModelGenerator
from chat.prompt import IDEFICS_BASE, Control, Said, serialize
from tests.benign import benign_conversation, reference_list
from tests.models.reference import IMAGES, engine_of, loaded, run, said
from tests.models.tiny_idefics import CONTEXT_LENGTH, write_idefics

IMAGE_ID = 481
END = "<end_of_utterance>"
FENCED = "<fake_token_around_image><image><fake_token_around_image>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny instruct checkpoint, and what is more in it than in a base one taken out."""
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    folder = write_idefics(tmp_path_factory.mktemp("base") / "checkpoint", has_resampler=True)
    edit(folder / "config.json", additional_vocab_size=2)
    edit(folder / "added_tokens.json", **{END: None})
    edit(folder / "tokenizer_config.json", extra_special_tokens=["<fake_token_around_image>", "<image>"])
    pipeline = json.loads((folder / "tokenizer.json").read_text())
    kept = [token for token in pipeline["added_tokens"] if token["content"] != END]
    edit(folder / "tokenizer.json", added_tokens=kept)
    weights = load_file(folder / "model.safetensors")
    for name in ("model.embed_tokens.additional_embedding.weight", "lm_head.additional_fc.weight"):
        weights[name] = weights[name][:2].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def edit(path: Path, **changes: object) -> None:
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


GOLDEN = {
    "one turn": (Conversation((user_turn("Hello"),)), "<s>User: Hello\nAssistant:"),
    "several turns": (
        Conversation((user_turn(IMAGES[0], "What?"), assistant_turn("A cat."), user_turn("Sure?")), "Be short."),
        f"<s>Be short.\nUser:{FENCED}What?\nAssistant: A cat.\nUser: Sure?\nAssistant:",
    ),
    "a reply with the ids it was given in": (
        Conversation((user_turn("Tell"), assistant_turn("Once", (7, 8)), user_turn("Go on", IMAGES[0]))),
        f"<s>User: Tell\nAssistant: Once\nUser: Go on{FENCED}\nAssistant:",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_conversation_becomes_exactly_this_string(name: str) -> None:
    conversation, expected = GOLDEN[name]
    assert serialize(conversation, IDEFICS_BASE).text == expected
    closed = serialize(conversation, IDEFICS_BASE, open_reply=False)
    assert closed.text == expected.removesuffix("\nAssistant:")
    assert Control(END) not in closed.segments


def test_ids_equal_the_reference_processors_on_200_benign_conversations(folder: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    encoder = engine_of(folder).encoder
    rng = random.Random(1)
    for _ in range(200):
        conversation = benign_conversation(rng, IMAGES)
        items = [
            item.replace(END, "") if isinstance(item, str) else item for item in reference_list(conversation, decode)
        ]
        reference = processor(text=items, add_end_of_utterance_token=False).input_ids[0].tolist()
        assert list(encoder.encode(serialize(conversation, IDEFICS_BASE)).token_ids) == reference, items


def test_what_follows_a_reply_is_encoded_as_its_continuation(folder: Path) -> None:
    encoder = engine_of(folder).encoder
    for reply in ("A cat.", "日本語", "Yes\n\nno"):
        talk = (user_turn(IMAGES[0]), assistant_turn(reply, encoder.reply_ids(reply)), user_turn("Sure?"))
        kept = serialize(Conversation(talk), IDEFICS_BASE)
        assert any(isinstance(segment, Said) for segment in kept.segments)
        told = serialize(Conversation((talk[0], assistant_turn(reply), talk[2])), IDEFICS_BASE)
        assert encoder.encode(kept).token_ids == encoder.encode(told).token_ids


def test_the_checkpoint_is_loaded_and_knows_nothing_that_closes_a_turn(folder: Path) -> None:
    generator = loaded(folder)
    engine = engine_of(folder)
    assert generator.dialect == IDEFICS_BASE
    assert engine.utterance_id is None
    assert engine.eos_ids == {2}
    assert set(engine.banned_ids) == {0, 1, IMAGE_ID - 1, IMAGE_ID}


def test_a_reply_ends_at_eos_at_the_next_line_of_the_user_and_at_the_limit(folder: Path) -> None:
    talk = Conversation((user_turn(IMAGES[1], "What?"),))
    engine = engine_of(folder)
    _, reply = run(loaded(folder), talk, max_new_tokens=6)
    assert (reply.stop_reason, len(reply.token_ids)) == (StopReason.MAX_NEW_TOKENS, 6)

    def says(*ids: int) -> ModelGenerator:
        """A generator whose model says these ids, one after the other."""
        import torch

        generator = ModelGenerator(scripted, CheckpointFacts("tiny", context_length=CONTEXT_LENGTH))
        coming = iter(ids)
        compute = engine.compute

        def forced(state: Any, keys: Any, images: Any) -> Any:
            logits = torch.zeros_like(compute(state, keys, images))
            logits[next(coming)] = 1
            return logits

        scripted.compute = forced  # type: ignore[method-assign]  # the same arguments, other logits
        return generator

    scripted = engine_of(folder)
    words = engine.encoder.reply_ids("A cat.")
    _, reply = run(says(*words, 2), talk)
    assert (reply.text, reply.stop_reason, reply.spoken_ids) == ("A cat.", StopReason.EOS, words)

    speaks_on = engine.encoder.reply_ids("A cat.\nUser: And?")
    _, reply = run(says(*speaks_on), talk, max_new_tokens=100)
    assert (reply.text, reply.stop_reason, reply.token_ids) == ("A cat.", StopReason.TURN_MARKER, words)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_replies_are_those_of_plain_generate(folder: Path, num_beams: int) -> None:
    import torch
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    model = IdeficsForVisionText2Text.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    banned = [[token_id] for token_id in engine_of(folder).banned_ids]
    generator = loaded(folder)
    history = Conversation()
    for asked in ([IMAGES[0], "What?"], ["Sure?"], ["And", IMAGES[1], IMAGES[0]]):
        history = history.with_turn(user_turn(*asked))
        _, reply = run(generator, history, num_beams=num_beams)
        ids = torch.tensor([engine_of(folder).encoder.encode(serialize(history, IDEFICS_BASE)).token_ids])
        pixels = processor.image_processor([decode(image) for image in history.images], return_tensors="pt")
        shown = (ids == IMAGE_ID).cumsum(1)
        attended = shown[..., None] == 1 + torch.arange(len(history.images))
        output = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels[None],
            image_attention_mask=attended.long(),
            do_sample=False,
            num_beams=num_beams,
            max_new_tokens=8,
            eos_token_id=2,
            bad_words_ids=banned,
        )
        assert list(reply.token_ids) == output[0, ids.shape[1] :].tolist()
        history = history.with_turn(said(reply))
