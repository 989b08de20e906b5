"""`idefics-chat replay --verify` as a person or a script runs it."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from chat.cli import replay_lines, running
from chat.cli.app import INTERRUPTED
from chat.cli.app import run as run_here
from chat.cli.replay_verify import DIFFERENT
from chat.conversation import user_turn
from chat.errors import CheckpointError, InputError, ModelLostError
from chat.generation import REMOTE, GenerationSettings, Reply, TextGenerator
from chat.models import hub
from chat.models.request import CheckpointRequest
from chat.prompt import serialize
from chat.session import RunningReply, conversation_of
from chat.session_files import save_session
from chat.shapes.bundled import CHECKPOINT
from chat.shapes.sample_sessions import hold
from chat.store import open_store

SAMPLES = Path(__file__).parents[2] / "sample_sessions"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, shapes: TextGenerator) -> list[CheckpointRequest]:
    """What is asked for; the bundled checkpoint comes for each of it, without being loaded again."""
    asked: list[CheckpointRequest] = []

    def loader(request: CheckpointRequest) -> Callable[..., TextGenerator]:
        asked.append(request)
        return lambda _progress, _stop: shapes

    monkeypatch.setattr(running, "loader", loader)
    return asked


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A saved conversation of three exchanges, whose file may be changed, with a shorter one beside it."""
    shutil.copytree(SAMPLES, tmp_path / "talks", ignore=lambda _, names: [n for n in names if n.endswith(".json")])
    shutil.copy(SAMPLES / "story.json", tmp_path / "talks")
    document = json.loads((SAMPLES / "several-turns.json").read_text())
    path = tmp_path / "talks" / "several-turns.json"
    path.write_text(json.dumps({**document, "turns": document["turns"][:6]}))
    return path


def replay(*arguments: str | Path) -> int:
    try:
        return run_here(["replay", *map(str, arguments)])
    except SystemExit as ended:
        return int(ended.code or 0)


def change(path: Path, turn: int, **fields: Any) -> None:
    document = json.loads(path.read_text())
    document["turns"][turn - 1]["generation"].update(fields)
    path.write_text(json.dumps(document))


def test_the_sample_sessions_come_again_on_a_fresh_machine(
    capsys: pytest.CaptureFixture[str], loads: list[CheckpointRequest]
) -> None:
    assert replay("--verify", SAMPLES, "--json") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    report = json.loads(printed.out)
    assert report["same"] is True
    assert [session["name"] for session in report["sessions"]] == sorted(path.name for path in SAMPLES.glob("*.json"))
    turns = [turn for session in report["sessions"] for turn in session["turns"]]
    assert len(turns) == 24
    assert [{key: turn[key] for key in turn if key != "session"} for turn in report["turns"]] == turns
    assert list(dict.fromkeys(turn["session"] for turn in report["turns"])) == [
        one["name"] for one in report["sessions"]
    ]
    assert all(turn["outcome"] == "same" and turn["recorded"] == turn["regenerated"] for turn in turns)
    assert len(loads) == 1
    assert (loads[0].dtype, loads[0].device, loads[0].quantize, loads[0].revision) == ("float32", "cpu", "none", None)


def test_a_token_that_differs_is_told_and_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest]
) -> None:
    ids = json.loads(talk.read_text())["turns"][3]["generation"]["token_ids"]
    change(talk, 4, token_ids=[*ids[:2], ids[0], *ids[3:]])
    assert replay("--verify", talk, "--json") == DIFFERENT
    report = json.loads(capsys.readouterr().out)
    assert report["same"] is False
    assert [turn["turn"] for turn in report["turns"] if not turn["same"]] == [4]
    found = report["turns"][1]
    difference = found["first_difference"]
    assert (difference["of"], difference["token"]) == ("reply", 2)
    assert difference["recorded"]["token_id"] == ids[0]
    assert difference["regenerated"]["token_id"] == ids[2]
    assert difference["recorded"]["rank"] > difference["regenerated"]["rank"] == 1
    assert difference["recorded"]["probability"] < difference["regenerated"]["probability"]
    gap = difference["regenerated"]["log_probability"] - difference["recorded"]["log_probability"]

    assert replay("--verify", talk, "--tolerance", gap + 0.1) == 0
    assert "the same but for a near tie" in capsys.readouterr().out
    assert replay("--verify", talk) == DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("  ≠  4  What colour is the star?"))
    assert lines[place + 1].startswith("        token 3: ")
    assert "rank 1)" in lines[place + 1]
    assert lines[-1] == "3 replies: 2 the same, 1 different"


