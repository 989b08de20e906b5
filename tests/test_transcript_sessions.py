"""A session that is exported and imported is the same session, and goes on."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings

from chat.conversation import Conversation, Role, assistant_turn, user_turn
from chat.errors import StoreError, TranscriptError
from chat.generation import Reply, StopReason
from chat.images import is_there
from chat.records import LeftOut, StoredTurn
from chat.session import conversation_of
from chat.session_files import export_session, import_transcript, import_transcripts, save_session
from chat.store import SqliteStore, open_store
from chat.transcript import UNKNOWN_GENERATION, Transcript, load_transcript, save_transcript
from chat.transcript.reading import read_transcripts
from tests.store.damage import found_in
from tests.store.samples import COMPUTED, SETTINGS, choice, dump, execute, reply
from tests.transcripts import BLUE, EXAMPLES, GENERATION, RED, TALK, WHEN, contents, transcripts


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a session, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "sessions.db"
    open_store(path).close()
    return path


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Iterator[SqliteStore]:
    shutil.copy(empty, tmp_path / "sessions.db")
    with open_store(tmp_path / "sessions.db") as opened:
        yield opened


def a_tree(store: SqliteStore) -> str:
    """A session with two branches, the older one shown, and everything else that is kept; gives its id."""
    # So that no turn's id is its number.
    store.add_user_turn(store.new_session(), user_turn("Elsewhere"))
    session_id = store.new_session(system="Be brief.")
    message = store.add_user_turn(session_id, user_turn("What is this?", RED, "And this?", BLUE, RED))
    store.add_choice(session_id, choice(None, BLUE))
    first = store.open_reply(message, COMPUTED, SETTINGS)
    store.close_reply(first, replace(reply("\x1b[2J▁\r\n\u202e<end_of_utterance>"), prompt_ids=(1, 2, 3)))
    further = store.add_user_turn(session_id, user_turn("lone \ud800 half\0way"))
    store.close_reply(store.open_reply(further, COMPUTED, SETTINGS), replace(reply(), prompt_ids=(1, 2, 3, 5, 6, 9)))
    other = store.open_reply(message, COMPUTED, SETTINGS, shows=True)
    store.save_reply(other, "It is r", [8, 9])
    store.add_choice(session_id, choice(other))
    store.add_user_turn(session_id, user_turn("Are you there?"))
    store.add_user_turn(session_id, user_turn("Hello?"))
    store.mark_example(message, True)
    store.leave_out(session_id, LeftOut(frozenset({further}), frozenset({(message, 1)})))
    store.pin_session(session_id, True)
    store.show_branch(session_id, first)
    return session_id


def test_a_session_is_exported_with_every_branch(store: SqliteStore) -> None:
    transcript = export_session(store, a_tree(store))
    shape = [(placed.after, placed.stored.turn.role) for placed in transcript.tree]
    user, assistant = Role.USER, Role.ASSISTANT
    assert shape == [(None, user), (1, assistant), (2, user), (3, assistant), (1, assistant), (5, user), (6, user)]
    assert [stored.id for stored in transcript.turns] == [1, 2, 3, 4]
    assert [stored.id for stored in transcript.branch(7)] == [1, 5, 6, 7]
    assert (transcript.title, transcript.title_is_own) == ("What is this?[1]And this?", False)
    assert (transcript.system, transcript.is_pinned, transcript.turns[0].is_example) == ("Be brief.", True, True)
    assert transcript.left_out == LeftOut(frozenset({3}), frozenset({(1, 1)}))
    assert [found.turn_id for found in transcript.choices] == [None, 5]
    generations = [placed.stored.generation for placed in transcript.tree if placed.stored.generation]
    assert {generation.facts for generation in generations} == {COMPUTED}
    assert [generation.prompt and generation.prompt.shared for generation in generations] == [0, 5, None]
    assert all(generation.started_at for generation in generations)
    assert [bool(generation.finished_at) for generation in generations] == [True, True, False]


@pytest.mark.parametrize("inline", [False, True])
def test_exporting_what_was_imported_elsewhere_gives_the_same_files(
    inline: bool, store: SqliteStore, tmp_path: Path, empty: Path
) -> None:
    session_id = a_tree(store)
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
    save_session(store, session_id, tmp_path / "1" / "talk.json", inline=inline)
    shutil.copy(empty, tmp_path / "other.db")
    with open_store(tmp_path / "other.db") as other:
        assert import_transcript(other, load_transcript(tmp_path / "1" / "talk.json")) == session_id
        save_session(other, session_id, tmp_path / "2" / "talk.json", inline=inline)
        assert other.find_session(session_id) == store.find_session(session_id)
        assert export_session(other, session_id) == export_session(store, session_id)
        assert [image.read() for image in export_session(other, session_id).images] == [RED.read(), BLUE.read()]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


LOST = {
    "changed": ("UPDATE images SET data = x'00' WHERE digest = '{}'",),
    "taken out": ("PRAGMA foreign_keys = OFF", "DELETE FROM images WHERE digest = '{}'"),
}
"""How somebody loses a picture."""


@pytest.mark.parametrize(("lost", "inline"), [("changed", True), ("taken out", False)])
def test_a_session_whose_picture_is_gone_is_the_same_elsewhere(
    lost: str, inline: bool, store: SqliteStore, tmp_path: Path, empty: Path
) -> None:
    session_id = a_tree(store)
    for folder in ("whole", "1", "2", "3"):
        (tmp_path / folder).mkdir()
    save_session(store, session_id, tmp_path / "whole" / "talk.json", inline=inline)
    execute(tmp_path / "sessions.db", *(statement.format(RED.digest) for statement in LOST[lost]))
    save_session(store, session_id, tmp_path / "1" / "talk.json", inline=inline)
    (incoming,) = read_transcripts(tmp_path / "1" / "talk.json")
    assert incoming.transcript.missing == (RED,)
    assert incoming.left_out == (
        f"{tmp_path / '1' / 'talk.json'}: session {session_id}: a picture was gone when it was saved: red.png",
    )
    shutil.copy(empty, tmp_path / "other.db")
    with open_store(tmp_path / "other.db") as other:
        assert import_transcript(other, incoming.transcript) == session_id
        save_session(other, session_id, tmp_path / "2" / "talk.json", inline=inline)
        assert contents(tmp_path / "1") == contents(tmp_path / "2")
        red, blue, _ = other.turns(session_id)[0].turn.images
        assert (red, red.name, is_there(red), blue.read()) == (RED, "red.png", False, BLUE.read())
        (found,) = found_in(tmp_path / "other.db")
        assert found.line.startswith(f"session {session_id}, turn 1, picture {RED.digest[:8]}: is missing: a file")
        # Both are told to be the same, whichever has the picture.
        for whole in (other, store):
            assert import_transcript(whole, load_transcript(tmp_path / "whole" / "talk.json")) == session_id
            assert import_transcript(whole, incoming.transcript) == session_id
            assert [summary.id for summary in whole.sessions()].count(session_id) == 1
        assert export_session(other, session_id) == export_session(store, session_id)
        save_session(other, session_id, tmp_path / "3" / "talk.json", inline=inline)
    assert contents(tmp_path / "3") == contents(tmp_path / "whole")
    assert found_in(tmp_path / "other.db") == []


def test_any_session_is_exported_as_it_was_imported(empty: Path) -> None:
    def through_a_store(folder: Path, name: str, source: Path, *, inline: bool) -> Path:
        """Import a file into an empty store, and export it from there."""
        shutil.copy(empty, folder / f"{name}.db")
        (folder / name).mkdir()
        with open_store(folder / f"{name}.db") as store:
            session_id = import_transcript(store, load_transcript(source))
            save_session(store, session_id, folder / name / "talk.json", inline=inline)
        return folder / name / "talk.json"

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(transcripts())
    def check(transcript: Transcript) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            save_transcript(folder / "talk.json", transcript)
            first = through_a_store(folder, "1", folder / "talk.json", inline=False)
            second = through_a_store(folder, "2", first, inline=False)
            assert contents(first.parent) == contents(second.parent)
            save_transcript(folder / "held.json", load_transcript(second), inline=True)
            held = through_a_store(folder, "3", folder / "held.json", inline=True)
            assert held.read_bytes() == (folder / "held.json").read_bytes()
            exported = load_transcript(held)
            assert exported.tree == load_transcript(first).tree
            assert [one.stored.turn.text for one in exported.tree] == [
                one.stored.turn.text for one in load_transcript(folder / "talk.json").tree
            ]

    check()


def test_what_is_not_known_of_an_imported_session_is_filled_in(store: SqliteStore) -> None:
    turns = (
        StoredTurn(1, user_turn("Hello"), "2026-11-21T02:30:00Z", None),
        StoredTurn(2, assistant_turn("Hello!"), "2026-11-21", None),
    )
    session_id = import_transcript(store, Transcript(turns=turns))
    exported = export_session(store, session_id)
    assert (exported.title, exported.title_is_own) == ("Hello", False)
    assert exported.turns[1].generation == UNKNOWN_GENERATION
    assert [stored.created_at for stored in exported.turns] == [WHEN, "2026-11-21T00:00:00.000000+00:00"]
    assert (exported.created_at, exported.updated_at) == ("2026-11-21T00:00:00.000000+00:00", WHEN)
    assert import_transcript(store, exported) == session_id
    untimed = import_transcript(store, Transcript(turns=(StoredTurn(1, user_turn("Hello"), "", None),)))
    assert export_session(store, untimed).turns[0].created_at > WHEN


def test_an_import_that_fails_leaves_nothing(store: SqliteStore, tmp_path: Path) -> None:
    broken = StoredTurn(5, user_turn(replace(RED, digest="0" * 64)), WHEN, None)
    before = dump(tmp_path / "sessions.db")
    with pytest.raises(StoreError):
        import_transcripts(store, [TALK, replace(TALK, turns=(*TALK.turns[:4], broken))])
    assert store.sessions() == []
    assert dump(tmp_path / "sessions.db") == before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _change(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def changed(path: Path) -> None:
        document = json.loads(path.read_text("utf-8"))
        change(document)
        path.write_text(json.dumps(document), "utf-8")

    return changed


def _picture(document: dict[str, Any]) -> Any:
    return document["turns"][0]["parts"][1]["image"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_cut, r"is not JSON: line \d+, column \d+$"),
        (_change(lambda d: d.update(version=4)), "newer idefics-chat .version 4.: update the program$"),
        (
            _change(lambda d: _picture(d).update(file="../1.png")),
            "turn 1: ../1.png lies outside",
        ),
        (_change(lambda d: _picture(d).update(file="/etc/passwd")), "turn 1: /etc/passwd lies outside"),
        (_change(lambda d: _picture(d).update(digest="0" * 64)), "turn 1: pictures/red-.* is another picture"),
        (
            _change(lambda d: _picture(d).update(file="gone.png")),
            "turn 1: the picture gone.png is missing",
        ),
        (_change(lambda d: d.update({"\x1b]52;c;eA==\x07": 1})), "unknown key ␛]52;c;eA==␇$"),
        (_change(lambda d: d["turns"][1].update(role="\x1b[2J")), r"turns\[1\].role is none of user, assistant$"),
        (_change(lambda d: d["turns"][-1].update(after=99)), "turn 7 follows turn 99, which does not come before it$"),
    ],
)
def test_of_a_run_with_a_file_that_is_not_as_it_should_be_nothing_is_kept(
    spoil: Callable[[Path], None], reason: str, store: SqliteStore, tmp_path: Path, empty: Path
) -> None:
    save_session(store, a_tree(store), tmp_path / "good.json")
    shutil.copy(tmp_path / "good.json", tmp_path / "bad.json")
    spoil(tmp_path / "bad.json")
    shutil.copy(empty, tmp_path / "other.db")
    with open_store(tmp_path / "other.db") as other:
        before = dump(tmp_path / "other.db")
        with pytest.raises(TranscriptError, match=reason) as refused:
            import_transcripts(other, (load_transcript(tmp_path / name) for name in ("good.json", "bad.json")))
        assert dump(tmp_path / "other.db") == before
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'bad.json'}: ")
    assert message.isprintable()


def test_an_imported_conversation_goes_on(store: SqliteStore) -> None:
    session_id = import_transcript(store, TALK)
    turn_id = store.open_reply(store.turns(session_id)[-1].id, GENERATION.facts, GENERATION.settings)
    store.close_reply(turn_id, Reply("Yes.", (7,), StopReason.EOS, 1, 0, None, 0.1, 0.2))
    conversation = conversation_of(store.turns(session_id), facts=GENERATION.facts)
    assert isinstance(conversation, Conversation)
    assert [turn.token_ids for turn in conversation.turns if turn.role is Role.ASSISTANT] == [(319, 2654), (), ()]


def test_a_picture_whose_bytes_are_gone_from_the_store_is_told(store: SqliteStore, tmp_path: Path) -> None:
    session_id = a_tree(store)
    execute(tmp_path / "sessions.db", f"UPDATE images SET data = x'00' WHERE digest = '{RED.digest}'")
    words = save_session(store, session_id, tmp_path / "talk.json")
    assert words.endswith(
        f"its pictures in {tmp_path / 'pictures'}; without pictures that are gone from the store: red.png"
    )
    assert load_transcript(tmp_path / "talk.json", missing_ok=True).missing == (RED,)
    execute(tmp_path / "sessions.db", "PRAGMA foreign_keys = OFF", f"DELETE FROM images WHERE digest = '{RED.digest}'")
    transcript = export_session(store, session_id)
    assert transcript.turns[0].turn.images == (RED, BLUE, RED)
    with pytest.raises(StoreError, match="no longer holds picture"):
        transcript.turns[0].turn.images[0].read()
