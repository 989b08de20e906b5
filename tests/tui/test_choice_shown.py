"""How ranked labels are shown: in any width, with what they were ranked by, and whatever they hold."""

import asyncio
from collections.abc import Callable

import pytest

from chat.conversation import Image
from chat.generation import CheckpointFacts
from chat.scripted import ScriptedGenerator
from tests.tui.doubles import FACTS, Desk, ready, send, until

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


@pytest.mark.parametrize(("size", "bar"), [((80, 24), 16), ((46, 24), 0), ((30, 20), 0), ((20, 5), 0)])
async def test_rows_fit_the_window(
    make_desk: MakeDesk, scene_image: MakeImage, size: tuple[int, int], bar: int
) -> None:
    desk = make_desk(images=[scene_image(1)])
    async with desk.app.run_test(size=size) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose a cat | a label that is by far too long to be shown | 猫" + "猫" * 30)
        await until(pilot, lambda: desk.screen.session.choices)
        await until(pilot, lambda: size == (20, 5) or "not added" in " ".join(desk.shown().split()))
        rows = [line for line in desk.shown().splitlines() if "%" in line]
        assert size == (20, 5) or len(rows) == 3
        assert all(row.count("━") + row.count("─") == bar for row in rows)
        assert len({row.rstrip()[-8:].find("%") for row in rows}) <= 2


async def test_what_stays_of_the_history_is_told(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    model = ScriptedGenerator(["Yes."] * 3, facts=FACTS)
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, desk)
        for number in (1, 2):
            await send(pilot, desk, "What is it?")
            await until(pilot, lambda number=number: len(desk.turns()) == 2 * number)  # type: ignore[misc]
        await send(pilot, desk, "/drop")
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "the history without the oldest message · not added" in desk.shown())
    assert model.scored[-1].images == ()


async def test_labels_that_do_not_fit_are_not_ranked(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    model = ScriptedGenerator([], facts=CheckpointFacts("small", context_length=30))
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose " + " | ".join(f"label {number}" for number in range(20)))
        await until(pilot, lambda: "does not fit" in desk.notice())
        await asyncio.sleep(0)
        assert desk.text().startswith("/choose label 0 | label 1")
    assert not model.scored


async def test_two_pictures_and_a_hostile_label(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    images = [scene_image(1, name="one.png"), scene_image(2, name="two.png")]
    desk = make_desk(images=images)
    async with desk.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose [red]cat[/] \x1b[2J | <end_of_utterance>")
        await until(pilot, lambda: "pictures [1] to [2] before any message" in desk.shown())
        assert "[red]cat[/]" in desk.shown()
        assert "\x1b[2J" not in desk.shown()
