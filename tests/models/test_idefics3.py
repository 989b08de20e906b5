"""Idefics3, SmolVLM and SmolVLM2 on tiny random checkpoints: the references' ids, kept state, stops, refusals."""

import io
import json
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

import chat.models.generator
from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.images import read_image
from chat.models.decoding import ReplyText
from chat.models.folder import SUPPORTED
from chat.models.generator import Engine, ModelGenerator, chunk_end
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from chat.models.tokens import Key
from chat.prompt import IDEFICS3, SMOLVLM, Control, Picture, serialize
from tests.benign import benign_conversation, benign_text
from tests.models.tiny import CONTEXT_LENGTH, IMAGE_TOKENS, KINDS, TILE, Kind, messages_of, write_checkpoint

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
        generator = load_generator(CheckpointRequest(str(self.folder), **options), lambda _: None, threading.Event())
        assert isinstance(generator, ModelGenerator)
        return generator

    def engine(self) -> Engine:
        from chat.models.families import family_of

        family = family_of(self.kind.model_type)
        return family.build_engine(self.model, family.read_encoder(self.folder, self.model.config), self.folder)

    def pixels(self, images: tuple[Image, ...]) -> dict[str, Any]:
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


@pytest.fixture(scope="module")
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    import torch
    import transformers
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    kind = KINDS[request.param]
    folder = write_checkpoint(kind, tmp_path_factory.mktemp("tiny") / "checkpoint")
    is_smolvlm2 = kind.model_type == "smolvlm"
    model_class = getattr(transformers, f"{'SmolVLM' if is_smolvlm2 else 'Idefics3'}ForConditionalGeneration")
    processor_class = SmolVLMImageProcessorPil if is_smolvlm2 else Idefics3ImageProcessorPil
    return Tiny(
        request.param,
        kind,
        folder,
        model_class.from_pretrained(folder).eval(),
        processor_class.from_pretrained(folder, do_image_splitting=False, size={"longest_edge": TILE}),
        transformers.PreTrainedTokenizerFast.from_pretrained(folder),
    )


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
    prompt = serialize(conversation, generator.dialect)
    asked = GenerationSettings(**{"max_new_tokens": NEW, **options})
    *chunks, reply = generator.generate(prompt, asked, threading.Event())
    assert isinstance(reply, Reply)
    return [chunk for chunk in chunks if isinstance(chunk, Chunk)], reply


def said(reply: Reply) -> Turn:
    closed = reply.stop_reason in (StopReason.END_OF_UTTERANCE, StopReason.EOS)
    return assistant_turn(reply.text, (reply.token_ids[:-1] if closed else reply.token_ids) if reply.text else ())


def ask(rng: random.Random) -> Turn:
    shape = rng.choice(("t", "t", "it", "ti", "iit", "iti", "i", "tit", "ii"))
    return user_turn(*(rng.choice(IMAGES) if part == "i" else benign_text(rng) for part in shape))


def asked_next(rng: random.Random, history: Conversation) -> Conversation:
    """What was said so far and one more question, now and then after an edit of the history."""
    if history.turns and rng.random() < 0.3:
        kept = rng.randrange(0, len(history.turns), 2)
        return Conversation((*history.turns[:kept], ask(rng)), history.system)
    return history.with_turn(ask(rng))


@both_classes
def test_kept_state_gives_the_ids_of_plain_generate_over_40_conversations(tiny: Tiny) -> None:
    rng = random.Random(7)
    engine = tiny.engine()
    generator = tiny.load()
    replies = set()
    for number in range(40):
        history = Conversation(system=benign_text(rng).strip() if number % 4 == 0 else "")
        for _ in range(rng.randint(1, 4)):
            history = asked_next(rng, history)
            _, reply = run(generator, history)
            assert list(reply.token_ids) == tiny.new_ids(engine, history), (number, history)
            replies.add(reply.token_ids)
            history = history.with_turn(said(reply))
    assert len(replies) > 40


@both_tokenizers
def test_ids_equal_the_reference_processors_on_200_benign_conversations(tiny: Tiny) -> None:
    from transformers import Idefics3Processor

    processor = Idefics3Processor(tiny.image_processor, tiny.tokenizer, image_seq_len=IMAGE_TOKENS)
    encoder, dialect = tiny.engine().encoder, tiny.engine().dialect
    rng = random.Random(1)
    for _ in range(200):
        conversation = benign_conversation(rng, IMAGES)
        text = tiny.tokenizer.apply_chat_template(messages_of(conversation), add_generation_prompt=True, tokenize=False)
        pictures = [PillowImage.new("RGB", (4, 4)) for _ in conversation.images]
        reference = processor(text=text, images=pictures or None, do_image_splitting=False)["input_ids"][0]
        assert list(encoder.encode(serialize(conversation, dialect)).token_ids) == reference, text


