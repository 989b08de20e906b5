"""Weights in 8 or 4 bits: what is quantized, what never is, and what the person is told of it."""

import threading
from pathlib import Path

import pytest

from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from tests.models.test_loading import load


def test_quantized_weights_on_a_cpu_come_with_a_notice(shapes_folder: Path) -> None:
    notices = [step.notice for step in load(shapes_folder, quantize="8bit", device="cpu") if step.notice]
    assert notices == ["quantized weights save memory on a CPU, not time: replies are slower than without --quantize"]
    assert not any(step.notice for step in load(shapes_folder, device="cpu"))


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_quantized_weights_answer(shapes_folder: Path, quantize: str) -> None:
    from chat.conversation import Conversation, user_turn
    from chat.generation import GenerationSettings, Reply
    from chat.prompt import serialize

    request = CheckpointRequest("shapes", folder=shapes_folder, quantize=quantize)
    generator = load_generator(request, lambda _: None, threading.Event())
    prompt = serialize(Conversation((user_turn("Hello"),)))
    *_, reply = generator.generate(prompt, GenerationSettings(max_new_tokens=8), threading.Event())
    assert isinstance(reply, Reply)
    assert reply.token_ids
    assert generator.facts.quantization == quantize


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_what_sees_and_what_chooses_words_is_never_quantized(shapes_folder: Path, quantize: str) -> None:
    import torch

    from chat.models.families import family_of
    from chat.models.weights import read_model

    family = family_of("idefics")
    request = CheckpointRequest("shapes", folder=shapes_folder, quantize=quantize)
    model = read_model(
        request, shapes_folder, family.model_class, family.whole_modules, device="cpu", dtype=torch.bfloat16
    )
    quantized = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and type(module).__name__ in ("Linear4bit", "Linear8bitLt")
    }
    assert any(".layers." in name for name in quantized)
    assert not any(
        name.startswith(("lm_head", "model.vision_model", "model.perceiver_resampler")) for name in quantized
    )
    assert not any(parameter.requires_grad for parameter in model.parameters())
