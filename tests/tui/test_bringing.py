"""Pictures from the clipboard and from the web: brought when somebody asks, and at no other time."""

import asyncio
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import Input

from chat.conversation import Image, Text
from chat.store import SqliteStore
from chat.tui.screens.attach import AttachScreen
from chat.tui.screens.bringing import URL_HINT
from chat.tui.widgets.message_input import MessageInput, Place
from tests.tui.doubles import Desk, ready, saved, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


class FakeClipboard:
    """Stands for `wl-paste` as a program in the path; it answers when it is let."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gate = folder / "open"
        self._offered = folder / "offered"

    def hold(self, kind: str, content: bytes, *, is_open: bool = True) -> None:
        """Have something in the clipboard."""
        self._offered.write_bytes(content)
        program = self._folder / "wl-paste"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys, time\n"
            f"while not pathlib.Path({str(self._gate)!r}).exists():\n    time.sleep(0.01)\n"
            f"if '--list-types' in sys.argv:\n    print({kind!r})\n"
            f"else:\n    sys.stdout.buffer.write(pathlib.Path({str(self._offered)!r}).read_bytes())\n"
        )
        program.chmod(0o700)
        if is_open:
            self.let()

    def let(self) -> None:
        """Let it answer."""
        self._gate.touch()


@pytest.fixture
def clipboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClipboard:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    for name in ("DISPLAY", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    return FakeClipboard(folder)


class Web(http.server.ThreadingHTTPServer):
    """Serves one picture, and remembers what was asked."""

    daemon_threads = True

    def __init__(self, picture: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.picture = picture
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/cat.png"


class _Answering(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.gate.wait(10)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.picture)))
        self.end_headers()
        self.wfile.write(self.server.picture)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(scene_image: MakeImage) -> Iterator[Web]:
    with Web(scene_image(1).read()) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.gate.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as the internet, which no test reaches."""
    monkeypatch.setattr("chat.fetching._is_of_internet", lambda address: True)


