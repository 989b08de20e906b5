"""The decoder of IDEFICS gives the logits of transformers' own forward pass, whatever was kept, packed or offloaded."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import chat.models.kv_cache
from chat.models.attention import attend
from chat.models.idefics_decoder import IdeficsDecoder
from chat.models.kv_cache import GrowingCache
from chat.models.layout import following
from chat.models.packed import PackedLinear, PackedPast, can_pack, pack_linears
from chat.models.sights import Stretch, StretchSights
from tests.models.tiny_idefics import write_idefics

TOKENS = 60


@pytest.fixture(scope="module", params=[True, False], ids=["resampler", "no resampler"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import IdeficsForVisionText2Text
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    folder: Path = write_idefics(tmp_path_factory.mktemp("idefics") / "checkpoint", has_resampler=request.param)
    return IdeficsForVisionText2Text.from_pretrained(folder).eval()


def latents_of(model: Any, pictures: int) -> list[Tensor]:
    config = model.config
    rows = config.perceiver_config.resampler_n_latents if config.use_resampler else 17
    return [torch.randn(1, rows, config.vision_config.embed_dim) for _ in range(pictures)]


def reference(model: Any, ids: list[int], newest: list[int], latents: list[Tensor]) -> Tensor:
    """The logits of every token, (tokens, vocabulary)."""
    pictures = latents or [torch.zeros_like(latents_of(model, 1)[0])]
    mask = torch.tensor([[place == number for place in range(len(pictures))] for number in newest])
    name = "perceiver_embeddings" if model.config.use_resampler else "image_encoder_embeddings"
    with torch.inference_mode():
        output = model(
            input_ids=torch.tensor([ids]), image_attention_mask=mask[None].long(), **{name: torch.cat(pictures)}
        )
    logits: Tensor = output.logits[0].float()
    return logits


def stretches_of(newest: list[int], sights: list[Any], start: int, end: int) -> list[Stretch]:
    found: list[Stretch] = []
    for place in range(start, end):
        sight = sights[newest[place]] if newest[place] >= 0 else None
        if found and found[-1].sight is sight:
            found[-1] = Stretch(found[-1].start, place + 1 - start, sight)
        else:
            found.append(Stretch(place - start, place + 1 - start, sight))
    return found


def a_talk(rng: random.Random, model: Any, pictures: int) -> tuple[list[int], list[int]]:
    """Ids, and of every token the number of the newest picture, -1 before the first."""
    ids = [rng.randrange(3, model.config.vocab_size) for _ in range(TOKENS)]
    begins = sorted(rng.sample(range(TOKENS), pictures))
    return ids, [sum(begin <= place for begin in begins) - 1 for place in range(TOKENS)]


def decoded(
    decoder: IdeficsDecoder, ids: list[int], newest: list[int], latents: list[Tensor], cuts: list[int], packs: bool
) -> dict[int, Tensor]:
    """The logits of the last token of every part, by its place."""
    sights = [decoder.sight(latent) for latent in latents]
    cache, found = GrowingCache(), {}
    with torch.inference_mode():
        for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True):
            part = torch.tensor([ids[start:end]])
            looked = StretchSights([stretches_of(newest, sights, start, end)])
            layout = following(start, end - start, latents[0] if latents else torch.empty(0))
            found[end - 1] = decoder.logits(part, looked, layout, cache)[0, -1].float()
            if packs:
                cache.pack()
    return found


@pytest.mark.parametrize("pictures", [0, 1, 4])
@pytest.mark.parametrize("packs", [False, True])
def test_logits_equal_those_of_transformers(
    model: Any, pictures: int, packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat.models.kv_cache, "_LEAST_PACKED", 5)
    rng = random.Random(pictures)
    used = copy.deepcopy(model)
    if packs:
        pack_linears(used)
        assert not any(type(module) is nn.Linear for module in used.model.modules())
    decoder = IdeficsDecoder(used)
    for _ in range(5):
        ids, newest = a_talk(rng, model, pictures)
        latents = latents_of(model, pictures)
        expected = reference(model, ids, newest, latents)
        cuts = sorted({*rng.sample(range(1, TOKENS), 3), 40, 41})
        for place, logits in decoded(decoder, ids, newest, latents, cuts, packs).items():
            torch.testing.assert_close(logits, expected[place], rtol=1e-3, atol=2e-4)


def test_half_precision_differs_by_its_rounding_alone(model: Any) -> None:
    rng = random.Random(1)
    half = copy.deepcopy(model).to(torch.bfloat16)
    ids, newest = a_talk(rng, model, 2)
    latents = latents_of(model, 2)
    own = decoded(IdeficsDecoder(half), ids, newest, [one.bfloat16() for one in latents], [], packs=True)[TOKENS - 1]
    theirs = reference(half, ids, newest, [one.bfloat16() for one in latents])[-1]
    exact = reference(model, ids, newest, latents)[-1]
    assert (own - exact).abs().mean() < 2 * (theirs - exact).abs().mean()


def test_an_offloaded_model_gives_the_same_logits(model: Any, tmp_path: Path) -> None:
    from accelerate import disk_offload

    rng = random.Random(2)
    ids, newest = a_talk(rng, model, 2)
    latents = latents_of(model, 2)
    expected = reference(model, ids, newest, latents)[-1]
    offloaded = disk_offload(copy.deepcopy(model), str(tmp_path), execution_device=torch.device("cpu"))
    assert offloaded.model.layers[0].self_attn.q_proj.weight.is_meta
    logits = decoded(IdeficsDecoder(offloaded), ids, newest, latents, [30], packs=False)[TOKENS - 1]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=2e-4)


def test_packing_leaves_alone_what_it_cannot_hold(model: Any) -> None:
    assert can_pack(torch.zeros(2, 2))
    assert not can_pack(torch.zeros(2, 2, dtype=torch.bfloat16))
    half = copy.deepcopy(model).bfloat16()
    pack_linears(half)
    assert not any(isinstance(module, PackedLinear) for module in half.modules())


def test_a_weight_that_the_embeddings_use_is_not_packed() -> None:
    embedding, head, other = nn.Embedding(30, 8), nn.Linear(8, 30, bias=False), nn.Linear(8, 5)
    head.weight = embedding.weight
    model = nn.ModuleDict({"embedding": embedding, "head": head, "other": other})
    rows = torch.randn(3, 8)
    expected = other(rows)
    pack_linears(model)
    assert model["head"] is head
    assert isinstance(model["other"], PackedLinear)
    torch.testing.assert_close(model["other"](rows), expected)


@pytest.mark.parametrize(("past", "new"), [(300, 1), (300, 41), (17, 9), (64, 64), (40, 100)])
def test_attention_is_plain_attention_packed_or_not(past: int, new: int) -> None:
    keys, values = torch.randn(2, 1, 3, past + new, 16)
    queries = torch.randn(1, 3, new, 16)
    mask = torch.full((new, past + new), -torch.inf).triu(past + 1)
    later = torch.full((new, new), -torch.inf).triu(1)
    expected = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    torch.testing.assert_close(attend(queries, keys, values, later if new > 1 else None), expected)
    for packed in (past, past // 2, 1):
        attended = PackedPast(keys[:, :, :packed], values[:, :, :packed]).attend(queries, keys, values, later)
        torch.testing.assert_close(attended, expected)
