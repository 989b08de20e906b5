"""What is no picture, or too large a one, is refused at once, in one line that names the file and the cure."""

import os
import socket
import time
from pathlib import Path

import pytest

from chat.images import MOST_BYTES, open_image, read_image
from tests.pictures import KINDS, png_of_size, refusal


def special_files(folder: Path) -> dict[str, Path]:
    """Things that have a path and are no picture."""
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "gone")
    (folder / "to zero").symlink_to("/dev/zero")
    with (folder / "sparse").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with (folder / "huge").open("wb") as file:
        file.truncate(2**40)
    (folder / "empty").write_bytes(b"")
    (folder / "words.png").write_text("These are words.")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(folder / "socket"))
    listener.close()
    long, nul = folder / ("x" * 5000), folder / "nul\0.png"
    return {
        **{path.name: path for path in folder.iterdir()},
        "long": long,
        "nul": nul,
        "zero": Path("/dev/zero"),
        "null": Path("/dev/null"),
        "under a file": folder / "words.png" / "a.png",
        "missing": folder / "gone.png",
        "half": folder / "\ud800.png",
    }


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("folder", "folder: is a folder: name a file in it"),
        ("pipe", "pipe: is a pipe, a socket or a device: name an ordinary file"),
        ("socket", "socket: is a pipe, a socket or a device: name an ordinary file"),
        ("zero", "zero: is a pipe, a socket or a device: name an ordinary file"),
        ("null", "null: is a pipe, a socket or a device: name an ordinary file"),
        ("to zero", "to zero: is a pipe, a socket or a device: name an ordinary file"),
        ("loop", "loop: the link leads back to itself: name the file it should stand for"),
        ("dangling", "dangling: the link leads to a file that is gone: name the file itself"),
        ("missing", "gone.png: there is no such file: check the name"),
        ("under a file", "a.png: there is no such file: check the name"),
        ("long", "x: the path is too long: move the file where its path is shorter"),
        ("nul", "nul␀.png: no file can have this name: check it"),
        ("half", "<U+D800>.png: no file can have this name: check it"),
        ("sparse", "sparse: is larger than 20.0 MiB: make a smaller copy"),
        ("huge", "huge: is larger than 20.0 MiB: make a smaller copy"),
        ("empty", "empty: the file is empty: copy it again"),
        ("words.png", "words.png: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of these"),
    ],
)
def test_what_is_no_picture_file_is_refused_at_once(
    which: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = special_files(tmp_path)[which]
    open_files = len(os.listdir("/proc/self/fd"))
    started = time.monotonic()
    message = refusal(lambda: open_image(path))
    assert time.monotonic() - started < 0.5
    assert message.endswith(reason)
    assert len(message) < 260
    assert len(os.listdir("/proc/self/fd")) == open_files


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (50_000, 50_000, "has hundreds of millions of pixels, the most is 50,000,000"),
        (12_000, 12_000, "has 144,000,000 pixels, the most is 50,000,000"),
        (10_000, 5_001, "has 50,010,000 pixels, the most is 50,000,000"),
        (20_001, 1, "has a side of 20,001 pixels, the most is 20,000"),
        (1, 20_001, "has a side of 20,001 pixels, the most is 20,000"),
    ],
)
def test_a_picture_that_would_fill_the_memory_is_refused_undecoded(width: int, height: int, reason: str) -> None:
    assert refusal(lambda: read_image(png_of_size(width, height), "bomb.png")).startswith(f"bomb.png: {reason}: make")


def test_more_bytes_than_a_file_may_have_are_refused() -> None:
    data = KINDS["png"] + bytes(MOST_BYTES)
    assert refusal(lambda: read_image(data, "a.png")).startswith("a.png: is larger than 20.0 MiB: make")


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    data = KINDS["progressive jpeg"]
    assert refusal(lambda: read_image(data[:-2] + b"\xff\xda" * 60 + data[-2:], "slow.jpg")).startswith(
        "slow.jpg: is drawn in more than 50 passes"
    )


def test_a_hostile_name_is_shown_harmlessly() -> None:
    message = refusal(lambda: read_image(b"words", "\x1b]0;x\a\u202e" * 100))
    assert message.startswith("␛]0;x␇<U+202E>")
    assert len(message) < 260