def _names(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


async def test_ctrl_v_attaches_the_picture_in_the_clipboard_and_keeps_it_at_once(
    make_desk: MakeDesk, clipboard: FakeClipboard, scene_image: MakeImage, store: SqliteStore
) -> None:
    picture = scene_image(1)
    clipboard.hold("image/png", picture.read())
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+v")
        await until(pilot, lambda: _names(desk))
        (name,) = _names(desk)
        assert name.startswith("clipboard-")
        assert name.endswith(".png")
        kept = store.add_image(picture.read(), picture)
        assert kept.read() == picture.read()
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert "clipboard-" in desk.shown()


async def test_what_is_typed_while_the_clipboard_is_looked_up_keeps_its_place(
    make_desk: MakeDesk, clipboard: FakeClipboard
) -> None:
    clipboard.hold("UTF8_STRING", b"two cats", is_open=False)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press(*"ab", "ctrl+v", *"cd")
        assert desk.text() == "abcd"
        await pilot.press("home", "X")
        clipboard.let()
        await until(pilot, lambda: desk.text() == "Xabtwo catscd")
        # The cursor is where it was.
        await pilot.press("Y")
        assert desk.text() == "XYabtwo catscd"


async def test_enter_waits_for_what_is_pasted(make_desk: MakeDesk, clipboard: FakeClipboard) -> None:
    clipboard.hold("UTF8_STRING", b"cats", is_open=False)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press(*"Two ", "ctrl+v", "enter")
        await until(pilot, lambda: "Reading the picture" in desk.notice())
        assert desk.turns() == []
        clipboard.let()
        await until(pilot, lambda: desk.turns()[:1] == [("user", "Two cats")])


async def test_text_that_was_copied_here_is_pasted_where_there_is_no_picture(
    make_desk: MakeDesk, clipboard: FakeClipboard
) -> None:
    clipboard.hold("UTF8_STRING", b"of another program")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        desk.app.copy_to_clipboard("copied here")
        await pilot.press("ctrl+v")
        await until(pilot, lambda: desk.text() == "copied here")


async def test_copied_files_are_attached(
    make_desk: MakeDesk, clipboard: FakeClipboard, scene_image: MakeImage, tmp_path: Path
) -> None:
    paths = [saved(scene_image(number), tmp_path, f"{number}.png") for number in (1, 2)]
    clipboard.hold("text/uri-list", "\r\n".join(path.as_uri() for path in paths).encode())
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/paste")
        await until(pilot, lambda: _names(desk) == ["1.png", "2.png"])


async def test_copied_files_go_to_no_other_conversation(
    make_desk: MakeDesk, clipboard: FakeClipboard, tmp_path: Path, scene_image: MakeImage
) -> None:
    path = saved(scene_image(1), tmp_path, "one.png")
    clipboard.hold("text/uri-list", path.as_uri().encode(), is_open=False)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await pilot.press("ctrl+v", "ctrl+n")
        await until(pilot, lambda: desk.screen.session.is_empty)
        clipboard.let()
        await until(pilot, lambda: "another conversation is open" in desk.notice())
        assert not _names(desk)


async def test_over_ssh_it_is_said_what_is_possible(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "What is")
        await pilot.press("ctrl+v")
        sentence = "No picture in this machine's clipboard. Over SSH: drop the file's path, or scp it here."
        await until(pilot, lambda: sentence in desk.notice())
        assert desk.text() == "What is"


def test_a_place_moves_with_what_is_typed_before_it_alone() -> None:
    place = Place(3)
    place.edited(3, 3, 1)
    assert place.index == 3
    place.edited(0, 0, 2)
    assert place.index == 5
    place.edited(4, 5, 0)
    assert place.index == 4
    place.edited(2, 9, 1)
    assert place.index == 2


@pytest.mark.usefixtures("everywhere")
async def test_an_address_stays_text_until_somebody_asks_for_its_picture(
    make_desk: MakeDesk, web: Web, store: SqliteStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        desk.screen.query_one(MessageInput).post_message(Paste(f"Is {web.url} a cat?"))
        await until(pilot, lambda: URL_HINT in desk.notice())
        assert (desk.text(), web.asked) == (f"Is {web.url} a cat?", [])
        await pilot.press("ctrl+o")
        await until(pilot, lambda: _names(desk) == ["cat.png"])
        assert desk.text() == "Is [1] a cat?"
        assert web.asked == ["/cat.png"]
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    before, image, after = store.turns(latest.id)[0].turn.parts
    assert (before, after) == (Text("Is "), Text(" a cat?"))
    assert isinstance(image, Image)
    assert image.read() == web.picture
    assert web.asked == ["/cat.png"]


async def test_an_address_that_is_sent_is_asked_for_by_nobody(make_desk: MakeDesk, web: Web) -> None:
    desk = make_desk(f"See ![a cat]({web.url}).")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, web.url)
        await until(pilot, lambda: len(desk.turns()) == 2)
        await pilot.pause(0.1)
    assert web.asked == []


async def test_an_address_of_this_machine_is_fetched_only_where_that_is_said(make_desk: MakeDesk, web: Web) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/image {web.url}")
        await until(pilot, lambda: "leads into this machine or its own network" in desk.notice())
        assert (desk.text(), web.asked) == (f"/image {web.url}", [])
        desk.screen.composer.take()
        await send(pilot, desk, f"/image --local {web.url}")
        await until(pilot, lambda: _names(desk) == ["cat.png"])
        assert (desk.text(), web.asked) == ("", ["/cat.png"])


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/a.png", "data:image/png;base64,AAAA", "HTTP://a\\@b"])
async def test_what_is_no_address_of_the_web_is_told_and_stays(make_desk: MakeDesk, address: str) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/image {address}")
        await until(pilot, lambda: address[:9] in desk.notice())
        assert desk.text() == f"/image {address}"


@pytest.mark.usefixtures("everywhere")
async def test_escape_leaves_a_fetch_and_nothing_comes_later(make_desk: MakeDesk, web: Web) -> None:
    web.gate.clear()
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, web.url)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: web.asked)
        assert "Fetching" in desk.notice()
        await pilot.press(*" and more")
        await pilot.press("escape")
        assert "The picture is left out" in desk.notice()
        web.gate.set()
        await asyncio.sleep(0.3)
        await pilot.pause()
        assert (_names(desk), desk.text()) == ([], f"{web.url} and more")


@pytest.mark.usefixtures("everywhere")
async def test_a_fetch_goes_to_no_other_conversation(make_desk: MakeDesk, web: Web, store: SqliteStore) -> None:
    web.gate.clear()
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, f"/image {web.url}")
        await until(pilot, lambda: web.asked)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.id is None)
        web.gate.set()
        await asyncio.sleep(0.2)
        await pilot.pause()
        assert (_names(desk), desk.text()) == ([], "")
        latest = store.latest_session()
        assert latest is not None
        assert store.draft(latest.id).text == web.url


async def test_without_an_address_in_the_message_ctrl_o_opens_the_files(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "no address: example.org/cat.png")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen) and desk.app.screen.query(Input))
