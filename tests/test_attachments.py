"""Dropped files are recognised however a terminal pastes them; prose is not."""

from pathlib import Path

import pytest

from chat.attachments import dropped_paths, leading_pictures, missing_picture, url_in

NAMES = ("a.png", "b c.jpg", "it's.png", "50% (1).webp", "é.gif", 'q"d.bmp', "notes", "back\\slash.png", "#1.PNG")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of awkward names, which is also the working folder and the home."""
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "album").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("pasted", "names"),
    [
        ("DIR/a.png", ["a.png"]),
        ("  DIR/a.png \n", ["a.png"]),
        ("DIR/b c.jpg", ["b c.jpg"]),
        (r"DIR/b\ c.jpg", ["b c.jpg"]),
        ("'DIR/b c.jpg'", ["b c.jpg"]),
        ('"DIR/b c.jpg"', ["b c.jpg"]),
        ("'DIR/it'\\''s.png'", ["it's.png"]),
        ("DIR/it's.png", ["it's.png"]),
        (r"DIR/it\'s.png", ["it's.png"]),
        (r"DIR/50%\ \(1\).webp", ["50% (1).webp"]),
        (r"DIR/q\"d.bmp", ['q"d.bmp']),
        ("DIR/back\\slash.png", ["back\\slash.png"]),
        ("DIR/#1.PNG", ["#1.PNG"]),
        ("DIR/notes", ["notes"]),
        ("file://DIR/b%20c.jpg", ["b c.jpg"]),
        ("file://localhostDIR/b%20c.jpg", ["b c.jpg"]),
        ("file:DIR/b%20c.jpg", ["b c.jpg"]),
        ("file://DIR/%C3%A9.gif", ["é.gif"]),
        ("file://DIR/50%25%20(1).webp", ["50% (1).webp"]),
        ("file://DIR/a.png\r\nfile://DIR/b%20c.jpg\r\n", ["a.png", "b c.jpg"]),
        ("DIR/a.png DIR/é.gif", ["a.png", "é.gif"]),
        ("'DIR/a.png' 'DIR/b c.jpg'", ["a.png", "b c.jpg"]),
        (r"DIR/a.png DIR/b\ c.jpg ", ["a.png", "b c.jpg"]),
        ("DIR/b c.jpg\nDIR/a.png", ["b c.jpg", "a.png"]),
        ("DIR/a.png\n\nDIR/a.png", ["a.png", "a.png"]),
        ("~/a.png", ["a.png"]),
        (r"~/b\ c.jpg", ["b c.jpg"]),
        ("a.png", ["a.png"]),
        ("#1.PNG", ["#1.PNG"]),
        ("./notes", ["notes"]),
        ("album/../a.png", ["a.png"]),
    ],
)
def test_every_way_a_terminal_pastes_a_file(pasted: str, names: list[str], folder: Path) -> None:
    found = dropped_paths(pasted.replace("DIR", str(folder)))
    assert [path.resolve() for path in found] == [folder / name for name in names]
    assert all(path.is_file() for path in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "notes",
        "What is in a.png?",
        "Is it red and/or blue?",
        "DIR/a.png what is this?",
        "What is this? DIR/a.png",
        "DIR/a.png\nWhat is this?",
        "don't",
        "DIR/a.png isn't",
        "DIR/gone.png",
        "DIR/a.png DIR/gone.png",
        "DIR",
        "DIR/album",
        "/help",
        "/",
        "~",
        "~/",
        "~nobody/a.png",
        "''",
        "\\",
        "DIR/a.png\x00",
        "/dev/null",
        "/dev/zero",
        "file://elsewhereDIR/a.png",
        "file://[::1/a.png",
        "file:",
        "file://",
        "file:///%00",
        "http://example.org/a.png",
        "//DIR/a.png",
        r"\\server\share\a.png",
        "/" + "x" * 5000 + ".png",
        "DIR/a.png " * 20_000,
    ],
)
def test_words_stay_words(text: str, folder: Path) -> None:
    assert dropped_paths(text.replace("DIR", str(folder))) == []


@pytest.mark.parametrize(
    ("text", "names", "rest"),
    [
        ("DIR/a.png what is it?", ["a.png"], "what is it?"),
        ("  'DIR/b c.jpg'   isn't it red?\nAnd big? ", ["b c.jpg"], "isn't it red?\nAnd big?"),
        (r"DIR/b\ c.jpg DIR/a.png which?", ["b c.jpg", "a.png"], "which?"),
        ("a.png or é.gif?", ["a.png"], "or é.gif?"),
        ("file://DIR/b%20c.jpg What?", ["b c.jpg"], "What?"),
    ],
)
def test_a_message_may_begin_with_pictures(text: str, names: list[str], rest: str, folder: Path) -> None:
    paths, left = leading_pictures(text.replace("DIR", str(folder)))
    assert [path.name for path in paths] == names
    assert left == rest


@pytest.mark.parametrize(
    "text", ["what is DIR/a.png?", "DIR/gone.png what?", "DIR/notes what?", "isn't", "", "'", "\\"]
)
def test_other_messages_do_not(text: str, folder: Path) -> None:
    text = text.replace("DIR", str(folder))
    assert leading_pictures(text) == ([], text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/gone/a b.png", "/gone/a b.png"),
        ("'./gone one.JPG'", "gone one.JPG"),
        (" gone.webp ", "gone.webp"),
        ("file:///gone/a%20b.png", "/gone/a b.png"),
        ("album/gone.png What is it?", "album/gone.png"),
        ("/" + "x" * 5000 + ".png What?", "/" + "x" * 5000 + ".png"),
        ("'/gone/a b.png' isn't it\nred?", "/gone/a b.png"),
    ],
)
def test_a_path_of_no_picture_is_seen_as_one(text: str, path: str) -> None:
    assert missing_picture(text) == Path(path)


@pytest.mark.parametrize(
    "text",
    [
        "what is gone.png",
        "http://example.org/a.png",
        "//server/a.png",
        r"\\server\share\a.png",
        "file://elsewhere/a.png",
        "file:///%00.png",
        "gone.png is what?",
        "./a.png what is it?",
        "http://example.org/a.png what is it?",
        "red/green or blue.png",
        "/gone/notes",
        "see/" + "x" * 5000,
        "a\x00.png",
        "",
    ],
)
def test_a_text_is_not(text: str) -> None:
    assert missing_picture(text) is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Is https://example.org/a.png?size=2 a cat?", "https://example.org/a.png?size=2"),
        ("(see http://example.org/a.png).", "http://example.org/a.png"),
        ("http://example.org/a_(b).png", "http://example.org/a_(b).png"),
        ("HTTPS://EXAMPLE.ORG/A", "HTTPS://EXAMPLE.ORG/A"),
        ("ftp://example.org and example.org/a.png", ""),
        ("", ""),
    ],
)
def test_the_first_address_in_a_text_ends_before_what_ends_the_sentence(text: str, url: str) -> None:
    assert url_in(text) == url
