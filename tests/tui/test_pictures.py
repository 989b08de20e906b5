"""Pictures: how they come into a message, what becomes of those that cannot, and how they are shown."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import Static

from chat.conversation import Image, Text, user_turn
from chat.drafts import Draft
from chat.errors import ImageError
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.pictures import PictureMode
from chat.tui.widgets.chips import Chip, RemoveSign
from chat.tui.widgets.figure import Figure, Receipt
from chat.tui.widgets.message_input import MessageInput
from chat.tui.widgets.picture import PictureView
from tests.tui.doubles import FACTS, Desk, HeldLoader, ready, saved, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


async def _paste(desk: Desk, text: str) -> None:
    desk.screen.query_one(MessageInput).post_message(Paste(text))


def _names(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


async def test_a_dropped_path_becomes_a_picture_and_goes_first(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, store: SessionStore
) -> None:
    path = saved(scene_image(1), tmp_path, "my cat.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await _paste(desk, f"'{path}'")
        await until(pilot, lambda: _names(desk) == ["my cat.png"])
        assert desk.text() == ""
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    image, text = store.turns(latest.id)[0].turn.parts
    assert isinstance(image, Image)
    assert image.read() == path.read_bytes()
    assert text == Text("What is this?")


async def test_pasted_words_stay_words(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await _paste(desk, "two\r\nlines and /tmp/nothing.png")
        await until(pilot, lambda: desk.text() == "two\nlines and /tmp/nothing.png")
        assert not _names(desk)


async def test_a_dropped_file_that_is_no_picture_stays_text_and_says_why(make_desk: MakeDesk, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(b"no picture")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "Look: ")
        await _paste(desk, str(path))
        await until(pilot, lambda: "scan.png: is no PNG" in desk.notice())
        assert desk.text() == f"Look: {path}"
        assert not _names(desk)


async def test_a_path_typed_as_the_message_attaches_the_picture(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path
) -> None:
    path = saved(scene_image(1), tmp_path, "a.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, str(path))
        await until(pilot, lambda: _names(desk) == ["a.png"])
        assert desk.text() == ""
    assert desk.turns() == []


async def test_a_message_that_begins_with_a_path_is_sent_with_the_picture(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, store: SessionStore
) -> None:
    picture = scene_image(1)
    path = saved(picture, tmp_path, "a b.png")
    desk = make_desk(samples=lambda: [scene_image(2)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"'{path}' what is it?")
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    sent = store.turns(latest.id)[0].turn
    assert sent.text == "what is it?"
    assert [image.name for image in sent.images] == ["a b.png"]


async def test_a_path_of_no_file_is_not_sent_as_text(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"{tmp_path}/gone.png")
        await until(pilot, lambda: "gone.png" in desk.notice())
        assert desk.text() == f"{tmp_path}/gone.png"
        assert desk.turns() == []
        desk.screen.query_one(MessageInput).text = ""
        await send(pilot, desk, f"{tmp_path}/other.png what is it?")
        await until(pilot, lambda: "other.png" in desk.notice())
        assert desk.text() == f"{tmp_path}/other.png what is it?"
        assert desk.turns() == []
        desk.screen.query_one(MessageInput).text = ""
        here = saved(scene_image(1), tmp_path, "here.png")
        await send(pilot, desk, f"{here} {tmp_path}/third.png which?")
        await until(pilot, lambda: "third.png" in desk.notice())
        assert desk.text() == f"{here} {tmp_path}/third.png which?"
        assert desk.turns() == []
        desk.screen.query_one(MessageInput).text = ""
        await send(pilot, desk, f" {tmp_path}/gone.png")
        await until(pilot, lambda: len(desk.turns()) == 2)


async def test_image_command_attaches_or_keeps_what_was_typed(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path
) -> None:
    path = saved(scene_image(1), tmp_path, "a b.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/image {tmp_path}/missing.png")
        await until(pilot, lambda: "missing.png" in desk.notice())
        assert desk.text() == f"/image {tmp_path}/missing.png"
        desk.screen.query_one(MessageInput).text = ""
        await send(pilot, desk, f"/image {path}")
        await until(pilot, lambda: _names(desk) == ["a b.png"])
        assert desk.text() == ""


async def test_marks_place_pictures_and_later_pictures_count_on(
    make_desk: MakeDesk, scene_image: MakeImage, store: SessionStore
) -> None:
    first, second, third = (scene_image(seed, name=f"{seed}.png") for seed in (1, 2, 3))
    desk = make_desk(images=[first])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        await desk.screen.composer.attach([second, third])
        await send(pilot, desk, "Compare [3] with [2], not [1]")
        await until(pilot, lambda: len(desk.turns()) == 4)
        assert "Compare [3] with [2], not [1]" not in desk.said()
        assert desk.said()[2] == "Compare [2] with [3], not [1]"
    latest = store.latest_session()
    assert latest is not None
    parts = store.turns(latest.id)[2].turn.parts
    assert parts == (Text("Compare "), third, Text(" with "), second, Text(", not [1]"))


async def test_backspace_before_the_text_takes_the_last_picture_out(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    images = [scene_image(seed, name=f"{seed}.png") for seed in (1, 2)]
    desk = make_desk(images=images)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: len(desk.screen.query(Chip)) == 2)
        await pilot.press("x", "backspace")
        assert len(_names(desk)) == 2
        await pilot.press("backspace")
        await until(pilot, lambda: _names(desk) == ["1.png"])


async def test_the_cross_takes_a_picture_out_and_marks_move_up(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    images = [scene_image(seed, name=f"{seed}.png") for seed in (1, 2)]
    desk = make_desk(images=images)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: len(desk.screen.query(RemoveSign)) == 2)
        await write(pilot, desk, "a [1] b [2]")
        await pilot.click(desk.screen.query(RemoveSign).first())
        await until(pilot, lambda: _names(desk) == ["2.png"])
        assert desk.text() == "a  b [1]"


async def test_a_picture_is_drawn_with_its_receipt(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    image = scene_image(1, name="scene.png")
    desk = make_desk(images=[image])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        receipt = desk.screen.query_one(Receipt)
        await until(pilot, lambda: " B" in str(receipt.visual) or " kB" in str(receipt.visual))
        shown = str(receipt.visual)
        assert shown.splitlines()[0] == "[1] scene.png"
        assert f"{image.width}×{image.height} · " in shown
        assert "model sees 224×224" in shown
        assert f"sha {image.digest[:8]}" in shown
        view = desk.screen.query_one("UserTurn PictureView", PictureView)
        await until(pilot, lambda: "▀" in desk.shown())
        assert view.size.width == 2 * view.size.height <= 20


async def test_of_many_pictures_the_first_are_drawn_and_the_rest_counted(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    desk = make_desk(images=[scene_image(seed) for seed in range(8)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert len(desk.screen.query(Figure)) == 3
        assert "+5 more" in desk.shown()


async def test_a_picture_whose_bytes_are_gone_says_so(make_desk: MakeDesk, store: SessionStore) -> None:
    def gone() -> bytes:
        raise ImageError("the picture is gone")

    image = Image("0" * 64, 64, 64, "gone.png", gone)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        stored = store.turns
        assert stored is not None
        from chat.records import StoredTurn

        await desk.screen.log_view.show_entries([(StoredTurn(1, user_turn(image, "What?"), "", None), 1)])
        desk.screen.log_view.display = True
        lost = f"[1] gone.png\nsha {'0' * 8}\n✕ picture [1] not found by digest"
        await until(pilot, lambda: str(desk.screen.query_one(Receipt).visual) == lost)


async def test_where_no_picture_can_be_drawn_words_stand_for_it(
    make_desk: MakeDesk, scene_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("figure", "chips", "welcome"):
        monkeypatch.setattr(f"chat.tui.widgets.{module}.picture_mode", lambda: PictureMode.TEXT)
    image = scene_image(1, name="scene.png")
    desk = make_desk(images=[image])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: f"[picture 1: scene.png, {image.width}x{image.height}]" in desk.shown())
        assert not desk.screen.query(PictureView)


async def test_a_first_run_shows_a_sample_and_answers_with_one_enter(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    samples = [scene_image(seed, name=f"sample-{seed}.png") for seed in (1, 2)]
    desk = make_desk(is_demonstration=True, samples=lambda: samples)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: _names(desk) == ["sample-1.png"])
        assert "demonstration" in desk.shown()
        assert "A full model  ctrl+l" in desk.shown()
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[0] == ("user", "What is in the picture?")


async def test_the_examples_are_above_the_composer_and_the_samples_beside_them(
    make_desk: MakeDesk, scene_image: MakeImage, store: SessionStore
) -> None:
    samples = [scene_image(seed, name=f"sample-{seed}.png") for seed in (1, 2)]
    desk = make_desk(is_demonstration=True, samples=lambda: samples)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: _names(desk) == ["sample-1.png"])
        await pilot.press("up", "right")
        await until(pilot, lambda: _names(desk) == ["sample-2.png"])
        await pilot.press("up", "enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[0] == ("user", "How many shapes are there?")
    latest = store.latest_session()
    assert latest is not None
    assert store.turns(latest.id)[0].turn.images == (samples[1],)


async def test_a_sample_nobody_used_is_no_draft(
    make_desk: MakeDesk, scene_image: MakeImage, store: SessionStore
) -> None:
    desk = make_desk(is_demonstration=True, samples=lambda: [scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: _names(desk))
        await pilot.press("ctrl+q")
    assert store.draft(None) == Draft()


async def test_the_sample_in_view_is_attached_to_every_new_conversation(
    make_desk: MakeDesk, scene_image: MakeImage, store: SessionStore
) -> None:
    store.add_user_turn(store.new_session(), user_turn("Hello"))
    desk = make_desk(is_demonstration=True, samples=lambda: [scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: _names(desk) == ["scene.png"])
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.is_empty and _names(desk) == ["scene.png"])


async def test_the_dialog_gives_the_typed_path(make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path) -> None:
    path = saved(scene_image(1), tmp_path, "a.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: desk.app.screen.query("#path"))
        desk.app.screen.query_one("#path").value = str(path)  # type: ignore[attr-defined]
        facts = desk.app.screen.query_one("#preview-facts", Static)
        await until(pilot, lambda: "a.png" in str(facts.visual))
        await pilot.press("enter")
        await until(pilot, lambda: _names(desk) == ["a.png"])


async def test_a_waiting_message_keeps_its_pictures(
    make_desk: MakeDesk, scene_image: MakeImage, store: SessionStore
) -> None:
    loader = HeldLoader(ScriptedGenerator(["Here."], facts=FACTS))
    image = scene_image(1, name="a.png")
    desk = make_desk(load=loader, images=[image])
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "[1] a.png" in desk.said()[-1])
        assert store.draft(None).images == (image,)
        await pilot.press("up")
        await until(pilot, lambda: _names(desk) == ["a.png"])
