"""What needs no screen: words for numbers, marks in texts, sizes in cells, messages that wait."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chat.conversation import Image, Part, Text
from chat.drafts import Draft, joined
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.talk.marks import moved, parts_of, without_picture
from chat.talk.open_session import OpenSession
from chat.talk.wording import (
    LONGEST_SHOWN,
    checkpoint_in_words,
    count_in_words,
    elided,
    ending_in_words,
    label_of,
    shown_part,
    size_in_words,
    time_in_words,
)
from chat.tui.glyphs import ASCII, UNICODE, glyphs_for
from chat.tui.pictures import PictureCache, PictureMode, cells_for, mode_for
from chat.tui.widgets.markdown import flow_of
from chat.tui.widgets.picture import turn_box
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def _images(count: int) -> list[Image]:
    return [Image(f"{number}" * 64, 10, 10, f"{number}.png", lambda: b"") for number in range(1, count + 1)]


ONE, TWO = _images(2)


@pytest.mark.parametrize(
    ("text", "first", "parts"),
    [
        ("What?", 1, (ONE, TWO, Text("What?"))),
        ("", 1, (ONE, TWO)),
        ("a [2] b [1] c", 1, (Text("a "), TWO, Text(" b "), ONE, Text(" c"))),
        ("only [1] so", 1, (Text("only "), ONE, TWO, Text(" so"))),
        ("only [2]", 1, (ONE, Text("only "), TWO)),
        ("[2][1]", 1, (TWO, ONE)),
        ("[1] [1] twice", 1, (ONE, TWO, Text(" [1] twice"))),
        ("earlier [1], now [3]", 3, (Text("earlier [1], now "), ONE, TWO)),
        ("[0] [9] [x]", 1, (ONE, TWO, Text("[0] [9] [x]"))),
    ],
)
def test_marks_place_pictures(text: str, first: int, parts: tuple[Part, ...]) -> None:
    assert parts_of(text, (ONE, TWO), first) == parts


def test_marks_follow_when_a_picture_goes_or_numbers_change() -> None:
    assert without_picture("[1] [2] [3] [4]", 2, 3) == "[1]  [2] [4]"
    assert moved("[1] [2] [3] [4]", 2, 2, -1) == "[1] [1] [2] [4]"


def test_messages_taken_back_from_the_middle_keep_the_marks_of_the_others(store: SessionStore) -> None:
    session = OpenSession(store)
    first, second, third = _images(3)
    session.waiting = [Draft("see [1]", (first,)), Draft("see [2]", (second,)), Draft("see [3]", (third,))]
    assert session.take_back(1) == Draft("see [2]", (second,))
    assert session.waiting == [Draft("see [1]", (first,)), Draft("see [2]", (third,))]
    assert session.next_number == 3
    assert joined(session.waiting) == Draft("see [1]\n\nsee [2]", (first, third))


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (212_400, "212 kB"), (3_100_000, "3.1 MB")]
)
def test_sizes(size: int, words: str) -> None:
    assert size_in_words(size) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-21T14:59:30+00:00", "now"),
        ("2026-11-21T14:58:00Z", "2 min"),
        ("2026-11-21T12:00:00+00:00", "3 h"),
        ("2026-11-20T23:00:00+00:00", "yesterday"),
        ("2026-11-17T12:00:00+00:00", "Tue"),
        ("2026-11-02T12:00:00+00:00", "2 Nov"),
        ("2025-11-12T12:00:00+00:00", "12 Nov 2025"),
        ("nonsense", ""),
    ],
)
def test_times(moment: str, words: str) -> None:
    assert time_in_words(moment, NOW) == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (StopReason.END_OF_UTTERANCE, ""),
        (StopReason.EOS, ""),
        (StopReason.TURN_MARKER, ""),
        (StopReason.MAX_NEW_TOKENS, "stopped at 512 tokens"),
        (StopReason.CANCELLED, "stopped"),
        (StopReason.CONTEXT_FULL, "stopped: the context is full"),
        (StopReason.ERROR, "the model failed: why"),
        (None, "interrupted"),
    ],
)
def test_every_ending_has_its_words(reason: StopReason | None, words: str) -> None:
    assert ending_in_words(reason, GenerationSettings(max_new_tokens=512), 5, "why") == words


def test_checkpoints_and_counts() -> None:
    facts = CheckpointFacts("HuggingFaceM4/idefics-9b-instruct", device="cuda", dtype="bfloat16")
    assert checkpoint_in_words(facts) == ("idefics-9b-instruct", "cuda · bf16")
    remote = CheckpointFacts("m", device="remote", dtype="float16", quantization="")
    assert checkpoint_in_words(remote) == ("m", "remote · fp16")
    assert checkpoint_in_words(CheckpointFacts("shapes", is_demonstration=True)) == ("shapes", "cpu · fp32")
    assert [label_of(name) for name in ("shapes", "a/idefics-9b-instruct", "a/HuggingFaceSmol", "")] == [
        "shapes",
        "idefics",
        "model",
        "model",
    ]
    assert [count_in_words(count, "turn") for count in (0, 1, 1204)] == ["no turns", "1 turn", "1,204 turns"]
    assert elided("a long name.png", 9) == "a lo….png"


def test_a_very_long_text_is_cut_with_a_count() -> None:
    shown = shown_part("x" * (LONGEST_SHOWN + 5))
    assert shown.endswith("… 5 more characters are kept and not shown")


@pytest.mark.parametrize(
    ("pixels", "cells"),
    [((224, 224), (20, 10)), ((448, 224), (20, 5)), ((100, 400), (5, 10)), ((8, 8), (8, 4)), ((10_000, 1), (20, 1))],
)
def test_pictures_fit_their_box_and_are_never_enlarged(pixels: tuple[int, int], cells: tuple[int, int]) -> None:
    from textual.geometry import Size

    assert cells_for(*pixels, turn_box(Size(80, 24))) == cells
    assert [turn_box(Size(*size)) for size in ((120, 40), (200, 50))] == [(24, 12), (28, 14)]


def test_how_pictures_are_drawn() -> None:
    assert mode_for({}, is_terminal=True) is PictureMode.HALF
    for mode in PictureMode:
        assert mode_for({"IDEFICS_CHAT_PICTURES": mode.upper()}, is_terminal=False) is mode
    assert mode_for({"IDEFICS_CHAT_PICTURES": "nonsense"}, is_terminal=True) is PictureMode.HALF
    assert mode_for({"TERM": "xterm-kitty", "TMUX": "x"}, is_terminal=True) is PictureMode.HALF


def test_shrunk_pictures_are_kept_and_the_oldest_forgotten(scene_image: Callable[..., Image]) -> None:
    cache = PictureCache(most=2)
    images = [scene_image(seed) for seed in range(3)]
    first = cache.make(images[0], 8, 8)
    assert cache.make(images[0], 8, 8) is first
    assert first.pixels.size == (8, 8)
    for image in images[1:]:
        cache.make(image, 8, 8)
    assert cache.get(images[0], 8, 8) is None
    assert cache.get(images[2], 8, 8) is not None


def test_plain_signs_where_the_locale_is_not_utf8() -> None:
    assert glyphs_for({}, "UTF-8") is UNICODE
    assert glyphs_for({}, "ISO-8859-1") is ASCII
    assert glyphs_for({"IDEFICS_CHAT_GLYPHS": "ascii"}, "UTF-8") is ASCII


@pytest.mark.parametrize(
    "text", ["# Title", "- one\n- two", "a **b** c", "`code`", "| a | b |", "```\nx\n```", "1. one"]
)
def test_markdown_is_known(text: str) -> None:
    assert flow_of(text) is not None


@pytest.mark.parametrize(
    "text", ["A red circle.", "2 * 3 = 6", "a_b_c", "x" * 30_000 + "**", "| a |\n" * 101 + "| `b` |", "[1] is a cat"]
)
def test_plain_text_and_what_is_too_much_stay_text(text: str) -> None:
    assert flow_of(text) is None


async def test_a_long_reply_streams_in_settled_blocks_that_join_to_the_whole(
    make_desk: Callable[..., Desk],
) -> None:
    lines = [f"line {number} of a long reply" for number in range(200)]
    model = HeldGenerator("\n".join(lines))
    desk = make_desk(generator=model, settings=GenerationSettings(max_new_tokens=5000))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        # While somebody types, blocks settle rarely.
        await until(pilot, lambda: not desk.screen._is_typing)
        for _ in range(4):
            before = desk.screen.session.reply_tokens
            model.let(200)
            await until(pilot, lambda now=before: desk.screen.session.reply_tokens >= now + 200)  # type: ignore[misc]
            await until(pilot, lambda: not desk.screen._is_stale)
        said = desk.said()[1:]
        assert len(said) > 1
        assert "\n".join(said).removesuffix("▍") == desk.screen.session.reply_text
        model.free()
        await until(pilot, lambda: desk.said()[1:] == ["\n".join(lines)])


async def test_links_in_a_reply_do_nothing(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    desk = make_desk(generator=ScriptedGenerator(["See [here](https://example.org) ![x](https://example.org/x.png)"]))
    monkeypatch.setattr(desk.app, "open_url", lambda url, **_: opened.append(url))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Link?")
        await until(pilot, lambda: desk.screen.query("FlowText"))
        await until(pilot, lambda: "See here (https://example.org)" in desk.shown())
        assert "!x (https://example.org/x.png)" in desk.shown()
        await pilot.click("FlowText", offset=(5, 0))
        await pilot.pause()
    assert opened == []
