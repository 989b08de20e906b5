"""What is no transcript is refused in one line that names the file and the place in it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import assistant_turn, user_turn
from chat.errors import InvalidTurnError, TranscriptError
from chat.records import StoredTurn
from chat.transcript import Transcript, folder, save_transcript
from tests.transcripts import GENERATION, TALK, WHEN, refusal, write


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("format"), 'is no saved conversation: its "format" is not "idefics-chat transcript"'),
        (
            lambda d: d.update(format="openai"),
            'is no saved conversation: its "format" is not "idefics-chat transcript"',
        ),
        (lambda d: d.update(version=4), "was written by a newer idefics-chat (version 4): update the program"),
        (lambda d: d.update(version=0), "version is none of 1 to 3"),
        (lambda d: d.update(version="1"), "version is none of 1 to 3"),
        (lambda d: d.update(version=True), "version is none of 1 to 3"),
        (lambda d: d["turns"][2].update(after=2) or d.update(version=2), "turns[2].after is of version 3: say so in"),
        (lambda d: d["turns"][2].update(after=3), "turn 3 follows turn 3, which does not come before it"),
        (lambda d: d["turns"][2].update(after=-1), "turn 3 follows turn -1, which does not come before it"),
        (lambda d: d["turns"][3].update(after=2), "turn 4 is the assistant's, but it is the user's turn to speak"),
        (lambda d: d.update(shown=6), "there is no turn 6"),
        (lambda d: d.update(shown=-1), "there is no turn -1"),
        (lambda d: d.update(updated_at="soon"), "updated_at is not a time as ISO 8601 writes it"),
        (lambda d: d["turns"][1].update(is_left_out=True), "turn 2 is no message: only messages can be left out"),
        (
            lambda d: d["turns"][0].update(left_out_pictures=[3]),
            "turn 1 has no picture 3 to leave out: they count from",
        ),
        (
            lambda d: d["turns"][1]["generation"].update(environment=1),
            "turn 2: environment 1 is none of the 0 that are told",
        ),
        (
            lambda d: d["turns"][1]["generation"].update(prompt={"shared": -1, "token_ids": []}),
            "turns[1].generation: prompt.shared is below 0",
        ),
        (lambda d: d["turns"][1]["generation"].update(started_at="x"), "turns[1].generation: started_at is not a time"),
        (lambda d: d["turns"][1].update(created_at="0001-01-01T00:00:00+23:00"), "turns[1]: created_at is not a time"),
        (lambda d: d["turns"][0]["parts"][1]["image"].update(digest="\x1b" * 99), "turns[0].parts[1].image: digest is"),
        (lambda d: d.pop("turns"), "turns is missing"),
        (lambda d: d.update(turns={}), "turns is not a list"),
        (lambda d: d.update(title=None), "title is not a text"),
        (lambda d: d.update(session_id="x" * 201), "session_id has more than 200 characters"),
        (lambda d: d.update(tags=[]), "unknown key tags"),
        (lambda d: d.update({"\x1b[2J": 1}), "unknown key ␛[2J"),
        (lambda d: d["turns"].insert(0, 5), "turns[0] is not an object"),
        (lambda d: d["turns"][1].update(role="system"), "turns[1].role is none of user, assistant"),
        (lambda d: d["turns"][1].update(role=["user"]), "turns[1].role is none of user, assistant"),
        (
            lambda d: d.update(version=2, turns=d["turns"][::2]),
            "turn 2 is the user's, but it is the assistant's turn to speak",
        ),
        (lambda d: d["turns"].pop(0), "turn 1 is the assistant's, but it is the user's turn to speak"),
        (lambda d: d["turns"][0].update(parts=[]), "turn 1: the message is empty: write something or attach a picture"),
        (lambda d: d["turns"][0].update(parts=[{"text": " "}]), "turn 1: the message is empty: write something or"),
        (lambda d: d["turns"][1].update(parts=[{"text": ""}]), "turn 2: a text part is empty: leave it out"),
        (lambda d: d["turns"][1].update(parts=d["turns"][2]["parts"]), "turn 2: an assistant's turn is one text"),
        (
            lambda d: d["turns"][0].update(generation=d["turns"][1]["generation"]),
            "turn 1 is the user's and cannot have",
        ),
        (lambda d: d["turns"][0].update(created_at="today"), "turns[0]: created_at is not a time"),
        (lambda d: d["turns"][0].update(created_at=5), "turns[0].created_at is not a text"),
        (lambda d: d["turns"][0].update(parts=[{}]), 'turns[0].parts[0]: a part holds either "text" or "image"'),
        (lambda d: d["turns"][0].update(parts=[{"text": None}]), 'turns[0].parts[0]: a part holds either "text"'),
        (lambda d: d["turns"][0].update(parts=[{"url": "http://a.b"}]), "unknown key turns[0].parts[0].url"),
        (lambda d: d["turns"][1]["generation"].update(seed=1.5), "turns[1].generation.seed is not a whole number"),
        (lambda d: d["turns"][1]["generation"].update(seed=True), "turns[1].generation.seed is not a whole number"),
        (lambda d: d["turns"][1]["generation"].update(seed=2**63), "turns[1].generation.seed is too large a number"),
        (lambda d: d["turns"][1]["generation"].update(token_ids=[1, "2"]), "turns[1].generation.token_ids[1] is not a"),
        (lambda d: d["turns"][1]["generation"].update(total_s="1"), "turns[1].generation.total_s is not a number"),
        (
            lambda d: d["turns"][1]["generation"].update(stop_reason="bored"),
            "turns[1].generation.stop_reason is none of",
        ),
        (lambda d: d["turns"][1]["generation"]["facts"].pop("name"), "turns[1].generation.facts.name is missing"),
        (
            lambda d: d["turns"][1]["generation"]["facts"].update(is_demonstration=1),
            "turns[1].generation.facts.is_demonstration is not true or false",
        ),
        (
            lambda d: d["turns"][1]["generation"]["settings"].update(top_p=7),
            "turns[1].generation.settings: top-p is 7.0: give a number above 0, up to 1",
        ),
    ],
)
def test_a_document_that_is_not_as_it_should_be(
    change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
) -> None:
    assert refusal(write(tmp_path, change)).startswith(reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty: export the session again"),
        (b'{\n"format": ', "is not JSON: line 2, column 11"),
        (b"[]", 'is no saved conversation: its "format" is not "idefics-chat transcript"'),
        (b"\xff\xfe{}", "is not JSON: it is not a text in UTF-8"),
        (b'{"version": NaN}', "is not JSON: NaN is no number"),
        (b'{"version": ' + b"9" * 5000 + b"}", "is not JSON: it holds a number of thousands of digits"),
        (b"[" * 200_000, "is no saved conversation: its lists are nested too deeply"),
        (b'{"a":' * 200_000, "is no saved conversation: its lists are nested too deeply"),
        (b'{"title": "a", "system": "", "title": "b"}', "the key title stands twice in one object"),
        (b'{"format": "idefics-chat transcript", "version": 1, "title": 1e999, "turns": []}', "title is not a text"),
        (
            b'{"format": "idefics-chat transcript", "version": 1, "turns": [{"role": "assistant", "parts": [],'
            b' "generation": {"total_s": 1e999}}]}',
            "turns[0].generation.total_s is too large a number",
        ),
    ],
)
def test_a_file_that_is_no_document(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_bytes(content)
    assert refusal(tmp_path / "talk.json") == reason


@pytest.mark.parametrize("length", range(1, 1200, 37))
def test_a_document_cut_anywhere_is_refused(length: int, tmp_path: Path) -> None:
    path = write(tmp_path, lambda _: None)
    path.write_bytes(path.read_bytes()[:length])
    assert refusal(path).startswith("is not JSON: line ")


def test_a_file_that_could_fill_the_memory_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_BYTES", 5_000)
    (tmp_path / "large.json").write_bytes(b" " * 5_001)
    assert refusal(tmp_path / "large.json") == "is larger than 4.9 KiB: make a smaller copy"
    monkeypatch.setattr(folder, "MOST_VALUES", 1_000)
    (tmp_path / "full.json").write_bytes(b"[" + b"[]," * 166 + b"{}]")
    assert refusal(tmp_path / "full.json") == (
        "holds more than 1,000 values (a list or an object counts as 5), too many for one session"
    )


def test_no_file_is_written_that_would_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, reason in (("MOST_VALUES", "holds more than 10 values"), ("MOST_BYTES", "would have 3.7 KiB, too many")):
        with monkeypatch.context() as small:
            small.setattr(folder, name, 10)
            with pytest.raises(TranscriptError, match=reason):
                save_transcript(tmp_path / "talk.json", TALK)
    assert not list(tmp_path.rglob("*"))


def test_a_file_that_is_no_ordinary_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "is a pipe, a socket or a device: name an ordinary file"
    assert refusal(tmp_path / "gone.json") == "there is no such file: check the name"
    assert refusal(tmp_path) == "is a folder: name a file in it"


@pytest.mark.parametrize(
    "turns",
    [
        (StoredTurn(1, assistant_turn("Hello"), WHEN, None),),
        (StoredTurn(1, user_turn("a"), WHEN, None), StoredTurn(3, user_turn("b"), WHEN, None)),
        (StoredTurn(1, user_turn("a"), WHEN, GENERATION),),
    ],
)
def test_a_transcript_that_may_not_exist_cannot_be_made(turns: tuple[StoredTurn, ...]) -> None:
    with pytest.raises(InvalidTurnError):
        Transcript(turns=turns)
