"""The clipboard, by programs that stand for `wl-paste` and `xclip`."""

import sys
from pathlib import Path

import pytest

from chat import clipboard
from chat.clipboard import read_clipboard
from tests.pictures import encoded, noise

PICTURE = encoded(noise())


class Tools:
    """Programs in a folder of their own; each offers what lies there, and writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": f"{folder}"}

    def offer(self, program: str, **offered: bytes) -> None:
        """Have a program offer contents, by types whose slashes and the like are written as underscores."""
        types = {"image_png": "image/png", "image_jpeg": "image/jpeg", "uris": "text/uri-list", "text": "UTF8_STRING"}
        contents = {types[name]: content for name, content in offered.items()}
        script = self.folder / program
        script.write_text(
            f"#!{sys.executable}\nimport sys\nasked, contents = sys.argv[1:], {contents!r}\n"
            "if '--list-types' in asked or 'TARGETS' in asked:\n"
            "    print(*contents, sep='\\n')\n    sys.exit(not contents)\n"
            "kind = next((one for one in contents if one in asked), None)\n"
            "if kind is None:\n    sys.exit(1)\nsys.stdout.buffer.write(contents[kind])\n"
        )
        script.chmod(0o700)

    def script(self, program: str, text: str) -> None:
        """A program that does something else."""
        script = self.folder / program
        script.write_text(f"#!{sys.executable}\n{text}\n")
        script.chmod(0o700)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Tools(folder)


@pytest.mark.parametrize(("program", "display"), [("wl-paste", "WAYLAND_DISPLAY"), ("xclip", "DISPLAY")])
def test_a_picture_comes_byte_by_byte_and_is_called_by_the_time(tools: Tools, program: str, display: str) -> None:
    tools.offer(program, text=b"words", image_png=PICTURE)
    found = read_clipboard(tools.environ | {display: "0"})
    assert found.image is not None
    assert found.image.read() == PICTURE
    assert found.image.name.startswith("clipboard-")
    assert len(found.image.name) == len("clipboard-HHMMSS.png")


def test_under_wayland_without_its_program_the_other_one_is_asked(tools: Tools) -> None:
    tools.offer("xclip", image_png=PICTURE)
    found = read_clipboard(tools.environ | {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"})
    assert found.image is not None


def test_copied_files_come_as_their_paths(tools: Tools, tmp_path: Path) -> None:
    first, second = tmp_path / "my cat.png", tmp_path / "b.png"
    for path in (first, second):
        path.write_bytes(PICTURE)
    uris = f"# copied\r\nfile://{str(first).replace(' ', '%20')}\r\nfile://{second}\r\n"
    tools.offer("wl-paste", uris=uris.encode(), image_png=PICTURE)
    assert read_clipboard(tools.environ | {"WAYLAND_DISPLAY": "0"}).paths == (first, second)


def test_an_address_that_was_copied_with_a_picture_is_not_asked_for(tools: Tools) -> None:
    tools.offer("wl-paste", uris=b"http://127.0.0.1:9/a.png", image_png=PICTURE)
    found = read_clipboard(tools.environ | {"WAYLAND_DISPLAY": "0"})
    assert (found.paths, found.image is not None) == ((), True)


def test_text_is_text_and_why_there_is_no_picture_is_told(tools: Tools) -> None:
    tools.offer("xclip", text="zwei Wörter".encode())
    found = read_clipboard(tools.environ | {"DISPLAY": ":0"})
    assert (found.text, found.problem) == ("zwei Wörter", "No picture in this machine's clipboard.")


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"SSH_CONNECTION": "1 2 3 4"},
            "No picture in this machine's clipboard. Over SSH: drop the file's path, or scp it here.",
        ),
        ({}, "No picture in this machine's clipboard. There is no display: drop the file's path."),
        (
            {"DISPLAY": ":0"},
            "No picture in this machine's clipboard. It is read with wl-paste or xclip: install the one for your "
            "display.",
        ),
    ],
)
def test_what_is_missing_is_named(tools: Tools, environ: dict[str, str], problem: str) -> None:
    assert read_clipboard(tools.environ | environ).problem == problem


def test_over_ssh_with_a_display_handed_on_it_is_looked_at(tools: Tools) -> None:
    environ = tools.environ | {"SSH_TTY": "/dev/pts/1", "DISPLAY": "localhost:10"}
    tools.offer("xclip")
    assert "Over SSH: drop the file's path, or scp it here." in read_clipboard(environ).problem
    tools.offer("xclip", image_png=PICTURE)
    assert read_clipboard(environ).image is not None


def test_a_picture_that_is_damaged_is_told(tools: Tools) -> None:
    tools.offer("xclip", image_png=PICTURE[:30])
    found = read_clipboard(tools.environ | {"DISPLAY": ":0"})
    assert found.image is None
    assert found.problem.startswith("No picture in this machine's clipboard that can be used: clipboard-")


def test_a_program_that_hangs_or_never_ends_is_left(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "MOST_S", 0.3)
    tools.script("xclip", "import time\ntime.sleep(60)")
    assert read_clipboard(tools.environ | {"DISPLAY": ":0"}).problem
    monkeypatch.setattr(clipboard, "MOST_S", 30)
    tools.script("wl-paste", "import sys\nwhile True:\n    sys.stdout.buffer.write(bytes(2**20))")
    assert read_clipboard(tools.environ | {"WAYLAND_DISPLAY": "0"}).problem
