"""Pictures that take a while to read: the message that was meant to have them waits, or says why not."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste

from chat.conversation import Image, user_turn
from chat.drafts import Draft
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import FACTS, Desk, Gates, HeldLoader, ready, saved, send, until, workers_done, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


def _paste(desk: Desk, path: Path) -> None:
    desk.screen.query_one(MessageInput).post_message(Paste(str(path)))


def _names(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


async def test_a_message_waits_for_its_picture(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates, store: SessionStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _paste(desk, saved(scene_image(1), tmp_path, "a.png"))
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        assert desk.turns() == []
        assert desk.text() == "What is this?"
        gates.let("a.png")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert desk.text() == desk.notice() == ""
        assert _names(desk) == []
    latest = store.latest_session()
    assert latest is not None
    assert [image.name for image in store.turns(latest.id)[0].turn.images] == ["a.png"]


async def test_a_message_waits_for_all_its_pictures(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates, store: SessionStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _paste(desk, saved(scene_image(1), tmp_path, "a.png"))
        _paste(desk, saved(scene_image(2), tmp_path, "b.png"))
        await send(pilot, desk, "What are these?")
        gates.let("b.png")
        await until(pilot, lambda: _names(desk) == ["b.png"])
        assert desk.turns() == []
        assert "Reading the picture" in desk.notice()
        gates.let("a.png")
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    assert {image.name for image in store.turns(latest.id)[0].turn.images} == {"a.png", "b.png"}


async def test_a_message_whose_picture_cannot_be_read_stays_and_says_why(
    make_desk: MakeDesk, tmp_path: Path, gates: Gates
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _paste(desk, path)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        gates.let("a.png")
        await until(pilot, lambda: "a.png: is no PNG" in desk.notice())
        assert "What is this?" in desk.text()
    assert desk.turns() == []


async def test_a_message_that_goes_on_while_it_waits_is_not_sent_in_half(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _paste(desk, saved(scene_image(1), tmp_path, "a.png"))
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        await write(pilot, desk, " And wh")
        gates.let("a.png")
        await until(pilot, lambda: "enter sends" in desk.notice())
        assert desk.text() == "What is this? And wh"
        assert _names(desk) == ["a.png"]
        assert desk.turns() == []
        await write(pilot, desk, "ere?")
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)


async def test_escape_waits_no_longer(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates, store: SessionStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _paste(desk, saved(scene_image(1), tmp_path, "a.png"))
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        await pilot.press("escape")
        await until(pilot, lambda: "left out" in desk.notice())
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
        gates.let("a.png")
        await workers_done(pilot)
        await pilot.pause()
        assert _names(desk) == []


@pytest.mark.parametrize("how", ["pasted", "chosen"])
async def test_a_picture_read_too_late_goes_into_no_other_session(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates, store: SessionStore, how: str
) -> None:
    other = store.new_session()
    store.add_user_turn(other, user_turn("Other"))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        path = saved(scene_image(1), tmp_path, "a.png")
        if how == "pasted":
            _paste(desk, path)
        else:
            desk.screen.attach_paths([path])
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        await desk.screen.change_session(other)
        gates.let("a.png")
        await workers_done(pilot)
        await until(pilot, lambda: how == "pasted" or "a.png was not attached" in desk.notice())
        assert _names(desk) == []
        assert desk.text() == ""
        await pilot.press("ctrl+n")
        kept = f"{path}\n\nWhat is this?" if how == "pasted" else "What is this?"
        await until(pilot, lambda: desk.text() == kept)
    assert [turn.turn.text for turn in store.turns(other)] == ["Other"]


async def test_an_example_waits_for_nothing_and_says_so(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates
) -> None:
    desk = make_desk(is_demonstration=True, samples=lambda: [scene_image(2, name="sample.png")])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: _names(desk) == ["sample.png"])
        _paste(desk, saved(scene_image(1), tmp_path, "a.png"))
        await pilot.press("enter")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        await pilot.press("up", "enter")
        await until(pilot, lambda: "still being read" in desk.notice())
        gates.let("a.png")
        await until(pilot, lambda: _names(desk) == ["a.png"])
    assert desk.turns() == []


async def test_a_sample_that_comes_after_the_first_message_is_not_attached_to_the_next(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    gate = threading.Event()

    def slow_samples() -> list[Image]:
        gate.wait(10)
        return [scene_image(1)]

    loader = HeldLoader(ScriptedGenerator(["Hello."], facts=FACTS))
    desk = make_desk(load=loader, is_demonstration=True, samples=slow_samples)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "Hi")
        gate.set()
        await until(pilot, lambda: desk.screen.welcome.shown_sample)
        assert not _names(desk)


async def test_a_sample_that_comes_in_the_moment_of_sending_is_not_attached_to_the_next(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    image = scene_image(1)
    desk = make_desk(is_demonstration=True, samples=lambda: [image])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: desk.screen.composer.draft.images == (image,))
        await desk.screen.submit(Draft("Hi"))
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert not _names(desk)
