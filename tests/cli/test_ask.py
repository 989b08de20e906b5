"""`idefics-chat ask` as a person or a script runs it: real processes, real files."""

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from chat.cli.app import run as run_program
from chat.conversation import user_turn
from chat.errors import StoreError
from chat.generation import REMOTE, CheckpointFacts, GenerationSettings
from chat.store import SqliteStore, open_store
from tests.cli.program import Run, stored, told
from tests.remote.server import serving
from tests.store.samples import reply


def test_a_question_is_answered_on_stdout_and_goes_on_tomorrow(run: Run, picture: Path) -> None:
    first = run("ask", "What is in the picture?", "-i", picture)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("A ")
    assert first.stdout.endswith(".\n")
    second = run("ask", "How many shapes are there?", "--continue", "--json")
    document = json.loads(second.stdout)
    assert document["reply"] == "There are two shapes."
    assert document["usage"]["prompt_tokens"] > 30
    assert json.loads(run("sessions", "list", "--json").stdout)[0]["turns"] == 4


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_quantized_weights_answer_and_only_their_price_is_told(run: Run, picture: Path, quantize: str) -> None:
    quantized = run("ask", "What is in the picture?", "-i", picture, "--quantize", quantize, "--device", "cpu")
    assert quantized.returncode == 0
    assert told(quantized).startswith("idefics-chat: quantized weights save memory on a CPU, not time: ")
    assert quantized.stdout == run("ask", "What is in the picture?", "-i", picture).stdout


def test_json_has_the_promised_keys_and_nothing_else_is_on_stdout(run: Run, picture: Path) -> None:
    done = run("ask", "What is in the picture?", "-i", picture, "--json")
    document = json.loads(done.stdout)
    assert list(document) == [
        "session", "turn", "reply", "stop_reason", "checkpoint", "images", "usage", "timing",
    ]  # fmt: skip
    (image,) = document["images"]
    assert list(image) == ["digest", "width", "height", "source"]
    assert image["source"] == picture.name
    assert list(document["usage"]) == ["prompt_tokens", "cached_tokens", "new_tokens"]
    assert list(document["timing"]) == ["load_s", "first_token_s", "total_s"]
    assert (document["stop_reason"], document["checkpoint"]) == ("end_of_utterance", "shapes")


def test_a_picture_can_come_from_stdin_and_so_can_the_question(run: Run, picture: Path) -> None:
    by_stdin = run("ask", "What is in the picture?", "-i", "-", stdin=picture.read_bytes())
    asked_by_stdin = run("ask", "-", "-i", picture, stdin=b"What is in the picture?\n")
    assert by_stdin.returncode == asked_by_stdin.returncode == 0
    assert by_stdin.stdout == asked_by_stdin.stdout


def test_everything_about_a_reply_is_kept(run: Run, picture: Path, tmp_path: Path) -> None:
    run("ask", "Tell me a story.", "-i", picture, "--temperature", "0.7", "--seed", "5", "--max-new-tokens", "9")
    ((checkpoint, reason, seed, ids, prompt_tokens, total_s),) = stored(
        tmp_path, "select checkpoint, stop_reason, seed, token_ids, prompt_tokens, total_s from generations"
    )
    assert (checkpoint, reason, seed) == ("shapes", "max_new_tokens", 5)
    assert len(json.loads(ids)) == 9
    assert prompt_tokens > 5
    assert total_s > 0


def test_a_drawn_seed_is_told_where_the_help_says(run: Run, tmp_path: Path) -> None:
    assert "`sessions export` tells it" in " ".join(run("ask", "--help").stdout.split())
    session = json.loads(run("ask", "Hello", "--temperature", "0.7", "--json").stdout)["session"]
    run("sessions", "export", session, "-o", "talk.json")
    _, reply = json.loads((tmp_path / "talk.json").read_text())["turns"]
    assert [(reply["generation"]["seed"],)] == stored(tmp_path, "select seed from generations")
    assert isinstance(reply["generation"]["seed"], int)


def test_going_on_without_a_session_begins_one_and_says_so(run: Run) -> None:
    first, second = run("ask", "Hello", "--continue", "--json"), run("ask", "Hello", "--continue")
    assert told(first) == "idefics-chat: there is no session to go on with: this begins one"
    assert (first.returncode, json.loads(first.stdout)["turn"]) == (0, 2)
    assert (second.returncode, second.stderr) == (0, "")


def test_a_reply_cut_by_a_limit_is_told_apart_from_it(run: Run) -> None:
    short = run("ask", "Hello", "--max-new-tokens", "2")
    assert told(short) == "idefics-chat: the reply was cut at 2 tokens (--max-new-tokens)"
    assert (short.returncode, len(short.stdout.splitlines())) == (0, 1)
    full = run("ask", "Tell me a story. " + "red " * 930, "--json")
    cure = "a shorter message, --drop-oldest or a new session makes room"
    assert told(full) == f"idefics-chat: the reply was cut: the context is full; {cure}"
    assert (full.returncode, json.loads(full.stdout)["stop_reason"]) == (0, "context_full")


def test_a_message_that_does_not_fit_is_kept_and_spoils_nothing(run: Run, picture: Path) -> None:
    done = run("ask", "red " * 1200, "-i", picture)
    assert done.returncode == 4
    assert "room for 1,024, at least 64 of them for the reply: shorten it (your message is kept" in told(done)
    assert run("ask", "How many shapes are there?", "-i", picture, "--continue").stdout == "There are two shapes.\n"


