"""A conversation written to a file is read back as it was."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from chat.errors import StoreBusyError
from chat.generation import CheckpointFacts
from chat.session import conversation_of
from chat.transcript import (
    UNKNOWN_GENERATION,
    PictureNames,
    Transcript,
    from_json,
    load_transcript,
    save_transcript,
    to_json,
)
from tests.transcripts import BLUE, EXAMPLES, RED, TALK, WHEN, contents, transcripts


def test_a_transcript_is_read_back_as_it_was(tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", TALK)
    loaded = load_transcript(tmp_path / "talk.json")
    assert loaded == TALK
    assert [(image.name, image.width, image.height) for image in loaded.images] == [
        ("red.png", 4, 3),
        ("../blue sky␊.jpeg", 4, 3),
    ]
    assert [image.read() for image in loaded.images] == [RED.read(), BLUE.read()]
    assert conversation_of(loaded.turns).turns[0] == TALK.turns[0].turn


def test_the_file_is_plain_json_beside_its_pictures(tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", replace(TALK, turns=TALK.turns[:2]))
    red, blue = f"pictures/red-{RED.digest[:12]}.png", f"pictures/blue-sky-{BLUE.digest[:12]}.jpg"
    assert set(contents(tmp_path)) == {"talk.json", red, blue}
    document = json.loads((tmp_path / "talk.json").read_text("utf-8"))
    assert list(document) == ["format", "version", "title", "system", "turns"]
    assert (document["format"], document["version"]) == ("idefics-chat transcript", 3)
    assert document["turns"][0] == {
        "role": "user",
        "created_at": WHEN,
        "parts": [
            {"text": "What is this?"},
            {"image": {"file": red, "digest": RED.digest, "width": 4, "height": 3, "name": "red.png"}},
            {"text": "And this?"},
            {"image": {"file": blue, "digest": BLUE.digest, "width": 4, "height": 3, "name": "../blue sky␊.jpeg"}},
            {"image": {"file": red, "digest": RED.digest, "width": 4, "height": 3, "name": "red.png"}},
        ],
    }
    reply = document["turns"][1]["generation"]
    assert reply["facts"]["name"] == "HuggingFaceM4/idefics-9b-instruct"
    assert reply["settings"]["temperature"] == 0.7
    assert (reply["stop_reason"], reply["token_ids"]) == ("end_of_utterance", [319, 2654, 32002])


@settings(max_examples=EXAMPLES, deadline=None)
@given(transcripts())
def test_saving_what_was_loaded_gives_the_same_files(transcript: Transcript) -> None:
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "1"), Path(folder, "2")
        first.mkdir()
        second.mkdir()
        save_transcript(first / "talk.json", transcript)
        loaded = load_transcript(first / "talk.json")
        save_transcript(second / "talk.json", loaded)
        assert contents(first) == contents(second)
        assert [placed.after for placed in loaded.tree] == [placed.after for placed in transcript.tree]
        assert [stored.id for stored in loaded.turns] == [stored.id for stored in transcript.turns]
        if contents(first)["talk.json"].isascii():
            # Elsewhere two halves of a surrogate pair that fit have become one character.
            assert loaded == transcript


@pytest.mark.parametrize(
    ("text", "loaded"),
    [("\ud83d", "\ud83d"), ("\ude00\ud83d é", "\ude00\ud83d é"), ("\ud83d\ude00", "😀"), ("\\ud83d", "\\ud83d")],
)
def test_half_a_character_is_kept(text: str, loaded: str, tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", Transcript(text))
    assert load_transcript(tmp_path / "talk.json").title == loaded
    save_transcript(tmp_path / "talk.json", Transcript(loaded))


def test_what_a_hand_written_file_leaves_out_is_filled_in(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "assistant", "parts": [{"text": "Hello!"}]},
        {"role": "user", "parts": [{"text": "Again"}]},
        {"role": "assistant", "parts": [], "generation": {"facts": {"name": "shapes"}, "token_ids": [5]}},
    ]
    (tmp_path / "talk.json").write_text(json.dumps({"format": "idefics-chat transcript", "version": 1, "turns": turns}))
    loaded = load_transcript(tmp_path / "talk.json")
    assert [stored.generation for stored in loaded.turns] == [
        None,
        None,
        None,
        replace(UNKNOWN_GENERATION, facts=CheckpointFacts("shapes"), token_ids=(5,)),
    ]


def test_text_is_read_without_a_file() -> None:
    names = PictureNames({RED.digest: "r.png", BLUE.digest: "b.jpg"})
    assert from_json(to_json(TALK, names), {"r.png": RED, "b.jpg": BLUE}.__getitem__) == TALK


@pytest.mark.parametrize("inline", [False, True])
def test_a_picture_that_cannot_be_read_just_then_is_not_said_to_be_gone(tmp_path: Path, inline: bool) -> None:
    def read() -> bytes:
        raise StoreBusyError("another program holds it")

    (first, *others) = TALK.turns
    turn = replace(first.turn, parts=(replace(RED, read=read), *first.turn.parts[1:]))
    with pytest.raises(StoreBusyError):
        save_transcript(
            tmp_path / "talk.json", replace(TALK, turns=(replace(first, turn=turn), *others)), inline=inline
        )
    assert not (tmp_path / "talk.json").exists()