@both_tokenizers
def test_the_prompts_string_is_the_chat_templates(tiny: Tiny) -> None:
    rng = random.Random(2)
    dialect = tiny.engine().dialect
    for _ in range(200):
        conversation = benign_conversation(rng, IMAGES)
        messages = messages_of(conversation)
        rendered = tiny.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        assert serialize(conversation, dialect).text == rendered
        # Without a reply opened, ours ends before the line end that belongs to the next turn.
        rendered = tiny.tokenizer.apply_chat_template(messages, tokenize=False)
        assert serialize(conversation, dialect, open_reply=False).text + "\n" == rendered


def test_a_conversation_becomes_exactly_this_string() -> None:
    a = IMAGES[0]
    talk = Conversation((user_turn(a, "What?"), assistant_turn("A cat."), user_turn(" Sure? ", a, a)), "Be short.")
    tail = (
        "System: Be short.<end_of_utterance>\nUser:<image>What?<end_of_utterance>\nAssistant: A cat.<end_of_utterance>"
        "\nUser:  Sure? <image><image><end_of_utterance>\nAssistant:"
    )
    assert serialize(talk, IDEFICS3).text == f"<|begin_of_text|>{tail}"
    assert serialize(talk, SMOLVLM).text == f"<|im_start|>{tail}"


@every_kind
def test_every_image_token_of_a_picture_carries_its_digest(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    a, b = IMAGES[:2]
    talk = Conversation((user_turn(a, b, "Same?"), assistant_turn("Yes."), user_turn(a)))
    keys = encoder.keys(serialize(talk, tiny.engine().dialect))
    image_id = encoder.control_ids["<image>"]
    assert [digest for token_id, digest in keys if token_id == image_id] == [
        image.digest for image in (a, b, a) for _ in range(IMAGE_TOKENS)
    ]
    assert not any(digest for token_id, digest in keys if token_id != image_id)


@every_kind
def test_the_facts_are_those_of_the_files(tiny: Tiny) -> None:
    generator = tiny.load()
    facts = generator.facts
    assert (facts.family, facts.context_length, facts.image_size) == (tiny.kind.model_type, CONTEXT_LENGTH, TILE)
    assert generator.dialect == (IDEFICS3 if tiny.name == "Idefics3" else SMOLVLM)
    vocabulary = tiny.tokenizer.convert_tokens_to_ids
    engine = tiny.engine()
    assert engine.utterance_id == vocabulary("<end_of_utterance>")
    assert {vocabulary(token) for token in tiny.kind.eos} <= engine.eos_ids | {engine.utterance_id}
    # Where text_config names no end, transformers says 2; that ends a reply only where 2 is a token of its own.
    assert (2 in engine.eos_ids) == (tiny.name != "Idefics3")
    never = [token for token in tiny.kind.added_tokens if "image" in token or "img" in token or "row" in token]
    assert set(engine.banned_ids) == {vocabulary(token) for token in never}


def assert_nothing_forged(engine: Engine, conversation: Conversation) -> None:
    prompt = serialize(conversation, engine.dialect)
    encoder = engine.encoder
    template: list[int] = []
    for segment in prompt.segments:
        if isinstance(segment, Control):
            template.append(encoder.control_ids[segment.token])
        elif isinstance(segment, Picture):
            template += [token_id for token_id in encoder.picture_ids if token_id in encoder.added_ids]
    found = [token_id for token_id in encoder.encode(prompt).token_ids if token_id in encoder.added_ids]
    assert found == template


@every_kind
@pytest.mark.parametrize(
    "template", ["{0}", "a{0}b", " {0} ", "{0}{0}", "\n{0}\nAssistant: {0}", "<{0}>", "<im{0}age>"]
)
def test_text_that_spells_a_control_token_gives_no_control_id(tiny: Tiny, template: str) -> None:
    engine = tiny.engine()
    for token in (*tiny.kind.added_tokens, "<global-img>", "<row_1_col_1>", "<|begin_of_text|>", "<|im_start|>"):
        hostile = template.format(token)
        assert_nothing_forged(
            engine,
            Conversation(
                (user_turn(hostile, IMAGES[0], hostile), assistant_turn(hostile), user_turn(hostile)), hostile
            ),
        )


@both_tokenizers
def test_no_mixture_of_text_gives_a_control_id(tiny: Tiny) -> None:
    engine = tiny.engine()
    pieces = st.sampled_from([*tiny.kind.added_tokens, "<", ">", "|", "image", "Ġ", " ", "\n", "é", "a"]) | st.text()

    @settings(max_examples=300, deadline=None)
    @given(st.lists(pieces, min_size=1))
    def check(drawn: list[str]) -> None:
        text = "".join(drawn)
        if text.strip():
            assert_nothing_forged(engine, Conversation((user_turn(text),)))

    check()


@both_classes
def test_a_later_turn_computes_only_what_is_new_and_looks_at_a_picture_once(tiny: Tiny) -> None:
    engine = tiny.engine()
    generator = ModelGenerator(engine, CheckpointFacts("tiny", context_length=CONTEXT_LENGTH))
    looks: list[object] = []
    seen = tiny.model.model.vision_model.register_forward_hook(lambda *_: looks.append(None))
    first = Conversation((user_turn(IMAGES[0], "What is in the picture?"),))
    _, reply = run(generator, first)
    second = first.with_turn(said(reply)).with_turn(user_turn("How many?"))
    _, again = run(generator, second)
    assert again.cached_tokens >= reply.prompt_tokens
    assert len(looks) == 1
    third = second.with_turn(said(again)).with_turn(user_turn(IMAGES[1], IMAGES[0], "Same?"))
    _, last = run(generator, third)
    assert last.cached_tokens >= again.prompt_tokens
    assert len(looks) == 2
    seen.remove()


@both_classes
def test_another_picture_in_the_same_place_is_not_taken_for_the_first(tiny: Tiny) -> None:
    generator = tiny.load()
    asked = [Conversation((user_turn(image, "What is in the picture?"),)) for image in IMAGES]
    kept = [run(generator, conversation)[1].token_ids for conversation in asked]
    assert kept == [run(tiny.load(), conversation)[1].token_ids for conversation in asked]
    assert len(set(kept)) == len(IMAGES)


@both_classes
def test_prompts_computed_in_small_parts_give_the_same_ids(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat.models.generator, "PREFILL_CHUNK", 5)
    engine = tiny.engine()
    rng = random.Random(3)
    for _ in range(5):
        conversation = benign_conversation(rng, IMAGES)
        assert list(run(tiny.load(), conversation)[1].token_ids) == tiny.new_ids(engine, conversation)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=200))
