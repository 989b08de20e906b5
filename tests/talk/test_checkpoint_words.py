"""A checkpoint is asked for in words: a name, and after commas how it is loaded."""

from dataclasses import replace

import pytest

from chat.errors import UsageError
from chat.talk.asked_comparison import asked_comparison
from chat.talk.checkpoint_words import AskedCheckpoint, asked_in_words
from chat.talk.offers import Offer, Place, Way

FULL = Way("fp32", 4, 1, 1, 1, 2048, "cpu", 2048, is_spread=False, short=0, fits_beside=True)
HALF = replace(FULL, precision="bf16", weights=2)
SMALL = replace(FULL, precision="8bit", weights=1)


@pytest.mark.parametrize(
    ("words", "name", "options", "short"),
    [
        ("org/other", "org/other", {}, "other"),
        ("org/other 8bit", "org/other", {"quantize": "8bit"}, "other 8bit"),
        ("org/other fp32", "org/other", {"dtype": "float32"}, "other fp32"),
        ("org/other auto", "org/other", {}, "other auto"),
        ("a folder/it,device=cpu", "a folder/it", {"device": "cpu"}, "it,device=cpu"),
        ("/a,b/c, image-detail = high", "/a,b/c", {"image_detail": "high"}, "c, image-detail = high"),
        ("org/m,base-url=http://host:1/v1,api=tgi", "org/m", {"base_url": "http://host:1/v1", "api": "tgi"}, "m"),
        (",base-url=http://host:1/v1", "", {"base_url": "http://host:1/v1"}, "host:1"),
    ],
)
def test_a_checkpoint_is_read(words: str, name: str, options: dict[str, str], short: str) -> None:
    (found,) = asked_comparison(words).checkpoints
    assert (found.label, found.name, found.options, found.short) == (words, name, options, short)
    assert found.is_on_server == ("base_url" in options)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("a,quantise=8bit", r"/compare a,quantise=8bit: 'quantise=8bit' is no option: after the name come revision"),
        ("a,dtype=float16,8bit", "'8bit' is no option"),
        ("a 8bit,quantize=4bit", "its precision is said twice: leave 8bit out"),
        ("a,device=cpu,image-detail=high,device=cuda", "device is said twice: leave one out"),
        ("a,api=tgi", "give base-url"),
        ("a | m,base-url=http://host:1,dtype=float16", "dtype is for checkpoints of this machine"),
        ("m 8bit,base-url=http://host:1", "quantize is for checkpoints of this machine"),
    ],
)
def test_a_wrong_option_is_named(words: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        asked_comparison(words)


@pytest.mark.parametrize(
    ("words", "best", "precision"),
    [
        ("a", "8bit", "8bit"),
        ("a,quantize=none", "8bit", "bf16"),
        ("a,quantize=none", "fp32", "fp32"),
        ("a,dtype=float32", "8bit", "fp32"),
        ("a,dtype=auto", "fp32", "fp32"),
        ("a,quantize=8bit,dtype=float32", "fp32", "8bit"),
        ("a,quantize=4bit", "fp32", None),
        ("a", "", "8bit"),
    ],
)
def test_it_is_loaded_in_the_best_way_that_was_asked_for(words: str, best: str, precision: str | None) -> None:
    offer = Offer("a", Place.CACHED, ways=(FULL, HALF, SMALL), best=best)
    way = asked_in_words(words, option="/compare").way(offer)
    assert (way.precision if way else None) == precision


def test_one_that_was_chosen_is_what_it_would_be_typed_as() -> None:
    for precision in ("8bit", "bf16"):
        assert AskedCheckpoint.chosen("org/other", precision) == asked_in_words(
            f"org/other {precision}", option="/compare", takes_precision=True
        )
    assert AskedCheckpoint.chosen("org/other", "auto") == asked_in_words("org/other", option="/compare")