def test_a_message_is_kept_when_the_checkpoint_cannot_be_loaded(run: Run, picture: Path, tmp_path: Path) -> None:
    done = run("ask", "Keep me", "-i", picture, "--device", "cuda:77")
    ((session_id,),) = stored(tmp_path, "select id from sessions where deleted_at is null")
    kept = f"your message is kept as turn 1 of session {session_id}, and `ask --session {session_id}` goes on with it"
    assert told(done).endswith(f"({kept})")
    assert stored(tmp_path, "select text from parts where kind = 'text'") == [("Keep me",)]
    assert run("ask", "How many shapes are there?", "--session", session_id).stdout == "There are two shapes.\n"


def test_words_that_were_not_asked_leave_the_list_and_can_be_brought_back(run: Run, tmp_path: Path) -> None:
    failed = run("ask", "Again and again", "--device", "cuda:77")
    ((session_id,),) = stored(tmp_path, "select id from sessions where deleted_at is not null")
    assert (failed.returncode, failed.stdout) == (4, "")
    assert told(failed).endswith(f"(`idefics-chat sessions restore {session_id}` brings your message back)")
    piped = run("ask", "-", "--device", "cuda:77", stdin=b"From a pipe")
    assert "your message is kept as turn 2 of session" in told(piped)
    ((kept_id,),) = stored(tmp_path, "select id from sessions where deleted_at is null")
    onward = run("ask", "Once more", "--session", kept_id, "--device", "cuda:77")
    assert f"your message is kept as turn 3 of session {kept_id}" in told(onward)
    with open_store(tmp_path / "sessions.db") as store:
        store.restore_session(session_id)
        assert [stored.turn.text for stored in store.turns(session_id)] == ["Again and again"]


def _held_with(tmp_path: Path, facts: CheckpointFacts) -> str:
    """A session whose only reply this checkpoint gave."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        message_id = store.add_user_turn(session_id, user_turn("Hello"))
        store.close_reply(store.open_reply(message_id, facts, GenerationSettings()), reply("Hello."))
    return session_id


def test_a_conversation_with_a_server_does_not_go_on_with_another_model_unasked(run: Run, tmp_path: Path) -> None:
    with serving() as server:
        session_id = _held_with(tmp_path, CheckpointFacts("far/model", revision=server.host, device=REMOTE))
        refused = run("ask", "And now?", "--continue")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert told(refused) == (
            f"idefics-chat: session {session_id} was held with far/model on the server {server.host}: give its address "
            "with --base-url to go on there, or --checkpoint shapes to go on here"
        )
        assert not server.asked
        assert stored(tmp_path, "select count(*) from turns") == [(2,)]
        there = run("ask", "And now?", "--continue", "--base-url", server.base_url)
        assert (there.returncode, there.stdout, there.stderr) == (0, "A cat.\n", "")
        here = run("ask", "And now?", "--session", session_id, "--checkpoint", "shapes")
        assert (here.returncode, here.stderr) == (0, "")


def test_another_model_than_the_one_before_is_told_where_nobody_chose_it(run: Run, tmp_path: Path) -> None:
    session_id = _held_with(tmp_path, CheckpointFacts("hub/other"))
    held = f"idefics-chat: session {session_id} was held with hub/other"
    first = run("ask", "And now?", "--continue")
    assert (first.returncode, told(first)) == (
        0, f"{held}, and shapes answers: --checkpoint hub/other goes on as before"
    )  # fmt: skip
    assert run("ask", "And now?", "--continue").stderr == ""


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (CheckpointFacts(""), ""),
        (
            CheckpointFacts("gpt-4o", family="llm", device="llm", dtype=""),
            " was held with gpt-4o, and shapes answers\n",
        ),
        (CheckpointFacts("far/" + 9000 * "o"), " was held with far/ooo"),
    ],
)
def test_of_a_model_that_a_file_told_of_no_more_is_said_than_is_known(
    run: Run, tmp_path: Path, facts: CheckpointFacts, expected: str
) -> None:
    _held_with(tmp_path, facts)
    done = run("ask", "And now?", "--continue")
    assert done.returncode == 0
    assert expected in done.stderr if expected else not done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.parametrize(
    ("option", "value", "code"), [("-i", "text.png", 3), ("--checkpoint", "./nowhere", 4), ("--revision", "main", 2)]
)
def test_a_question_that_cannot_be_asked_leaves_no_session_behind(
    run: Run, tmp_path: Path, option: str, value: str, code: int
) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    assert run("ask", "Hi", option, value).returncode == code
    assert not (tmp_path / "sessions.db").exists()


def test_a_message_that_cannot_be_kept_leaves_no_empty_session_to_go_on_with(run: Run, tmp_path: Path) -> None:
    session_id = _held_with(tmp_path, CheckpointFacts("shapes"))
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON turns BEGIN SELECT RAISE(ABORT, 'no room'); END")
    done = run("ask", "Hi")
    assert (done.returncode, "no room" in told(done)) == (3, True)
    assert stored(tmp_path, "SELECT id FROM sessions WHERE deleted_at IS NULL") == [(session_id,)]


def test_what_was_asked_of_a_message_that_cannot_be_kept_changes_no_system_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise StoreError("no room")

    session_id = _held_with(tmp_path, CheckpointFacts("shapes"))
    monkeypatch.setattr(SqliteStore, "add_user_turn", full)
    db = tmp_path / "sessions.db"
    assert run_program(["ask", "Hi", "--session", session_id, "--system", "Be brief.", "--db", str(db)]) == 3
    assert "no room" in capfd.readouterr().err
    assert stored(tmp_path, "SELECT system FROM sessions") == [("",)]


def test_a_question_that_is_no_text_is_answered_all_the_same(run: Run) -> None:
    done = run("ask", os.fsdecode(b"\xff hello"))
    assert (done.returncode, done.stderr) == (0, "")
