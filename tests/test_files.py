"""Files are read up to a limit and written whole or not at all; what their holders do is tested with them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.errors import InputError, TranscriptError
from chat.files import byte_size, read_file, read_lines, write_file, write_pieces


def test_a_file_of_just_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "ten").write_bytes(b"0123456789")
    assert read_file(tmp_path / "ten", most_bytes=10, error=InputError) == b"0123456789"
    with pytest.raises(TranscriptError, match="ten: is larger than 9 bytes: make a smaller copy"):
        read_file(tmp_path / "ten", most_bytes=9, error=TranscriptError)


def test_a_file_that_says_it_is_empty_is_still_limited() -> None:
    with pytest.raises(InputError, match="/proc/self/status: is larger than 10 bytes"):
        read_file("/proc/self/status", most_bytes=10, error=InputError)


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(InputError, match="exists already"):
        write_file(tmp_path / "link", b"new", overwrite=False, error=InputError)
    write_file(tmp_path / "link", b"new", overwrite=True, error=InputError)
    assert (tmp_path / "target").read_text() == "mine"
    assert (tmp_path / "link").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (2**20 - 1, "1024.0 KiB"),
        (5 * 2**19, "2.5 MiB"),
        (3 * 2**29, "1.5 GiB"),
    ],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert byte_size(count) == words


def test_lines_are_read_one_after_the_other_up_to_a_length(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"one\n\ntwo, without an end")
    assert [*read_lines(tmp_path / "lines", most_bytes=20, error=InputError)] == [
        b"one\n",
        b"\n",
        b"two, without an end",
    ]
    with pytest.raises(TranscriptError, match="lines: line 3 is longer than 18 bytes: make it shorter"):
        [*read_lines(tmp_path / "lines", most_bytes=18, error=TranscriptError)]
    with pytest.raises(InputError, match="is a folder: name a file in it"):
        [*read_lines(tmp_path, most_bytes=20, error=InputError)]


def test_pieces_become_a_whole_file_or_none(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise InputError("no more")

    path = tmp_path / "file"
    with pytest.raises(InputError, match="no more"):
        write_pieces(path, broken(), overwrite=False, error=InputError)
    assert not [*tmp_path.iterdir()]
    write_pieces(path, [b"a", b"b"], overwrite=False, error=InputError)
    write_pieces(path, iter([b"ab"]), overwrite=False, error=InputError)
    with pytest.raises(TranscriptError, match="file: exists already: choose another name, or give --overwrite"):
        write_pieces(path, [b"other"], overwrite=False, error=TranscriptError)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"ab")]
    write_pieces(path, [b"other"], overwrite=True, error=InputError)
    assert path.read_bytes() == b"other"
    assert path.stat().st_mode & 0o777 == 0o600