class Called:
    """A generator that says it is another one."""

    def __init__(self, generator: TextGenerator, name: str) -> None:
        self._generator = generator
        self.facts = replace(generator.facts, name=name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)


@pytest.fixture
def changed_checkpoint(tmp_path: Path, shapes: TextGenerator) -> tuple[Path, str]:
    """A checkpoint whose weights changed since a session was held with it; and that session's id."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "checkpoint"
    shutil.copytree(CHECKPOINT, folder)
    with open_store(tmp_path / "sessions.db") as store:
        session_id = hold(
            store,
            cast(TextGenerator, Called(shapes, str(folder))),
            "Shapes",
            (("[green-triangle]", "How many shapes are there?"),),
        )
        generation = store.turns(session_id)[1].generation
    assert generation is not None
    first, second = generation.token_ids[:2]
    tensors = load_file(folder / "model.safetensors")
    # One word is said in the place of the other.
    weights = tensors["lm_head.weight"]
    weights[[first, second]] = weights[[second, first]]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder, session_id


def test_other_weights_are_told_before_the_replies_they_change(
    capsys: pytest.CaptureFixture[str], changed_checkpoint: tuple[Path, str], tmp_path: Path
) -> None:
    folder, session_id = changed_checkpoint
    assert replay("--verify", session_id, "--db", tmp_path / "sessions.db") == DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f"{folder.name} on cpu, float32")
    assert [line.split()[:2] for line in lines[1:3]] == [["≠", "revision"], ["≠", "file"]]
    assert lines[3:5] == ["", f"{session_id}  Shapes"]
    assert lines[5].startswith("  ≠  2  [green-triangle.png] How many shapes are there?")
    assert lines[-1] == "1 reply: different"


def test_a_session_is_run_on_another_checkpoint_where_one_is_named(
    capsys: pytest.CaptureFixture[str],
    changed_checkpoint: tuple[Path, str],
    tmp_path: Path,
    loads: list[CheckpointRequest],
) -> None:
    _, session_id = changed_checkpoint
    db = tmp_path / "sessions.db"
    assert replay("--verify", session_id, "--checkpoint", "shapes", "--db", db, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in report["differences"]] == ["checkpoint"]
    assert [turn["same"] for turn in report["turns"]] == [True]
    assert report["name"] == session_id
    assert [one.name for one in loads] == ["shapes"]


def test_a_checkpoint_that_is_named_may_say_how_it_is_loaded(talk: Path, loads: list[CheckpointRequest]) -> None:
    named = ("--checkpoint", "shapes,dtype=bfloat16", "--dtype", "float16", "--device", "cpu")
    assert replay("--verify", talk.parent / "story.json", *named) in (0, DIFFERENT)
    assert [(one.name, one.dtype, one.device) for one in loads] == [("shapes", "bfloat16", "cpu")]


@pytest.fixture
def branched(tmp_path: Path, shapes: TextGenerator) -> str:
    """A session of two exchanges whose second message was asked in another way, too; its id."""
    with open_store(tmp_path / "sessions.db") as store:
        messages = (("[green-triangle]", "How many shapes are there?"), ("Is there a star?",))
        session_id = hold(store, shapes, "Shapes", messages)
        message = store.add_version(store.turns(session_id)[2].id, user_turn("Where is the circle?"))
        conversation = conversation_of(store.turns(session_id), facts=shapes.facts)
        prompt = serialize(conversation, shapes.dialect)
        *_, reply = shapes.generate(prompt, GenerationSettings(), threading.Event())
        RunningReply(store, message, shapes.facts, GenerationSettings()).finish(cast(Reply, reply))
        return session_id


def test_another_branch_can_be_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, branched: str, loads: list[CheckpointRequest]
) -> None:
    db = tmp_path / "sessions.db"
    assert replay("--verify", branched, "--db", db, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [turn["turn"] for turn in shown["turns"]] == [2, 6]
    assert replay("--verify", branched, "--db", db, "--branch", "3", "--json") == 0
    other = json.loads(capsys.readouterr().out)
    assert [turn["turn"] for turn in other["turns"]] == [2, 4]
    assert shown["turns"][1]["recorded"] != other["turns"][1]["recorded"]


def test_every_reply_of_every_branch_is_run_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, branched: str, loads: list[CheckpointRequest]
) -> None:
    db = tmp_path / "sessions.db"
    assert replay("--verify", branched, "--db", db, "--branch", "all", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(turn["turn"], turn["branch"]) for turn in report["turns"]] == [(2, 4), (4, 4), (6, 6)]
    assert all(turn["outcome"] == "same" and turn["regenerated"] for turn in report["turns"])
    assert (report["same"], report["is_whole"], len(loads)) == (True, True, 1)
    assert replay("--verify", branched, "--db", db, "--branch", "all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1:] for line in lines[3:-2]] == [
        ["branch 1 of 2, from turn 1 to turn 4"],
        ["=", "2", "[green-triangle.png] How many shapes are there?"],
        ["=", "4", "Is there a star?"],
        ["branch 2 of 2, from turn 5 to turn 6"],
        ["=", "6", "Where is the circle?"],
    ]
    assert lines[-1] == "3 replies: all the same"


def test_turns_of_a_session_are_called_by_the_ids_that_its_store_gives_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shapes: TextGenerator, loads: list[CheckpointRequest]
) -> None:
    db = tmp_path / "sessions.db"
    with open_store(db) as store:
        hold(store, shapes, "Another", (("[green-triangle]", "What is it?"),))
        session_id = hold(store, shapes, "Shapes", (("[green-triangle]", "How many shapes are there?"),))
        store.add_version(store.turns(session_id)[0].id, user_turn("Where is the circle?"))
        message, reply = (turn.id for turn in store.tree(session_id)[:2])
        newer = store.tree(session_id)[2].id
    assert (message, reply, newer) == (3, 4, 5)
    assert replay(session_id, "--db", db, "--json", "--branch", str(reply)) == 0
    (played,) = json.loads(capsys.readouterr().out)["conversations"]
    assert ([turn["turn"] for turn in played["turns"]], played["branches"]) == ([message, reply], [reply, newer])
    assert replay("--verify", session_id, "--db", db, "--json", "--branch", str(reply)) == 0
    (verified,) = json.loads(capsys.readouterr().out)["turns"]
    assert (verified["turn"], verified["branch"]) == (reply, reply)
    assert replay("--verify", session_id, "--db", db, "--branch", "all") == 0
    printed = capsys.readouterr().out
    assert "  =  4  [green-triangle.png] How many shapes are there?" in printed
    assert "branch 2 of 2, from turn 5 to turn 5" in printed
    assert replay("--verify", session_id, "--db", db, "--branch", "1") == 2
    assert "there is no turn 1 in this conversation: `replay` with --json tells" in capsys.readouterr().err


def test_a_file_of_a_folder_that_cannot_be_read_is_named_and_the_others_are_run(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest]
) -> None:
    (talk.parent / "cut.json").write_text('{"format": ')
    assert replay("--verify", talk.parent) == InputError.exit_code
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "4 replies in 2 conversations: all the same; 1 file not read"
    assert "cut.json: is not JSON" in printed.err
    assert replay("--verify", talk.parent, "--json") == InputError.exit_code
    report = json.loads(capsys.readouterr().out)
    assert (report["same"], report["is_whole"], len(report["turns"])) == (False, False, 4)
    assert "cut.json: is not JSON" in report["problems"][0]
    change(talk, 2, token_ids=[1])
    assert replay("--verify", talk.parent) == DIFFERENT
    capsys.readouterr()
    assert replay(talk.parent, "--json") == InputError.exit_code
    assert len(json.loads(capsys.readouterr().out)["conversations"]) == 2


@pytest.mark.parametrize("lines", [1, 2])
def test_a_file_of_another_program_is_to_be_imported_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "talk.jsonl"
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]
    path.write_text((json.dumps({"messages": messages}) + "\n") * lines)
    assert replay(path) == InputError.exit_code
    assert f"import it first (`idefics-chat sessions import {path}`)" in capsys.readouterr().err


def test_of_a_folder_every_branch_of_every_file_is_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, branched: str, loads: list[CheckpointRequest]
) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    with open_store(tmp_path / "sessions.db") as store:
        save_session(store, branched, folder / "branched.json")
        # A message that nobody has answered.
        store.add_version(store.turns(branched)[2].id, user_turn("Is it red?"))
        save_session(store, branched, folder / "unanswered.json")
    ids = json.loads((folder / "branched.json").read_text())["turns"][3]["generation"]["token_ids"]
    change(folder / "branched.json", 4, token_ids=[*ids[:-1], ids[0]])
    assert replay("--verify", folder) == 0
    assert replay("--verify", folder, "--branch", "all") == DIFFERENT
    printed = capsys.readouterr().out
    assert "  ≠  4  Is there a star?" in printed
    assert "  branch 3 of 3, from turn 7 to turn 7: no reply of its own" in printed
    assert printed.splitlines()[-1] == "6 replies in 2 conversations: 5 the same, 1 different"


def test_what_cannot_be_run_is_named_and_no_checkpoint_is_loaded_for_it(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest]
) -> None:
    document = json.loads(talk.read_text())
    first, second, third = (turn for turn in document["turns"] if turn["role"] == "assistant")
    del first["generation"]
    second["generation"]["facts"]["name"] = " "
    third["generation"]["facts"]["device"] = "a server"
    talk.write_text(json.dumps(document))
    assert replay("--verify", talk) == DIFFERENT
    printed = capsys.readouterr().out
    assert "nothing tells what gave it" in printed
    assert "it is not known which checkpoint gave it: --checkpoint names one" in printed
    assert "shapes gave it, on no device of this machine (a server)" in printed
    assert "3 replies: all not verifiable" in printed
    assert loads == []
    assert replay("--verify", talk, "--checkpoint", "shapes", "--json") == DIFFERENT
    report = json.loads(capsys.readouterr().out)
    assert [turn["outcome"] for turn in report["turns"]] == ["not_verifiable", "same", "same"]


def test_replies_about_a_picture_that_is_gone_are_named(
    capsys: pytest.CaptureFixture[str],
    talk: Path,
    monkeypatch: pytest.MonkeyPatch,
    load_shapes: Callable[[], TextGenerator],
) -> None:
    for path in (talk.parent / "pictures").glob("red-circle-*"):
        path.unlink()
    # What was seen of a picture before needs no bytes.
    monkeypatch.setattr(running, "loader", lambda _request: lambda _progress, _stop: load_shapes())
    assert replay("--verify", talk.parent) == DIFFERENT
    printed = capsys.readouterr().out
    assert printed.count("is missing") == 3
    assert "4 replies in 2 conversations: 1 the same, 3 not verifiable" in printed


def test_every_checkpoint_is_loaded_once_and_as_it_was(
    talk: Path, loads: list[CheckpointRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "is_cached", lambda _request: True)

    def other(turn: int, **fields: str) -> None:
        facts = json.loads(talk.read_text())["turns"][turn - 1]["generation"]["facts"]
        change(talk, turn, facts={**facts, **fields})

    other(2, dtype="bfloat16")
    other(4, name="some/checkpoint", revision="abc", quantization="8bit", device="cuda:7")
    other(6, dtype="bfloat16")
    assert replay("--verify", talk.parent, "--dtype", "float16") in (0, DIFFERENT)
    assert [(one.name, one.revision, one.dtype, one.quantize, one.device) for one in loads] == [
        ("shapes", None, "float16", "none", "cpu"),
        ("some/checkpoint", "abc", "float16", "8bit", "auto"),
    ]
    loads.clear()
    assert replay("--verify", talk) in (0, DIFFERENT)
    assert [(one.name, one.dtype) for one in loads] == [
        ("shapes", "bfloat16"),
        ("some/checkpoint", "float32"),
    ]


def test_the_config_changes_nothing_of_what_was_recorded(
    talk: Path, loads: list[CheckpointRequest], own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own_home))
    config = own_home / "idefics-chat" / "config.toml"
    config.parent.mkdir()
    config.write_text('checkpoint = "an/other"\ndtype = "float16"\nquantize = "4bit"\nrevision = "main"\n')
    assert replay("--verify", talk.parent / "story.json") == 0
    assert [(one.name, one.dtype, one.quantize) for one in loads] == [("shapes", "float32", "none")]


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch, shapes: TextGenerator) -> Callable[[int], None]:
    """Has somebody press ctrl-C while a reply after so many others is run."""

    def after(replies: int) -> None:
        class Interrupted:
            left = replies

            def __getattr__(self, name: str) -> Any:
                if name == "generate":
                    if not self.left:
                        os.kill(os.getpid(), signal.SIGINT)
                    self.left -= 1
                return getattr(shapes, name)

        monkeypatch.setattr(running, "loader", lambda _request: lambda _progress, _stop: Interrupted())

    return after


def test_a_stop_by_the_user_ends_it(
    capsys: pytest.CaptureFixture[str], interrupted: Callable[[int], None], talk: Path
) -> None:
    interrupted(0)
    assert replay("--verify", SAMPLES) == INTERRUPTED
    assert "replies" not in capsys.readouterr().out
    assert replay("--verify", talk, "--json") == INTERRUPTED
    assert capsys.readouterr().out == ""


def test_what_was_run_before_a_stop_is_told(
    capsys: pytest.CaptureFixture[str], interrupted: Callable[[int], None], talk: Path
) -> None:
    interrupted(2)
    assert replay("--verify", talk.parent) == INTERRUPTED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[3:5]] == [["=", "2"], ["=", "4"]]
    assert lines[-1] == "stopped after 2 of 4 replies in 2 conversations: all the same"
    assert not any(line.startswith("story.json") for line in lines)
    interrupted(2)
    assert replay("--verify", talk, "--json") == INTERRUPTED
    report = json.loads(capsys.readouterr().out)
    assert [turn["same"] for turn in report["turns"]] == [True, True]
    assert (report["is_whole"], report["same"]) == (False, False)


def test_what_was_run_before_the_model_was_lost_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, shapes: TextGenerator, talk: Path
) -> None:
    class Lost:
        left = 2

        def __getattr__(self, name: str) -> Any:
            if name == "generate":
                if not self.left:
                    raise ModelLostError("the model's process was killed: out of memory?")
                self.left -= 1
            return getattr(shapes, name)

    monkeypatch.setattr(running, "loader", lambda _request: lambda _progress, _stop: Lost())
    assert replay("--verify", talk.parent) == ModelLostError.exit_code
    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()[3:5]] == [["=", "2"], ["=", "4"]]
    assert printed.out.splitlines()[-1] == "stopped after 2 of 4 replies in 2 conversations: all the same"
    assert printed.err.splitlines()[-1].endswith("several-turns.json: the model's process was killed: out of memory?")
    assert replay("--verify", talk, "--json") == ModelLostError.exit_code
    report = json.loads(capsys.readouterr().out)
    assert [turn["same"] for turn in report["turns"]] == [True, True]
    assert (report["is_whole"], report["same"]) == (False, False)


def test_a_terminal_without_the_signs_gets_others(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = json.loads(talk.read_text())["turns"][3]["generation"]["token_ids"]
    change(talk, 4, token_ids=[ids[1], *ids[1:]])
    monkeypatch.setattr(replay_lines, "_signs", lambda: replay_lines._ASCII)
    assert replay("--verify", talk) == DIFFERENT
    printed = capsys.readouterr().out
    assert "  != 4  What colour is the star?" in printed
    assert " -> " in printed
    assert printed.isascii()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["story.json", "--device", "cpu"], 2, "give --verify or --checkpoint"),
        (["story.json", "--tolerance", "1"], 2, "--tolerance is for --verify"),
        (["story.json", "--verify", "--speed", "2"], 2, "--speed is for playing back"),
        (["--verify", "story.json", "--checkpoint", "a", "--checkpoint", "b"], 2, "--verify takes one --checkpoint"),
        (["--verify", "story.json", "--tolerance", "-1"], 2, "--tolerance"),
        (["--verify", "story.json", "--tolerance", "nan"], 2, "--tolerance is nan"),
        (["--verify", "story.json", "--tolerance", "inf"], 2, "--tolerance is inf"),
        (["--verify", "nosuch", "--api", "tgi"], 2, "leave --base-url and --api out"),
        (["--verify", "story.json", "--base-url", "http://localhost:1"], 2, "leave --base-url and --api out"),
        (["--verify", "story.json", "--revision", "main"], 2, "--revision is for checkpoints of the hub"),
        (["--verify", "story.json", "--checkpoint", "no/such/folder"], 4, "no/such/folder"),
        (["--verify", "story.json", "--device", "cuda:99"], 4, "cuda:99"),
        (["--verify", "story.json", "--branch", "9"], 2, "there is no turn 9 in this conversation"),
        (["--verify", ".", "--branch", "1"], 2, "and there are 8: name one of them, or verify all with --branch all"),
        (["--verify", "story.json", "--branch", "al"], 2, "'al' is neither the number of a turn nor all"),
        (["story.json", "--branch", "all"], 2, "--branch all is for --verify: what is played back is one branch"),
        (["story.json", "--checkpoint", "a", "--branch", "all"], 2, "what is compared is one branch"),
        (["--verify", "nothing.json"], 3, "nothing.json"),
        (["--verify", "pictures"], 3, "there is no saved conversation"),
        (["--verify", ""], 2, "nothing is named: give a session, a file or a folder"),
        (["--verify", "story.json", "--checkpoint", "a,base-url=http://localhost:1"], 2, "leave base-url and api out"),
        (["--verify", "story.json", "--checkpoint", "a,quantise=8bit"], 2, "'quantise=8bit' is no option"),
        (["--verify", "nosuch"], 3, "nosuch is neither a file, a folder nor a session"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(SAMPLES)
    assert replay(*arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err.splitlines()[-1]


def called(path: Path, turn: int, name: str, **fields: object) -> None:
    """Have a file say that another checkpoint gave a reply."""
    facts = json.loads(path.read_text())["turns"][turn - 1]["generation"]["facts"]
    change(path, turn, facts={**facts, "name": name, **fields})


def test_checkpoints_that_are_not_here_keep_no_other_reply_from_being_run(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest], tmp_path: Path
) -> None:
    called(talk, 2, "./elsewhere")
    called(talk, 6, str(tmp_path))
    assert replay("--verify", talk) == DIFFERENT
    printed = capsys.readouterr().out
    assert "./elsewhere is no folder" in printed
    assert " is a folder, and no file has it opened: --checkpoint " in " ".join(printed.split())
    assert "3 replies: 1 the same, 2 not verifiable" in printed
    assert [one.name for one in loads] == ["shapes"]


def test_nothing_is_fetched_because_a_file_names_it(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest]
) -> None:
    for turn in (2, 4, 6):
        called(talk, turn, "some/checkpoint", revision="abc")
    assert replay("--verify", talk) == 4
    printed = capsys.readouterr()
    assert (printed.out, loads) == ("", [])
    (line,) = printed.err.splitlines()
    words = "some/checkpoint is not on this machine, and no file has it fetched: --checkpoint some/checkpoint does"
    assert line.endswith(words)
    assert replay("--verify", talk, "--checkpoint", "some/checkpoint") in (0, DIFFERENT)
    assert [one.name for one in loads] == ["some/checkpoint"]


def test_a_checkpoint_that_cannot_be_loaded_keeps_no_other_reply_from_being_run(
    capsys: pytest.CaptureFixture[str], talk: Path, monkeypatch: pytest.MonkeyPatch, shapes: TextGenerator
) -> None:
    def loader(request: CheckpointRequest) -> Callable[..., TextGenerator]:
        def load(*_: object) -> TextGenerator:
            if request.dtype == "bfloat16":
                raise CheckpointError("there is no memory for it")
            return shapes

        return load

    monkeypatch.setattr(running, "loader", loader)
    called(talk, 2, "shapes", dtype="bfloat16")
    assert replay("--verify", talk, "--json") == DIFFERENT
    first, *others = json.loads(capsys.readouterr().out)["turns"]
    assert (first["outcome"], first["note"]) == ("not_verifiable", "there is no memory for it")
    assert [turn["outcome"] for turn in others] == ["same"] * 2
    assert replay("--verify", talk, "--dtype", "bfloat16") == 4
    assert capsys.readouterr().out == ""


def test_what_a_server_told_of_itself_is_no_way_to_load_a_checkpoint(
    talk: Path, loads: list[CheckpointRequest]
) -> None:
    for turn in (2, 4, 6):
        called(talk, turn, "shapes", device=REMOTE, dtype="float16")
    replay("--verify", talk, "--checkpoint", "shapes")
    assert [(one.dtype, one.device) for one in loads] == [("auto", "auto")]
