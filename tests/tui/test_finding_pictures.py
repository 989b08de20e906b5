"""Sessions are found by a picture in the search line, and what is wrong with the file is said there."""

import threading
from pathlib import Path

import PIL.Image
import pytest
from PIL import ImageDraw
from textual.events import Paste

from chat.conversation import Image, user_turn
from chat.images import open_image
from chat.session import SessionStore
from chat.store import kept_pictures
from chat.tui.widgets.session_keys import SearchLine
from tests.tui.doubles import Desk, ready, until
from tests.tui.test_finding import MakeDesk, rows, talk


def drawn(path: Path, size: tuple[int, int] = (120, 90)) -> Image:
    picture = PIL.Image.new("RGB", (120, 90), "grey")
    ImageDraw.Draw(picture).ellipse((20, 20, 60, 60), fill="red")
    ImageDraw.Draw(picture).rectangle((70, 40, 110, 80), fill="blue")
    picture.resize(size).save(path)
    return open_image(path)


def line_of(desk: Desk) -> SearchLine:
    return desk.app.screen.query_one(SearchLine)


async def test_a_picture_finds_the_sessions_that_hold_it_or_a_copy(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    same = drawn(tmp_path / "my shapes.png")
    talk(store, ("The copy?", "Yes."), image=drawn(tmp_path / "copy.jpg", (80, 60)))
    found = talk(store, ("Hello", "Hi."), *((f"Question {n}", "No.") for n in range(20)))
    talk(store, ("No picture", "Yes."))
    first = store.turns(found)[0].id
    # In a branch of its own, which the list opens.
    store.add_version(first, user_turn(same))
    store.show_branch(found, first)
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 3)
        line_of(desk).value = 'image:"my'
        await until(pilot, lambda: "my: there is no such file: check the name" in desk.shown())
        assert options.option_count == 3
        line_of(desk).value = 'image:"my shapes.png"'
        await until(pilot, lambda: options.option_count == 2 and "2 of 3 match" in desk.shown())
        assert "the same picture: my shapes.png" in desk.shown()
        assert "looks like it: copy.jpg" in desk.shown()
        line_of(desk).value += " copy"
        await until(
            pilot, lambda: options.option_count == 1 and "looks like it: copy.jpg · The «copy»?" in desk.shown()
        )
        line_of(desk).value = "image:."
        await until(pilot, lambda: "is a folder: name a file in it" in desk.shown())
        line_of(desk).value = ""
        await until(pilot, lambda: options.option_count == 3)
        # As a terminal gives a file that is dropped.
        desk.app.post_message(Paste(str(tmp_path / "my shapes.png").replace(" ", "\\ ")))
        await until(pilot, lambda: options.option_count == 2)
        assert line_of(desk).value == f'image:"{tmp_path}/my shapes.png"'
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.screen is desk.screen and desk.screen.session.id == found)
        assert [len(stored.turn.images) for stored in store.turns(found)] == [1]


async def test_the_list_says_how_far_the_comparing_is_and_other_words_end_it(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk(store, ("Hello", "Hi."), image=drawn(tmp_path / "one.png"))
    talk(store, ("Hello again", "Hi."), image=drawn(tmp_path / "two.jpg"))
    gate = threading.Event()
    looked_at: list[bytes] = []

    def slowly(data: bytes) -> str:
        if looked_at:
            gate.wait(10)
        looked_at.append(data)
        return ""

    monkeypatch.setattr(kept_pictures, "hash_or_none", slowly)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await rows(pilot, desk, 2)
        line_of(desk).value = "image:one.png"
        await until(pilot, lambda: "looking at pictures, 1 of 2" in desk.shown())
        line_of(desk).value = "again"
        await until(pilot, lambda: "1 of 2 match" in desk.shown())
        assert "looking at pictures" not in desk.shown()
        gate.set()
        await pilot.pause(0.1)
        assert options.option_count == 1
        assert "looking at pictures" not in desk.shown()