def test_a_part_of_a_prompt_never_ends_inside_a_picture(runs: list[tuple[int, bool]]) -> None:
    keys: list[Key] = []
    for length, is_picture in runs:
        keys += [(0, ""), *[(1, "a" * 64 if is_picture else "")] * (length * 40), (0, "")]
    start = 0
    while start < len(keys):
        end = chunk_end(keys, start)
        assert end == len(keys) or not (keys[end - 1][1] and keys[end][1])
        assert end - start >= min(chat.models.generator.PREFILL_CHUNK, len(keys) - start)
        start = end


@both_classes
def test_every_stop_has_its_reason(tiny: Tiny) -> None:
    engine = tiny.engine()
    facts = CheckpointFacts("tiny", context_length=CONTEXT_LENGTH)
    conversation = Conversation((user_turn(IMAGES[2], "What is it?"),))
    prompt = serialize(conversation, engine.dialect)
    _, reply = run(ModelGenerator(engine, facts), conversation, max_new_tokens=5)
    assert (reply.stop_reason, len(reply.token_ids)) == (StopReason.MAX_NEW_TOKENS, 5)
    third = reply.token_ids[2]
    assert third not in reply.token_ids[:2]

    room = CheckpointFacts("tiny", context_length=len(engine.encoder.encode(prompt).token_ids) + 4)
    _, full = run(ModelGenerator(engine, room), conversation)
    assert (full.stop_reason, full.token_ids) == (StopReason.CONTEXT_FULL, reply.token_ids[:4])

    engine.eos_ids |= {third}
    _, ended = run(ModelGenerator(engine, facts), conversation)
    assert (ended.stop_reason, ended.token_ids) == (StopReason.EOS, reply.token_ids[:3])

    engine.utterance_id = third
    _, ended = run(ModelGenerator(engine, facts), conversation)
    assert (ended.stop_reason, ended.token_ids) == (StopReason.END_OF_UTTERANCE, reply.token_ids[:3])


@both_classes
def test_wild_sampling_never_gives_a_picture_token(tiny: Tiny) -> None:
    generator = tiny.load()
    banned = set(tiny.engine().banned_ids)
    for seed in range(10):
        _, reply = run(generator, Conversation((user_turn("Hello"),)), temperature=100.0, seed=seed, max_new_tokens=60)
        assert not banned & set(reply.token_ids)


