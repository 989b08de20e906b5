"""`idefics-chat sessions export` and `import` of several sessions and of every form of file."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from chat.cli.app import INTERRUPTED
from chat.cli.app import run as run_program
from chat.cli.progress import ProgressLine
from chat.records import Imported
from chat.session_files import import_transcript
from chat.store import importing, open_store, whole
from chat.transcript import Transcript, save_transcript
from tests.store.damage import change
from tests.store.llm_schemas import RESPONSES, SHARED
from tests.transcripts import CHOSEN, RED, TALK, contents


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]

HELLO = json.dumps({"messages": [{"role": "user", "content": "Hello"}]})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `sessions` with a database of its own, in this process."""
    monkeypatch.setenv("IDEFICS_CHAT_DB", str(tmp_path / "sessions.db"))
    monkeypatch.chdir(tmp_path)

    def run_sessions(*arguments: str | Path) -> Done:
        capfd.readouterr()
        code = run_program(["sessions", *map(str, arguments)])
        return Done(code, *capfd.readouterr())

    return run_sessions


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A database with two sessions that have pictures, and their ids."""
    path = tmp_path_factory.mktemp("filled") / "sessions.db"
    with open_store(path) as store:
        return path, [import_transcript(store, TALK), import_transcript(store, CHOSEN)]


@pytest.fixture
def ids(filled: tuple[Path, list[str]], tmp_path: Path) -> list[str]:
    """The ids of two sessions in the database that `run` uses."""
    path, session_ids = filled
    shutil.copy(path, tmp_path / "sessions.db")
    return session_ids


def count(run: Run, tmp_path: Path) -> int:
    return len(json.loads(run("list", "--json").out)) if (tmp_path / "sessions.db").exists() else 0


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("talk.json", '{\n  "format"'),
        ("talk.md", "# A red picture"),
        ("talk.HTML", "<!DOCTYPE html>"),
        ("talk.jsonl", '{"messages"'),
        ("talk", '{\n  "format"'),
    ],
)
def test_the_end_of_the_name_tells_the_form(
    name: str, beginning: str, run: Run, ids: list[str], tmp_path: Path
) -> None:
    done = run("export", ids[0], "-o", name)
    has_pictures_beside = beginning[0] in "{#" and "messages" not in beginning
    pictures = ", its pictures in pictures" if has_pictures_beside else ""
    assert done == Done(0, f"saved {ids[0]} as {name}{pictures}\n", "")
    assert (tmp_path / name).read_text("utf-8").startswith(beginning)
    assert (tmp_path / "pictures").is_dir() == has_pictures_beside


def test_an_ending_that_no_form_has_is_refused_and_a_name_without_one_is_json(run: Run, ids: list[str]) -> None:
    refused = run("export", ids[0], "-o", "talk.pdf")
    assert (refused.code, refused.err) == (
        2,
        "idefics-chat: talk.pdf: no form ends so: name it .json, .md, .html or .jsonl\n",
    )
    assert not Path("talk.pdf").exists()
    assert run("export", ids[0], "-o", "talk.pdf", "--format", "html").code == 0
    assert run("export", ids[0], "-o", "talk").code == 0
    assert json.loads(Path("talk").read_text())["version"] == 3


def test_a_list_that_is_cut_says_so(run: Run, ids: list[str]) -> None:
    assert run("list", "--limit", "1").err == "1 of 2: --limit shows more\n"
    assert run("list", "--limit", "2").err == ""


def test_a_name_that_no_file_can_have_is_neither_file_nor_session(run: Run, ids: list[str]) -> None:
    assert run_program(["replay", "a" * 300]) == 3


@pytest.mark.parametrize(("form", "suffix"), [("html", "html"), ("openai", "jsonl")])
def test_all_sessions_become_one_file(form: str, suffix: str, run: Run, ids: list[str], tmp_path: Path) -> None:
    assert run("export", "--all", "-o", f"all.{suffix}").out == f"saved 2 sessions as all.{suffix}\n"
    assert run("export", *ids, "--format", form, "-o", "other").code == 0
    document = (tmp_path / f"all.{suffix}").read_text("utf-8")
    assert document.count("<article id" if form == "html" else '"messages"') == 2


@pytest.mark.parametrize(("form", "suffix"), [("json", ".json"), ("markdown", ".md")])
def test_several_sessions_become_files_of_a_folder(
    form: str, suffix: str, run: Run, ids: list[str], tmp_path: Path
) -> None:
    done = run("export", *ids, ids[0], "--format", form, "-o", "saved", "--json")
    told = json.loads(done.out)["sessions"]
    assert told == [{"session": one, "file": f"saved/A-red-picture-{one}{suffix}"} for one in ids]
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {
        "pictures",
        *(Path(entry["file"]).name for entry in told),
    }
    before = contents(tmp_path / "saved")
    assert run("export", "--all", "--format", form, "-o", "saved").code == 0
    assert contents(tmp_path / "saved") == before


@pytest.mark.parametrize("form", ["json", "openai"])
def test_a_session_that_cannot_be_read_keeps_nobody_from_the_others(
    form: str, run: Run, ids: list[str], tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        database.execute("UPDATE turns SET created_at = 7 WHERE session_id = ?", (ids[1],))
        database.commit()
    done = run("export", "--all", "--format", form, "-o", "saved", "--json")
    assert [entry["session"] for entry in json.loads(done.out)["sessions"]] == [ids[0]]
    assert done.code == 3
    assert done.err.startswith(f"idefics-chat: session {ids[1]} holds a value that is not understood")
    assert (tmp_path / "saved").exists()
    nothing = run("export", ids[1], ids[1][:6], "--format", form, "-o", "nothing", "--json")
    assert (nothing.code, nothing.out) == (3, "")


def test_sessions_that_were_searched_are_exported(run: Run, ids: list[str], tmp_path: Path) -> None:
    run("rename", ids[0], "Penguins")
    assert run("export", "--search", "penguins", "-o", "found.jsonl").out == "saved 1 session as found.jsonl\n"
    assert run("export", "--search", "walrus", "-o", "none.jsonl") == Done(
        3, "", "idefics-chat: no session mentions that\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name the sessions, or give --all, or --search WORDS: one of them"),
        (("--all", "--search", "a"), "name the sessions, or give --all, or --search WORDS: one of them"),
        (("--all", "-o", "all.json"), "all.json: several sessions as json go into a folder: name one with -o"),
        (
            ("--all", "--format", "markdown", "-o", "-"),
            "several sessions as markdown go into a folder: name one with -o",
        ),
        (("--all", "-o", "-", "--json"), "-o - and --json both print a document: choose one"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: tuple[str, ...], words: str, run: Run, ids: list[str], tmp_path: Path
) -> None:
    done = run("export", *(arguments if "-o" in arguments else (*arguments, "-o", "all.html")))
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"idefics-chat: {words}"
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.db"]


def test_documents_that_need_no_folder_are_printed(run: Run, ids: list[str]) -> None:
    lines = run("export", "--all", "--format", "openai", "-o", "-").out.splitlines()
    assert [json.loads(line)["messages"][0]["role"] for line in lines] == ["system", "system"]
    assert run("export", ids[0], "--format", "html", "-o", "-").out.endswith("</html>\n")
    assert "has pictures, which need a folder" in run("export", ids[0], "--format", "markdown", "-o", "-").err


def test_what_was_exported_is_imported_from_any_form(run: Run, ids: list[str], tmp_path: Path) -> None:
    run("export", "--all", "--format", "json", "-o", "saved")
    run("export", "--all", "-o", "all.jsonl")
    (tmp_path / "sessions.db").unlink()
    told = json.loads(run("import", "saved", "all.jsonl", "--json").out)
    assert [(entry["title"], Path(entry["file"]).suffix) for entry in told["sessions"]] == [
        ("A red picture", ".json"),
        ("A red picture", ".json"),
        ("A red picture", ".jsonl"),
        ("A red picture", ".jsonl"),
    ]
    shown = [json.loads(run("show", entry["session"], "--json").out) for entry in told["sessions"]]
    parts = [[turn["parts"] for turn in session["turns"]] for session in shown]
    texts = [[[part.get("text", part.get("image")) for part in turn] for turn in session] for session in parts]
    assert texts[0] == texts[2]


def test_pictures_that_are_not_fetched_are_listed_and_the_rest_is_kept(run: Run, tmp_path: Path) -> None:
    remote = {"type": "image_url", "image_url": {"url": "https://example.org/\x9bcat.png"}}
    message = {"role": "user", "content": [{"type": "text", "text": "What?"}, remote]}
    (tmp_path / "talk.jsonl").write_text(json.dumps({"messages": [message]}))
    line = "talk.jsonl: line 1: messages[0].content[1]: https://example.org/<U+009B>cat.png was not fetched: nothing is"
    done = run("import", "talk.jsonl")
    assert (done.code, done.err) == (0, f"{line}\n")
    assert done.out.startswith("imported as session ")
    assert json.loads(run("import", "talk.jsonl", "--json").out)["left_out"] == [line]


def test_pictures_of_a_folder_are_found_with_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "red.png").write_bytes(RED.read())
    talk = {"image": "red.png", "conversations": [{"from": "human", "value": "<image>\nWhat?"}]}
    (tmp_path / "talk.json").write_text(json.dumps([talk]))
    assert "red.png is not beside the file: give --images FOLDER" in run("import", "talk.json").err
    told = json.loads(run("import", "talk.json", "--images", "elsewhere", "--json").out)
    shown = json.loads(run("show", told["session"], "--json").out)
    assert [part.get("image", part.get("text")) for part in shown["turns"][0]["parts"]] == [RED.digest, "What?"]


def test_where_anything_is_wrong_nothing_of_any_file_is_kept(run: Run, ids: list[str], tmp_path: Path) -> None:
    save_transcript(tmp_path / "good.json", TALK)
    good, bad = {"messages": [{"role": "user", "content": "a"}]}, {"messages": [{"role": "assistant", "content": "a"}]}
    (tmp_path / "bad.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    done = run("import", "good.json", "bad.jsonl")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("idefics-chat: bad.jsonl: line 2: messages[0]: the conversation begins with a reply")
    assert count(run, tmp_path) == 2


def test_a_file_that_is_wrong_leaves_no_empty_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "folder").mkdir()
    assert run("import", "empty.json").err == "idefics-chat: empty.json: there is no conversation in it\n"
    assert run("import", "folder").err == (
        "idefics-chat: folder: there is no file in it that ends in .json or .jsonl: name the files themselves, or the"
        " folder that they are in\n"
    )
    assert run("import", "nowhere.json").code == 3
    assert not (tmp_path / "sessions.db").exists()


def test_where_a_later_conversation_is_wrong_no_database_is_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "talks.jsonl").write_text(f"{HELLO}\n{HELLO}\n{{")
    assert run("import", "talks.jsonl").err.startswith("idefics-chat: talks.jsonl: line 3: is not JSON")
    assert not (tmp_path / "sessions.db").exists()


def test_an_import_that_is_interrupted_leaves_whole_sessions_and_the_same_again_brings_the_rest(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "talks.jsonl").write_text(f"{HELLO}\n{HELLO.replace('Hello', 'Goodbye')}\n")
    bring_in = importing.bring_in

    def interrupted(connection: sqlite3.Connection, path: Path, transcript: Transcript, mark: str) -> Imported:
        if transcript.turns[0].turn.text == "Goodbye":
            raise KeyboardInterrupt
        return bring_in(connection, path, transcript, mark)

    monkeypatch.setattr(whole, "TURNS_AT_ONCE", 1)
    with monkeypatch.context() as patched:
        patched.setattr(importing, "bring_in", interrupted)
        words = "1 session imported before it ended: import again for the rest\n"
        assert run("import", "talks.jsonl") == Done(INTERRUPTED, "", words)
    assert count(run, tmp_path) == 1
    assert run("import", "talks.jsonl").out.splitlines()[-1] == "1 session imported, 1 there already"


def test_ctrl_c_ends_an_import_between_two_conversations_and_counts_what_is_kept(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    talks = [HELLO, HELLO.replace("Hello", "Goodbye"), HELLO.replace("Hello", "Again")]
    (tmp_path / "talks.jsonl").write_text("\n".join(talks))
    bring_in, stop, shown = importing.bring_in, threading.Event(), list[str]()

    def interrupted(connection: sqlite3.Connection, path: Path, transcript: Transcript, mark: str) -> Imported:
        if transcript.turns[0].turn.text == "Goodbye":
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wait(10)
        return bring_in(connection, path, transcript, mark)

    monkeypatch.setattr(whole, "TURNS_AT_ONCE", 1)
    monkeypatch.setattr(importing, "bring_in", interrupted)
    monkeypatch.setattr("chat.cli.stoppable.threading", SimpleNamespace(Event=lambda: stop))
    monkeypatch.setattr("chat.cli.stoppable._REWRITTEN_S", 0)
    monkeypatch.setattr(ProgressLine, "show", lambda _, words: shown.append(words))
    with pytest.raises(SystemExit) as ended:
        run("import", "talks.jsonl")
    assert ended.value.code == INTERRUPTED
    assert capfd.readouterr() == ("", "2 sessions imported before it ended: import again for the rest\n")
    assert count(run, tmp_path) == 2
    assert shown[2:] == ["reading conversations, 3", *(f"keeping conversations, {number} of 3" for number in (1, 2))]


def test_what_comes_twice_is_there_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text(HELLO)
    told = json.loads(run("import", "talk.jsonl", "--json").out)
    assert [entry["is_new"] for entry in told["sessions"]] == [True]
    assert run("import", "talk.jsonl").out.startswith(f"was there already as session {told['session']}: ")
    run("delete", told["session"])
    again = run("import", "talk.jsonl", "talk.jsonl").out.splitlines()
    assert again == [
        f"{told['session']}  Hello: was there already and was brought back",
        f"{told['session']}  Hello: was there already",
        "0 sessions imported, 2 there already",
    ]


def test_logs_of_llm_that_have_grown_give_the_session_its_new_turns(run: Run, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "logs.db")) as logs:
        logs.executescript(SHARED + RESPONSES)
        logs.execute("INSERT INTO conversations VALUES ('c1', 'Hi', 'gpt-4o')")
        columns = "id, datetime_utc, prompt, conversation_id, model, response"
        ask = f"INSERT INTO responses ({columns}) VALUES (?, ?, ?, 'c1', 'gpt-4o', 'Ho')"
        logs.execute(ask, ("r1", "2026-11-21T02:30:00", "Hi"))
        logs.commit()
        assert run("import", "logs.db").out.startswith("imported as session ")
        logs.execute(ask, ("r2", "2026-11-21T02:31:00", "And?"))
        logs.commit()
    told = json.loads(run("import", "logs.db", "--json").out)
    assert [(entry["is_new"], entry["added_turns"]) for entry in told["sessions"]] == [(False, 2)]
    shown = json.loads(run("show", told["session"], "--json").out)
    assert [turn["parts"] for turn in shown["turns"]] == [[{"text": text}] for text in ("Hi", "Ho", "And?", "Ho")]
    assert shown["turns"][1]["checkpoint"] == "gpt-4o"


def test_json_may_hold_its_pictures(run: Run, ids: list[str], tmp_path: Path) -> None:
    assert run("export", "--all", "--inline", "-o", "saved").code == 0
    assert not (tmp_path / "saved" / "pictures").exists()
    printed = run("export", ids[0], "--inline", "-o", "-").out
    (tmp_path / "printed").write_text(printed, "utf-8")
    done = run("import", "saved", "printed")
    assert (done.code, done.out.splitlines()[-1]) == (0, "0 sessions imported, 3 there already")
    assert "--inline is for --format json" in run("export", "--all", "--inline", "-o", "all.html").err


def test_pictures_that_are_gone_are_told(run: Run, ids: list[str], tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        database.execute("UPDATE images SET data = x'00' WHERE digest = ?", (RED.digest,))
        database.commit()
    for name in ("all.html", "all.jsonl", "saved"):
        words = run("export", "--all", "--format", {"saved": "markdown"}.get(name, "html"), "-o", name).out
        assert words.endswith(f"{name}; without pictures that are gone from the store: red.png\n")


def test_its_own_database_is_no_file_to_import(run: Run, ids: list[str]) -> None:
    done = run("import", "sessions.db")
    cure = "`idefics-chat sessions export --all --db FILE -o FOLDER` makes files of it, which can be imported"
    assert done == Done(3, "", f"idefics-chat: sessions.db: is a database of idefics-chat: {cure}\n")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "talk.md",
            b"# A talk",
            "is Markdown, which is for reading alone: export the session as .json, and import that",
        ),
        ("talk.htm", b"Hello", "is HTML, which is for reading alone: export the session as .json, and import that"),
        ("talk", b"\xef\xbb\xbf\n<!doctype html>", "is HTML, which is for reading alone: export the session as .json"),
        (
            "talk.json",
            RED.read(),
            "is a picture, not a conversation: `idefics-chat ask QUESTION -i FILE` asks about it",
        ),
        ("talk.zip", b"PK\x03\x04\x14", "is an archive: unpack it first"),
        ("talk.json", b" \n", "is empty: export the session again"),
    ],
)
def test_a_file_that_is_no_conversation_is_told_by_what_it_is(
    name: str, content: bytes, words: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = run("import", name)
    assert (done.code, done.out, done.err.startswith(f"idefics-chat: {name}: {words}")) == (3, "", True)
    assert not (tmp_path / "sessions.db").exists()


@pytest.mark.parametrize("name", ["talk.md", "talk.html"])
def test_what_a_file_is_its_name_alone_does_not_say(name: str, run: Run, tmp_path: Path) -> None:
    save_transcript(tmp_path / name, TALK)
    assert run("import", name).code == 0


def test_a_damaged_session_keeps_nobody_from_the_others_and_leaves_no_empty_folder(
    run: Run, ids: list[str], tmp_path: Path
) -> None:
    damaged, sound = ids
    change(tmp_path / "sessions.db", f"UPDATE sessions SET title = x'ff00' WHERE id = '{damaged}'")
    for output in ("all.html", "all.jsonl", "folder"):
        done = run("export", "--all", "-o", output)
        assert (done.code, done.out.startswith("saved 1 session")) == (3, True)
        assert done.err.startswith(f"idefics-chat: session {damaged} holds a value that is not understood (title: ")
    (file,) = (tmp_path / "folder").glob("*.json")
    assert file.stem.endswith(sound)
    done = run("export", "--all", "--format", "openai", "-o", "-")
    assert (done.code, done.out.count("\n"), done.err.count("\n")) == (3, 1, 1)
    change(tmp_path / "sessions.db", "UPDATE sessions SET title = x'ff00'")
    for output in ("none.html", "none.jsonl", "none", "-"):
        assert run("export", "--all", "--format", "openai", "-o", output).code == 3
        assert run("export", "--all", "-o", "nothing").code == 3
    assert not [*tmp_path.glob("no*")]
