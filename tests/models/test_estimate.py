"""What a checkpoint takes is told from its config and the headers of its weights, as it then is."""

from pathlib import Path
from typing import Any

import pytest

from chat.models.estimate import Estimate, context_length, estimate
from chat.models.folder import check_folder, weight_files
from chat.models.headers import TensorHeader, read_headers
from chat.models.request import CheckpointRequest
from tests.models.reference import IMAGES, Tiny, every_kind, loaded
from tests.models.tiny_idefics import write_idefics

GIB = 2**30
CHOICES = [("float32", "none"), ("bfloat16", "none"), ("float16", "none"), ("bfloat16", "8bit"), ("bfloat16", "4bit")]


def estimated(folder: Path, **options: Any) -> Estimate:
    return estimate(check_folder(folder), read_headers(weight_files(folder)), **options)


def held_bytes(folder: Path, dtype: str, quantize: str) -> int:
    """Bytes of all tensors of the loaded model, what quantization adds included; each counted once."""
    import torch

    from chat.models.families import family_of
    from chat.models.weights import read_model

    family = family_of(check_folder(folder)["model_type"])
    request = CheckpointRequest(str(folder), quantize=quantize)
    model = read_model(request, folder, family.model_class, family.whole_modules, "cpu", getattr(torch, dtype))
    held = 0
    for parameter in model.parameters():
        held += parameter.nbytes
        if state := getattr(parameter, "quant_state", None):
            inner = state.state2
            held += sum(part.nbytes for part in (state.absmax, state.code, inner.absmax, inner.code))
        if (scales := getattr(parameter, "SCB", None)) is not None:
            held += scales.nbytes
    return held


@pytest.mark.parametrize(("dtype", "quantize"), CHOICES)
def test_the_weights_of_idefics_take_what_is_told(shapes_folder: Path, dtype: str, quantize: str) -> None:
    told = estimated(shapes_folder, dtype=dtype, quantize=quantize).weights
    assert held_bytes(shapes_folder, dtype, quantize) == pytest.approx(told, rel=0.001)


@every_kind
@pytest.mark.parametrize(("dtype", "quantize"), CHOICES)
def test_the_weights_of_every_later_kind_take_what_is_told(tiny: Tiny, dtype: str, quantize: str) -> None:
    told = estimated(tiny.folder, dtype=dtype, quantize=quantize).weights
    assert held_bytes(tiny.folder, dtype, quantize) == pytest.approx(told, rel=0.001)


@pytest.mark.parametrize("has_resampler", [True, False])
def test_a_picture_of_idefics_takes_what_is_told(tmp_path: Path, has_resampler: bool) -> None:
    assert_a_picture_takes_what_is_told(write_idefics(tmp_path / "idefics", has_resampler=has_resampler))


@every_kind
def test_a_picture_of_every_later_kind_takes_what_is_told(tiny: Tiny) -> None:
    assert_a_picture_takes_what_is_told(tiny.folder)


def assert_a_picture_takes_what_is_told(folder: Path) -> None:
    seen = loaded(folder).engine.features.of(IMAGES[0])
    told = estimated(folder, dtype="float32", pictures=1).pictures
    assert sum(part.nbytes for part in seen) == told


@every_kind
def test_the_context_is_the_one_that_is_loaded(tiny: Tiny) -> None:
    assert context_length(check_folder(tiny.folder)) == tiny.load().facts.context_length


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"model_type": "idefics"}, 2048),
        ({"model_type": "idefics", "max_sequence_length": 1024}, 1024),
        ({"model_type": "idefics2"}, 4096),
        ({"model_type": "idefics2", "text_config": {"max_position_embeddings": 2048}}, 2048),
        ({"model_type": "idefics2", "text_config": {"sliding_window": None}}, 32768),
        ({"model_type": "idefics3"}, 2048),
        ({"model_type": "smolvlm", "text_config": {"max_position_embeddings": 8192}}, 8192),
    ],
)
def test_the_context_of_a_config_that_says_little_is_the_families(config: dict[str, Any], length: int) -> None:
    assert context_length(config) == length


def test_a_head_that_shares_the_words_vectors_is_counted_once(shapes_folder: Path) -> None:
    config, tensors = check_folder(shapes_folder), read_headers(weight_files(shapes_folder))
    both = estimate(config, tensors, dtype="float32").weights
    tied = estimate({**config, "tie_word_embeddings": True}, tensors, dtype="float32").weights
    assert both - tied == 4 * tensors["lm_head.weight"].count


def nine_billion() -> tuple[dict[str, Any], dict[str, TensorHeader]]:
    """The config and the headers of idefics-9b-instruct, as far as they matter."""
    hidden, inner, seen, seen_inner = 4096, 11008, 1280, 5120
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (32000, hidden),
        "lm_head.weight": (32000, hidden),
        "model.perceiver_resampler.latents": (64, seen),
        "model.vision_model.embeddings.position_embedding.weight": (257, seen),
    }
    for layer in range(32):
        shapes |= _layer(f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp", hidden, hidden, inner)
        tower = f"model.vision_model.encoder.layers.{layer}"
        shapes |= {f"{tower}.mlp.fc1.weight": (seen_inner, seen), f"{tower}.mlp.fc2.weight": (seen, seen_inner)}
        shapes |= {f"{tower}.self_attn.{part}.weight": (seen, seen) for part in ("q_proj", "k_proj", "v_proj", "out")}
    for layer in range(8):
        cross = f"model.gated_cross_attn_layers.{layer}"
        shapes |= _layer(f"{cross}.cross_attn", f"{cross}.mlp", hidden, seen, inner)
    tensors = {name: TensorHeader("BF16", shape) for name, shape in shapes.items()}
    return {"model_type": "idefics", "max_position_embeddings": 2048, "tie_word_embeddings": False}, tensors


def _layer(attention: str, mlp: str, hidden: int, looked_at: int, inner: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{attention}.q_proj.weight": (hidden, hidden),
        f"{attention}.k_proj.weight": (hidden, looked_at),
        f"{attention}.v_proj.weight": (hidden, looked_at),
        f"{attention}.o_proj.weight": (hidden, hidden),
        f"{mlp}.gate_proj.weight": (inner, hidden),
        f"{mlp}.up_proj.weight": (inner, hidden),
        f"{mlp}.down_proj.weight": (hidden, inner),
    }


@pytest.mark.parametrize(("quantize", "weights"), [("none", 16.6), ("8bit", 9.3), ("4bit", 5.6)])
def test_nine_billion_weights_take_what_is_known_of_them(quantize: str, weights: float) -> None:
    need = estimate(*nine_billion(), dtype="bfloat16", quantize=quantize)
    assert need.weights / GIB == pytest.approx(weights, rel=0.03)
    # Two times 32 layers of 4,096 numbers, for 2,048 tokens: a GiB.
    assert need.state == GIB
    # 64 latents, and keys and values of eight layers.
    assert need.pictures == 8 * 2 * 64 * (1280 + 8 * 2 * 4096)
    assert need.total == need.weights + need.state + need.pictures + need.working
    assert need.resident + 40 * need.largest_layer >= need.weights


def test_half_the_conversation_takes_half_the_state() -> None:
    config, tensors = nine_billion()
    assert estimate(config, tensors, dtype="float16", tokens=1024).state == GIB // 2


def test_headers_of_another_model_are_no_crash() -> None:
    need = estimate({"model_type": "smolvlm"}, {"a": TensorHeader("F32", (3,))}, dtype="float32")
    assert (need.weights, need.state, need.largest_layer) == (12, 0, 0)