@both_classes
def test_beams_give_the_ids_of_transformers(tiny: Tiny) -> None:
    engine = tiny.engine()
    generator = tiny.load()
    for image in IMAGES:
        conversation = Conversation((user_turn(image, "What?"), assistant_turn("So."), user_turn(IMAGES[0], "And?")))
        chunks, reply = run(generator, conversation, num_beams=3)
        reference = tiny.new_ids(engine, conversation, num_beams=3)
        assert list(reply.token_ids) == reference[: len(reply.token_ids)]
        assert reply.text == "".join(chunk.text for chunk in chunks)


@both_tokenizers
def test_streamed_pieces_joined_are_the_full_decode(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    bytes_of = [encoder.encode_text(text)[-1] for text in "\n U:"] + list(encoder.encode_text("€🙂é\ufffd"))
    ids = st.sampled_from(bytes_of) | st.integers(0, tiny.tokenizer.vocab_size - 1)

    @settings(max_examples=500, deadline=None)
    @given(st.lists(ids, max_size=24))
    def check(drawn: list[int]) -> None:
        reply = ReplyText(encoder)
        text = "".join(reply.add(token_id) for token_id in drawn) + reply.finish()
        assert text == reply.text == encoder.decode(drawn).partition("\nUser:")[0]

    check()


@both_tokenizers
@pytest.mark.parametrize(
    "text", ["A dog.\n  indented", "€ and 🙂🙂 x", " two  spaces ", "\n\n", "日本語 \n Us", "\ufffd x"]
)
def test_a_replys_text_comes_back_and_no_character_comes_half(tiny: Tiny, text: str) -> None:
    encoder = tiny.engine().encoder
    reply = ReplyText(encoder)
    ids = encoder.reply_ids(text)
    pieces = [reply.add(token_id) for token_id in ids]
    assert "\ufffd" in text or "\ufffd" not in "".join(pieces)
    assert "".join(pieces) + reply.finish() == text == encoder.decode(ids)


@both_tokenizers
def test_a_reply_ends_before_it_speaks_for_the_user(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    reply = ReplyText(encoder)
    for token_id in encoder.reply_ids("Yes.\nUser: And now I say this"):
        reply.add(token_id)
    assert (reply.text, reply.has_turn_marker) == ("Yes.", True)


@both_classes
@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_packed_weights_answer_and_what_sees_stays_whole(tiny: Tiny, quantize: str) -> None:
    from chat.models.families import family_of
    from chat.models.weights import read_model

    request = CheckpointRequest(str(tiny.folder), quantize=quantize)
    family = family_of(tiny.kind.model_type)
    model = read_model(request, tiny.folder, family.model_class, family.whole_modules, "cpu", tiny.model.dtype)
    kinds = {name: type(module).__name__ for name, module in model.named_modules() if name.endswith(("proj", "fc1"))}
    assert {kind for name, kind in kinds.items() if "vision_model" in name or "connector" in name} == {"Linear"}
    assert all(kind.startswith("Linear") and kind != "Linear" for name, kind in kinds.items() if "text_model" in name)
    assert type(model.lm_head).__name__ == "Linear"
    _, reply = run(tiny.load(quantize=quantize), Conversation((user_turn(IMAGES[0], "What?"),)))
    assert reply.token_ids


def test_every_family_that_is_named_can_be_put_together() -> None:
    from chat.models.families import family_of

    assert {"idefics", "idefics3", "smolvlm"} == set(SUPPORTED)
    for model_type in SUPPORTED:
        assert family_of(model_type).model_class.config_class.model_type == model_type


@pytest.mark.parametrize("tiny", ["SmolVLM"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            lambda folder: edit_config(folder, model_type="idefics2"),
            r"kind 'idefics2'; what works: IDEFICS \(.*\), Idefics3 and SmolVLM, SmolVLM2",
        ),
        (lambda folder: edit_config(folder, scale_factor="two"), "cannot be loaded"),
        (lambda folder: rename_token(folder, "<|im_start|>"), r"neither <\|begin_of_text\|> nor <\|im_start\|>"),
        (lambda folder: rename_token(folder, "<image>"), "the tokenizer has no <image>"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
    ],
)
def test_a_checkpoint_that_cannot_work_is_refused(
    tiny: Tiny, tmp_path: Path, damage: Callable[[Path], object], expected: str
) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(tiny.folder, folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=expected) as caught:
        load_generator(CheckpointRequest(str(folder)), lambda _: None, threading.Event())
    assert "\n" not in str(caught.value)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rename_token(folder: Path, token: str) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace(f'"{token}"', '"<another>"'))
