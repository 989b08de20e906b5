"""A conversation written to a file is read back as it was; what is not such a file is refused in one line."""

import io
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.conversation import Conversation, Image, Part, Role, Text, Turn, assistant_turn, user_turn
from chat.errors import InvalidTurnError, StoreError, TranscriptError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.images import read_image
from chat.records import Generation, StoredTurn
from chat.session import conversation_of
from chat.session_files import export_session, import_transcript
from chat.store import SqliteStore, open_store
from chat.transcript import (
    UNKNOWN_GENERATION,
    Transcript,
    from_json,
    load_transcript,
    save_transcript,
    to_json,
)

WHEN = "2026-11-21T02:30:00.000000+00:00"


def picture(colour: str, name: str = "", kind: str = "PNG") -> Image:
    file = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), colour).save(file, kind)
    return read_image(file.getvalue(), name or f"{colour}.{kind.lower()}")


RED, BLUE = picture("red"), picture("blue", "../blue sky\n.jpeg", "JPEG")

GENERATION = Generation(
    facts=CheckpointFacts("HuggingFaceM4/idefics-9b-instruct", "0" * 40, device="cuda", dtype="bfloat16"),
    settings=GenerationSettings(max_new_tokens=64, temperature=0.7, top_p=0.9, top_k=40, seed=7),
    stop_reason=StopReason.END_OF_UTTERANCE,
    seed=7,
    token_ids=(319, 2654, 32002),
    prompt_tokens=41,
    cached_tokens=12,
    first_token_s=0.25,
    total_s=1.5,
)

TALK = Transcript(
    "A red picture",
    "Answer briefly.",
    (
        StoredTurn(1, user_turn("What is this?", RED, "And this?", BLUE, RED), WHEN, None),
        StoredTurn(2, assistant_turn("Red.\r\n\x00 \u202e<end_of_utterance> ▁ é 👩\u200d🚀"), WHEN, GENERATION),
        StoredTurn(3, user_turn(BLUE), WHEN, None),
        StoredTurn(4, assistant_turn("A"), WHEN, replace(UNKNOWN_GENERATION, stop_reason=None, token_ids=(5,))),
        StoredTurn(5, user_turn("Are you there?"), WHEN, None),
    ),
)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# There and back


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
    assert (document["format"], document["version"]) == ("idefics-chat transcript", 1)
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


# Lists, since in an alphabet of `st.text` the few that matter would drown in all of Unicode.
AWKWARD = st.lists(
    st.sampled_from('\x00\r\n\t ▁\u202e\u2028\ud83d\ude00\udfff\ufeff"\\{}<>') | st.characters(), max_size=6
).map("".join)
NAMES = st.one_of(AWKWARD, st.sampled_from(["", ".", "..", "/", "a/b", "CON", ".png", "x" * 300, "~/x", "a.tar.gz"]))


@st.composite
def user_turns(draw: st.DrawFn) -> Turn:
    parts: list[Part] = []
    for image in draw(
        st.lists(st.builds(lambda image, name: replace(image, name=name), pictures(), NAMES), max_size=3)
    ):
        if text := draw(AWKWARD):
            parts.append(Text(text))
        parts.append(image)
    text = draw(AWKWARD)
    if not parts or text:
        parts.append(Text(f"?{text}"))
    return Turn(Role.USER, tuple(parts))


def pictures() -> st.SearchStrategy[Image]:
    return st.sampled_from([RED, BLUE])


