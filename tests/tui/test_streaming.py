"""Replies as they are written: what has ended stays as it is shown, and nothing but the reply moves."""

from collections.abc import Callable
from typing import Final

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from chat.errors import ChatError
from chat.generation import GenerationSettings
from chat.tui.widgets.code_block import CodeBlock
from chat.tui.widgets.reply_text import ReplyText
from tests.tui.doubles import Desk, HeldGenerator, ready, send, shown_text, until

MakeDesk = Callable[..., Desk]

MARKS: Final = "if **a** and __b__: # no heading\n- no item\n\n| no | table |\n> no quote \t`tick`"
PLAIN: Final = {
    "prose": "\n\n".join("A red circle lies beside a blue star. " * 6 + f"So {number}." for number in range(9)),
    "one line": "A red circle lies beside a blue star. " * 90 + "So.",
    "code": "```python\n" + "\n".join(f"{MARKS} {number}" for number in range(40)) + "\n```",
    "table": "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | word |" for number in range(300)),
    "wide": "漢字と絵文字。" * 60 + "\n\n" + "```\n" + "表示 幅\n" * 20 + "```",
}
"""Texts that are shown as they were written."""


def _settings() -> GenerationSettings:
    return GenerationSettings(max_new_tokens=20_000)


async def _streamed(pilot: Pilot[ChatError], desk: Desk, model: HeldGenerator, words: int) -> None:
    """Let so many words be said, and see them shown."""
    before = desk.screen.session.reply_tokens
    model.let(words)
    await until(
        pilot, lambda: desk.screen.session.reply_tokens >= before + words or not desk.screen.session.is_replying
    )
    await until(pilot, lambda: not desk.screen._is_stale)


async def _finished(pilot: Pilot[ChatError], desk: Desk, model: HeldGenerator) -> ReplyText:
    model.free()
    await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
    await until(pilot, lambda: not desk.screen.query("ReplyText > PiecedText"))
    return desk.screen.query_one(ReplyText)


@pytest.mark.parametrize("kind", PLAIN)
async def test_what_is_shown_of_a_streamed_reply_is_what_is_stored(make_desk: MakeDesk, kind: str) -> None:
    model = HeldGenerator(PLAIN[kind])
    desk = make_desk(generator=model, settings=_settings())
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        for _ in range(2):
            await _streamed(pilot, desk, model, 60)
        reply = await _finished(pilot, desk, model)
        assert desk.turns()[-1][1] == PLAIN[kind]
        assert shown_text(reply) == PLAIN[kind]


async def test_ends_of_lines_are_ends_of_lines_whatever_they_are(make_desk: MakeDesk) -> None:
    text = "One\r\nline.\r\n\r\n- a\r\n- b\r\n\r\n```\r\nx\r\n```"
    model = HeldGenerator(text)
    desk = make_desk(generator=model, settings=_settings())
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        reply = await _finished(pilot, desk, model)
        assert desk.turns()[-1][1] == text
        assert shown_text(reply) == "One\nline.\n\n• a\n• b\n\n```\nx\n```"
        assert "␍" not in desk.shown()


async def test_a_block_that_has_ended_is_markdown_while_the_reply_goes_on(make_desk: MakeDesk) -> None:
    model = HeldGenerator("- one **two** three\n\nand then\n\n```python\nx = 1\n```\n\nmore **and** more")
    desk = make_desk(generator=model, settings=_settings())
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        await _streamed(pilot, desk, model, 5)
        await until(pilot, lambda: "• one two three" in desk.shown())
        assert desk.screen.session.is_replying
        await _streamed(pilot, desk, model, 3)
        await until(pilot, lambda: desk.screen.query(CodeBlock))
        first = desk.screen.query_one("FlowText")
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        await until(pilot, lambda: "more and more" in desk.shown())
        assert desk.screen.query("FlowText").first() is first
        assert "**" not in desk.shown()
        assert "python" in desk.shown()


async def test_only_the_reply_grows(make_desk: MakeDesk) -> None:
    model = HeldGenerator(PLAIN["prose"] + "\n\n- a\n- b\n\n" + PLAIN["code"])
    desk = make_desk(generator=model, settings=_settings())
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        await _streamed(pilot, desk, model, 5)
        places, heights = [], []
        for _ in range(8):
            await _streamed(pilot, desk, model, 60)
            foot = [desk.screen.query_one(name).region for name in ("StatusRow", "Composer", "Footer")]
            places.append(foot)
            heights.append(desk.screen.query_one(ReplyText).region.height)
        assert all(place == places[0] for place in places)
        assert heights == sorted(heights)
        await _finished(pilot, desk, model)
        assert desk.screen.query_one(ReplyText).region.height >= heights[-1]


async def test_an_opened_reply_looks_as_it_did_when_it_had_been_streamed(make_desk: MakeDesk) -> None:
    text = "\n\n".join(["# Shapes", "A **red** circle.", "1. one\n2. two", PLAIN["code"], "> quote", "end"])
    model = HeldGenerator(text)
    desk = make_desk(generator=model, settings=_settings())
    async with desk.app.run_test(size=(80, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        for _ in range(5):
            await _streamed(pilot, desk, model, 30)
        reply = await _finished(pilot, desk, model)
        streamed = (shown_text(reply), reply.region.height)
        session_id = desk.screen.session.id
        await desk.screen.change_session(None)
        await desk.screen.change_session(session_id)
        await until(pilot, lambda: desk.screen.query(ReplyText) and desk.screen.query_one(ReplyText).region)
        reply = desk.screen.query_one(ReplyText)
        assert (shown_text(reply), reply.region.height) == streamed


async def test_nothing_in_code_steers_the_terminal(make_desk: MakeDesk) -> None:
    desk = make_desk("```\x1b]52;c;x\x07\na\x9b2J\n```")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Code?")
        await until(pilot, lambda: desk.screen.query(CodeBlock) and desk.state().endswith("ready"))
        shown = "".join(str(static.visual) for static in desk.screen.query_one(CodeBlock).query(Static))
        assert "␛" in shown
        assert "\x1b" not in shown
        assert "\x9b" not in shown
