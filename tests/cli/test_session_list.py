"""Sessions are listed and searched by options, and by a picture in a file."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from chat.cli.app import run
from chat.conversation import user_turn
from chat.images import open_image
from chat.store import open_store
from tests.store.damage import change
from tests.store.samples import FACTS, SETTINGS, reply


@pytest.fixture
def talked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sessions about a picture, a copy of it and no picture, by name; the files are in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEFICS_CHAT_DB", str(tmp_path / "sessions.db"))
    # The config may name a checkpoint to talk with; it is no filter.
    monkeypatch.setenv("IDEFICS_CHAT_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text('checkpoint = "hub/other"\n')
    drawn = Image.new("RGB", (120, 90), "grey")
    ImageDraw.Draw(drawn).ellipse((20, 20, 60, 60), fill="red")
    ImageDraw.Draw(drawn).rectangle((70, 40, 110, 80), fill="blue")
    drawn.save("shapes.png")
    drawn.resize((80, 60)).save("copy.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    named: dict[str, str] = {}
    with open_store(tmp_path / "sessions.db") as store:
        for name, pictures in (("copy", ["copy.jpg"]), ("same", ["shapes.png"]), ("none", [])):
            named[name] = store.new_session()
            message = store.add_user_turn(named[name], user_turn(*map(open_image, pictures), f"What? {name}"))
            store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    return named


def document(capfd: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert run(["sessions", *arguments, "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return json.loads(out)


def test_a_picture_finds_itself_first_and_then_its_copies(
    talked: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    found = document(capfd, "search", "--image", "shapes.png")
    assert isinstance(found, dict)
    assert (found["count"], found["has_more"]) == (2, False)
    same, copy = found["sessions"]
    assert (same["session"], same["distance"], same["image"]) == (talked["same"], 0, open_image("shapes.png").digest)
    assert (copy["session"], copy["image"]) == (talked["copy"], open_image("copy.jpg").digest)
    assert copy["distance"] > 0
    assert (same["turn"], same["snippet"]) == (3, [])
    assert run(["sessions", "search", "copy", "--image", "shapes.png"]) == 0
    session, words, picture = capfd.readouterr().out.splitlines()
    assert session.startswith(talked["copy"])
    assert words.strip() == "What? «copy»"
    assert picture.strip() == "looks like it: copy.jpg"
    assert document(capfd, "search", 'image:"shapes.png"') == found


def test_options_narrow_a_search_without_words_and_the_list(
    talked: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    everything = ["none", "same", "copy"]
    for options, names in (
        (["--has-picture"], everything[1:]),
        (["--checkpoint", "SHAP"], everything),
        (["--checkpoint", "hub"], []),
        (["--after", "2020-01-01", "--before", "2999-01-01"], everything),
        (["--before", "2020-01-01"], []),
        (["--image", "shapes.png", "--has-picture"], everything[1:]),
    ):
        found = document(capfd, "search", *options)
        assert isinstance(found, dict)
        listed = document(capfd, "list", *options)
        assert isinstance(listed, list)
        ids = [talked[name] for name in names]
        assert [hit["session"] for hit in found["sessions"]] == [hit["session"] for hit in listed] == ids, options
        assert ["distance" in hit for hit in listed] == ["--image" in options] * len(names)
    assert run(["sessions", "list", "--before", "2020-01-01"]) == 0
    assert capfd.readouterr().out == "No session is like that.\n"


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--image", "none.png"], 3, "none.png: there is no such file: check the name"),
        (["--image", "notes.txt"], 3, "notes.txt: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of"),
        (["--image", "."], 3, ".: is a folder: name a file in it"),
        (["--image", ""], 2, "--image names no file: give the picture to look for"),
        (["--after", "yesterday"], 2, "--after yesterday is no day; --after 2026-11-01 is"),
        ([], 2, "nothing to look for: give words, or an option such as --image FILE"),
    ],
)
def test_what_cannot_be_looked_for_is_one_line(
    talked: dict[str, str], capfd: pytest.CaptureFixture[str], options: list[str], code: int, line: str
) -> None:
    assert run(["sessions", "search", *options]) == code
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"idefics-chat: {line}")


def test_a_session_that_cannot_be_read_is_listed_and_told_in_one_line(
    talked: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spoiled = talked["same"]
    change(tmp_path / "sessions.db", f"UPDATE sessions SET updated_at = x'ff', turn_count = 'x' WHERE id = '{spoiled}'")
    line = f"idefics-chat: session {spoiled} holds a value that is not understood (updated_at: b'\\xff' is no time; "
    for arguments in (["list"], ["search", "What?"], ["search", "wh"], ["search", spoiled]):
        assert run(["sessions", *arguments]) == 3
        out, err = capfd.readouterr()
        assert (out.count(spoiled), talked["copy"] in out) == (1, spoiled not in arguments)
        assert err.startswith(line)
        assert err.endswith("`idefics-chat sessions check` tells what is wrong\n")
        assert run(["sessions", *arguments, "--json"]) == 3
        out, err = capfd.readouterr()
        found = json.loads(out)
        listed = {one["session"]: one for one in (found if arguments == ["list"] else found["sessions"])}
        assert (listed[spoiled]["updated_at"], listed[spoiled]["turns"]) == ("", 0)
        assert listed[spoiled]["problem"].startswith("updated_at: ")
        assert err.startswith(line)
    assert run(["sessions", "show", talked["copy"]]) == 0
    capfd.readouterr()
    for arguments in (["show"], ["show", "--json"], ["rename", "x"], ["export", "-o", "talk.html"]):
        assert run(["sessions", arguments[0], spoiled, *arguments[1:]]) == 3
        out, err = capfd.readouterr()
        assert (out, err.count("\n"), "sessions check" in err) == ("", 1, True)
    assert run(["replay", spoiled]) == 3
    assert "sessions check" in capfd.readouterr().err
    assert run(["sessions", "pin", spoiled[:7]]) == run(["sessions", "delete", spoiled[:7]]) == 0
    capfd.readouterr()
    assert run(["sessions", "list"]) == 0


def test_an_id_is_found_as_json_too(talked: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    found = document(capfd, "search", talked["none"])
    assert isinstance(found, dict)
    assert [hit["session"] for hit in found["sessions"]] == [talked["none"]]


def test_many_that_cannot_be_read_are_told_in_one_line(
    talked: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(tmp_path / "sessions.db", "UPDATE sessions SET updated_at = 'soon'")
    assert run(["sessions", "list"]) == 3
    words = f"`idefics-chat sessions check` tells what is wrong, also with {len(talked) - 1} more of these sessions\n"
    assert capfd.readouterr().err.endswith(words)


def test_of_a_short_page_all_that_was_found_is_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with open_store(tmp_path / "many.db") as store:
        for _ in range(12):
            store.add_user_turn(store.new_session(), user_turn("A lighthouse"))
    assert run(["sessions", "search", "lighthouse", "--limit", "1", "--db", str(tmp_path / "many.db")]) == 0
    assert capfd.readouterr().err == "1 of 12: --limit shows more\n"