def generations() -> st.SearchStrategy[Generation]:
    return st.builds(
        Generation,
        facts=st.builds(CheckpointFacts, AWKWARD, st.none() | AWKWARD),
        settings=st.builds(
            GenerationSettings,
            st.integers(1, 999),
            st.just(0.0) | st.floats(0.001, 100),
            st.floats(0, 1, exclude_min=True),
            seed=st.none() | st.integers(0, 2**63 - 1),
        ),
        stop_reason=st.none() | st.sampled_from(StopReason),
        seed=st.none() | st.integers(0, 2**63 - 1),
        token_ids=st.lists(st.integers(0, 2**31), max_size=5).map(tuple),
        prompt_tokens=st.integers(0, 10**6),
        cached_tokens=st.integers(0, 10**6),
        first_token_s=st.floats(0, 1e6),
        total_s=st.floats(0, 1e6),
    )


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    turns: list[StoredTurn] = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        if number % 2:
            turns.append(StoredTurn(number, draw(user_turns()), WHEN, None))
        else:
            turns.append(StoredTurn(number, assistant_turn(draw(AWKWARD)), WHEN, draw(generations())))
    return Transcript(draw(AWKWARD), draw(AWKWARD), tuple(turns))


@settings(max_examples=50, deadline=None)
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
        assert [stored.generation for stored in loaded.turns] == [_joined(stored) for stored in transcript.turns]


def _joined(stored: StoredTurn) -> Generation | None:
    """The generation after two halves of a surrogate pair that fit have become one character."""
    if stored.generation is None:
        return None
    facts = stored.generation.facts
    revision = None if facts.revision is None else _pairs_joined(facts.revision)
    return replace(stored.generation, facts=replace(facts, name=_pairs_joined(facts.name), revision=revision))


def _pairs_joined(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


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


# Files


def test_only_the_owner_can_read_what_is_saved(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_transcript(tmp_path / "talk.json", TALK)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("pictures") == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("taken", ["talk.json", f"pictures/red-{RED.digest[:12]}.png"])
def test_a_file_that_holds_something_else_is_replaced_only_when_asked(taken: str, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / taken).write_text("mine")
    with pytest.raises(TranscriptError, match=r"exists already: choose another name or ask to overwrite it$"):
        save_transcript(tmp_path / "talk.json", TALK)
    assert (tmp_path / taken).read_text() == "mine"
    save_transcript(tmp_path / "talk.json", TALK, overwrite=True)
    assert load_transcript(tmp_path / "talk.json") == TALK


def test_a_refused_save_writes_no_picture(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text("mine")
    with pytest.raises(TranscriptError):
        save_transcript(tmp_path / "talk.json", TALK)
    assert set(contents(tmp_path)) == {"talk.json"}


def test_saving_the_same_twice_touches_nothing(tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", TALK)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    save_transcript(tmp_path / "talk.json", TALK)
    save_transcript(tmp_path / "talk.json", TALK, overwrite=True)
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_transcript(tmp_path / "talk.json", TALK)
    before = contents(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TranscriptError, match=r"talk\.json: the disk is full: free some space$"):
        save_transcript(tmp_path / "talk.json", replace(TALK, title="Another"), overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone/talk.json", "there is no such folder: make it first"),
        ("file/talk.json", "there is no such folder: make it first"),
        ("folder", "exists already: choose another name or ask to overwrite it"),
        ("x" * 300, "the path is too long: choose a shorter one"),
        ("nul\0", "no file can have this name: choose another"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(TranscriptError, match=rf"^\S.*: {reason}$"):
        save_transcript(tmp_path / name, replace(TALK, turns=()))
    assert set(contents(tmp_path)) == {"file"}


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="is a folder: name a file in it"):
        save_transcript(tmp_path, replace(TALK, turns=()), overwrite=True)


def test_a_picture_whose_bytes_have_changed_is_not_saved(tmp_path: Path) -> None:
    changed = replace(RED, read=BLUE.read)
    talk = Transcript(turns=(StoredTurn(1, user_turn(changed), WHEN, None),))
    with pytest.raises(TranscriptError, match=r"red\.png is no longer what it was"):
        save_transcript(tmp_path / "talk.json", talk)
    assert contents(tmp_path) == {}


# What is refused


def write(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A good transcript's file after a change to its document."""
    save_transcript(folder / "talk.json", TALK)
    document = json.loads((folder / "talk.json").read_text("utf-8"))
    change(document)
    (folder / "talk.json").write_text(json.dumps(document), "utf-8")
    return folder / "talk.json"


def refusal(path: Path) -> str:
    """The message a file is refused with, without the file's name, which it begins with."""
    with pytest.raises(TranscriptError) as caught:
        load_transcript(path)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("format"), 'is no saved conversation: its "format" is not "idefics-chat transcript"'),
        (
            lambda d: d.update(format="openai"),
            'is no saved conversation: its "format" is not "idefics-chat transcript"',
        ),
        (lambda d: d.update(version=2), "was written by a newer idefics-chat (version 2): update the program"),
        (lambda d: d.update(version=0), "version is not 1"),
        (lambda d: d.update(version="1"), "version is not 1"),
        (lambda d: d.update(version=True), "version is not 1"),
        (lambda d: d.pop("turns"), "turns is missing"),
        (lambda d: d.update(turns={}), "turns is not a list"),
        (lambda d: d.update(title=None), "title is not a text"),
        (lambda d: d.update(tags=[]), "unknown key tags"),
        (lambda d: d.update({"\x1b[2J": 1}), "unknown key ␛[2J"),
        (lambda d: d["turns"].insert(0, 5), "turns[0] is not an object"),
        (lambda d: d["turns"][1].update(role="system"), "turns[1].role is none of user, assistant"),
        (lambda d: d["turns"][1].update(role=["user"]), "turns[1].role is none of user, assistant"),
        (lambda d: d["turns"].pop(1), "turn 2 is the user's, but it is the assistant's turn to speak"),
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
        (b"", "is not JSON: line 1, column 1"),
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


@pytest.mark.parametrize("length", range(0, 1200, 37))
def test_a_document_cut_anywhere_is_refused(length: int, tmp_path: Path) -> None:
    path = write(tmp_path, lambda _: None)
    path.write_bytes(path.read_bytes()[:length])
    assert refusal(path).startswith("is not JSON: line ")


def test_a_file_that_is_no_ordinary_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "large.json") == "is larger than 64.0 MiB: make a smaller copy"
    assert refusal(tmp_path / "pipe") == "is a pipe, a socket or a device: name an ordinary file"
    assert refusal(tmp_path / "gone.json") == "there is no such file: check the name"
    assert refusal(tmp_path) == "is a folder: name a file in it"


def pointing_at(folder: Path, file: str) -> Path:
    """A transcript whose first picture is this file."""
    return write(folder, lambda d: d["turns"][0]["parts"][1]["image"].update(file=file))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("/etc/hostname", "/etc/hostname lies outside the transcript's folder: move it in"),
        ("../red.png", "../red.png lies outside the transcript's folder: move it in"),
        ("pictures/../pictures/a.png", "pictures/../pictures/a.png lies outside the transcript's folder: move it in"),
        ("out.png", "out.png lies outside the transcript's folder: move it in"),
        ("away/red.png", "away/red.png lies outside the transcript's folder: move it in"),
        ("", "a picture lies outside the transcript's folder: move it in"),
        (".", ". lies outside the transcript's folder: move it in"),
        ("loop/a.png", "loop/a.png leads to no file"),
        ("nul\0.png", "nul␀.png leads to no file"),
        ("http://example.org/a.png", "DIR/http:/example.org/a.png: there is no such file: check the name"),
        ("pictures/gone.png", "DIR/pictures/gone.png: there is no such file: check the name"),
        ("pictures", "DIR/pictures: is a folder: name a file in it"),
        ("pipe", "DIR/pipe: is a pipe, a socket or a device: name an ordinary file"),
        ("talk.json", "talk.json: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of these"),
        ("blue.png", "blue.png is another picture than the one that was saved"),
    ],
)
def test_no_picture_but_the_one_that_was_saved_is_read(file: str, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    (tmp_path / "red.png").write_bytes(RED.read())
    (folder / "blue.png").write_bytes(BLUE.read())
    (folder / "out.png").symlink_to(tmp_path / "red.png")
    (folder / "away").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    assert refusal(pointing_at(folder, file)) == reason.replace("DIR", str(folder))


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "inside.png").symlink_to(tmp_path / "pictures" / f"red-{RED.digest[:12]}.png")
    assert load_transcript(pointing_at(tmp_path, "inside.png")) == TALK


def test_text_is_read_without_a_file() -> None:
    files = {RED.digest: "r.png", BLUE.digest: "b.jpg"}
    assert from_json(to_json(TALK, files), {"r.png": RED, "b.jpg": BLUE}.__getitem__) == TALK


@pytest.mark.parametrize(
    "turns",
    [
        (StoredTurn(1, assistant_turn("Hello"), WHEN, None),),
        (StoredTurn(1, user_turn("a"), WHEN, None), StoredTurn(2, user_turn("b"), WHEN, None)),
        (StoredTurn(1, user_turn("a"), WHEN, GENERATION),),
    ],
)
def test_a_transcript_that_may_not_exist_cannot_be_made(turns: tuple[StoredTurn, ...]) -> None:
    with pytest.raises(InvalidTurnError):
        Transcript(turns=turns)


# Sessions


def without_times(transcript: Transcript) -> Transcript:
    return replace(transcript, turns=tuple(replace(stored, created_at="") for stored in transcript.turns))


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(tmp_path / "sessions.db") as opened:
        yield opened


def test_an_imported_session_is_exported_as_it_was(store: SqliteStore) -> None:
    exported = export_session(store, import_transcript(store, TALK))
    assert without_times(exported) == without_times(TALK)
    assert [image.read() for image in exported.images] == [RED.read(), BLUE.read()]


def test_any_session_is_imported_as_it_was_exported(store: SqliteStore) -> None:
    @settings(max_examples=25, deadline=None)
    @given(transcripts())
    def check(transcript: Transcript) -> None:
        exported = export_session(store, import_transcript(store, transcript))
        again = export_session(store, import_transcript(store, exported))
        assert without_times(again) == without_times(exported)
        assert [stored.turn for stored in exported.turns] == [stored.turn for stored in transcript.turns]

    check()


def test_a_message_without_a_reply_survives_export_and_import(store: SqliteStore) -> None:
    session_id = store.new_session(title="Alone")
    for text in ("One", "Two"):
        store.add_user_turn(session_id, user_turn(text))
    exported = export_session(store, session_id)
    assert [stored.turn for stored in exported.turns] == [user_turn("One"), assistant_turn(""), user_turn("Two")]
    again = import_transcript(store, exported)
    assert [stored.turn.text for stored in store.turns(again)] == ["One", "Two"]
    assert without_times(export_session(store, again)) == without_times(exported)


def test_a_reply_of_unknown_origin_is_kept(store: SqliteStore) -> None:
    turns = (StoredTurn(1, user_turn("Hello"), "", None), StoredTurn(2, assistant_turn("Hello!"), "", None))
    kept = store.turns(import_transcript(store, Transcript(turns=turns)))[1]
    assert (kept.turn.text, kept.generation) == ("Hello!", UNKNOWN_GENERATION)


def test_an_import_that_fails_leaves_no_session(store: SqliteStore) -> None:
    broken = replace(RED, digest="0" * 64)
    turns = (*TALK.turns[:4], StoredTurn(5, user_turn(broken), WHEN, None))
    with pytest.raises(StoreError):
        import_transcript(store, Transcript(turns=turns))
    assert store.sessions() == []


def test_an_imported_conversation_goes_on(store: SqliteStore) -> None:
    session_id = import_transcript(store, TALK)
    turn_id = store.open_reply(store.turns(session_id)[-1].id, GENERATION.facts, GENERATION.settings)
    store.close_reply(turn_id, Reply("Yes.", (7,), StopReason.EOS, 1, 0, None, 0.1, 0.2))
    conversation = conversation_of(store.turns(session_id), facts=GENERATION.facts)
    assert isinstance(conversation, Conversation)
    assert [turn.token_ids for turn in conversation.turns if turn.role is Role.ASSISTANT] == [(319, 2654), (), ()]
