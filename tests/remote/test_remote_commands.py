"""The commands with a model on a server, from their options to what is kept."""

import io
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from chat.checkpoints import load as load_checkpoint
from chat.cli.app import run
from chat.cli.compose import apart_loader, loader
from chat.conversation import Image
from chat.errors import UsageError
from chat.generation import GenerationSettings
from chat.models.request import CheckpointRequest
from chat.plain.run import PlainChat
from chat.remote.generator import RemoteGenerator
from chat.store import open_store
from tests.remote.server import MODEL, Answering, Server, chat_events


class Done(NamedTuple):
    """What came of a command."""

    exit_code: int
    stdout: str
    stderr: str


Invoke = Callable[..., Done]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Runs a command with a database and a config of its own."""
    monkeypatch.setenv("IDEFICS_CHAT_DB", str(tmp_path / "sessions.db"))
    monkeypatch.setenv("IDEFICS_CHAT_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").touch()

    def invoked(*words: str | Path) -> Done:
        code = run([*map(str, words)])
        return Done(code, *capsys.readouterr())

    return invoked


@pytest.fixture
def picture(tmp_path: Path, pictures: tuple[Image, Image]) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(pictures[0].read())
    return path


def test_a_question_goes_to_the_server_and_the_reply_is_kept(
    server: Server, invoke: Invoke, picture: Path, tmp_path: Path
) -> None:
    done = invoke("ask", "What is this?", "-i", picture, "--base-url", server.base_url)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "A cat.\n", "")
    (row,) = sqlite3.connect(tmp_path / "sessions.db").execute(
        "select checkpoint, revision, family, device, token_ids, stop_reason, prompt_tokens from generations"
    )
    assert row == (MODEL, server.host, "openai", "remote", "[]", "end_of_utterance", 12)
    done = invoke("ask", "And now?", "--continue", "--base-url", server.base_url, "--json")
    document = json.loads(done.stdout)
    assert (document["reply"], document["checkpoint"]) == ("A cat.", MODEL)
    assert document["usage"] == {"prompt_tokens": 12, "cached_tokens": 4, "new_tokens": 3}
    assert [one["role"] for one in server.question["messages"]] == ["user", "assistant", "user"]


def test_a_server_of_the_other_api_is_spoken_to_when_asked(server: Server, invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("ask", "What?", "--base-url", f"http://{server.host}", "--api", "tgi", "--checkpoint", MODEL)
    assert (done.exit_code, done.stdout) == (0, "A cat.\n")
    assert [one.path for one in server.asked] == ["/info", "/generate_stream"]
    ((ids,),) = sqlite3.connect(tmp_path / "sessions.db").execute("select token_ids from generations")
    assert json.loads(ids) == [100, 101, 102, 32002]


def test_what_was_said_before_a_server_failed_is_kept(server: Server, invoke: Invoke, tmp_path: Path) -> None:
    server.answers["completions"] = lambda handler: handler.stream(*chat_events(["A ", "cat"])[:3])
    done = invoke("ask", "What?", "--base-url", server.base_url)
    assert done.exit_code == 4
    assert done.stderr.startswith(f"idefics-chat: {server.host} broke off in the middle of its answer: ")
    said = sqlite3.connect(tmp_path / "sessions.db").execute("select text from parts order by turn_id").fetchall()
    assert said == [("What?",), ("A cat",)]


def test_the_tasks_ask_the_server_too(
    server: Server, invoke: Invoke, picture: Path, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    for words in (["caption"], ["vqa", "What?"], ["story"]):
        assert invoke(*words, picture, "--base-url", server.base_url) == (0, "A cat.\n", "")
    labels = ("--label", "cat", "--label", "dog")
    assert invoke("classify", picture, *labels, "--base-url", server.base_url) == (0, "cat\n", "")
    out, other = tmp_path / "out.jsonl", tmp_path / "b.png"
    other.write_bytes(pictures[1].read())
    done = invoke("batch", picture, other, "--out", out, "--base-url", server.base_url)
    assert done.exit_code == 0
    assert [json.loads(line)["reply"] for line in out.read_text().splitlines()] == ["A cat.", "A cat."]


def test_labels_are_ranked_where_the_server_tells_likelihoods(server: Server, invoke: Invoke, picture: Path) -> None:
    def answer(handler: Answering) -> None:
        label = server.question["inputs"].rpartition(" ")[2]
        tokens = {"cat": [(7, -0.1)], "dog": [(8, -3.0)]}.get(label, [])
        prefill = [{"id": token_id, "logprob": logprob} for token_id, logprob in [(1, None), *tokens]]
        handler.document({"details": {"prefill": prefill}})

    server.answers["generate"] = answer
    words = ("classify", picture, "--label", "dog", "--label", "cat", "--rank", "--json", "--base-url")
    (found,) = json.loads(invoke(*words, server.base_url, "--api", "tgi").stdout)
    assert (found["label"], found["scores"]) == ("cat", {"dog": -3.0, "cat": -0.1})
    done = invoke(*words, server.base_url)
    assert done.exit_code == 4
    assert "a server of the openai API does not tell how likely a text is" in done.stderr


def test_the_config_may_name_the_server_and_an_option_wins_over_it(
    server: Server, invoke: Invoke, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'base_url = "{server.base_url}"\ncheckpoint = "{MODEL}"\n')
    assert invoke("ask", "What?").stdout == "A cat.\n"
    assert server.question["model"] == MODEL
    config.write_text('checkpoint = "not/here"\nrevision = "abc"\ndtype = "float16"\n')
    assert invoke("ask", "What?", "--base-url", server.base_url).stdout == "A cat.\n"
    # The config's checkpoint is of this machine, and no name for a server's.
    assert server.question["model"] == MODEL
    config.write_text('base_url = "ftp://x"\napi = "grpc"\n')
    problems = json.loads(invoke("config", "--json").stdout)["problems"]
    assert problems == [
        "config line 1: base-url is ftp://x: give the address of a server such as http://localhost:8000/v1",
        'config line 2: api is "grpc": give openai or tgi',
    ]


WRONG = [
    (["--dtype", "float16"], "--dtype is for checkpoints of this machine: leave it out, the server decides"),
    (["--revision", "main"], "--revision is for checkpoints of this machine: leave it out, the server decides"),
    (["--api", "tgi", "--image-detail", "high"], "--image-detail is for checkpoints of this machine: leave it out"),
    (["--top-k", "4"], "top-k is 4: a server of the openai API does not know it: leave it at 0"),
    (["--num-beams", "2", "--api", "tgi"], "num-beams is 2: a server of the tgi API knows no beam search"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG)
def test_what_a_server_has_no_use_for_is_wrong_usage_and_nothing_is_stored_or_sent(
    server: Server, invoke: Invoke, tmp_path: Path, options: list[str], problem: str
) -> None:
    done = invoke("ask", "What?", "--base-url", server.base_url, *options)
    assert (done.exit_code, server.asked) == (2, [])
    assert done.stderr.startswith(f"idefics-chat: {problem}")
    assert not (tmp_path / "sessions.db").exists()


def test_a_command_about_this_machine_and_an_api_without_a_server_are_wrong_usage(invoke: Invoke) -> None:
    done = invoke("bench", "--base-url", "http://localhost:1/v1")
    assert (done.exit_code, "--base-url names a server" in done.stderr) == (2, True)
    done = invoke("ask", "What?", "--api", "tgi")
    assert (done.exit_code, "give --base-url, too" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "base_url",
    [
        "localhost:8000",
        "ftp://x",
        "http://",
        "http://a b/v1",
        "http://x:99999",
        "http://x:0",
        "http://x\x1b[2J",
        "http://é",
    ],
)
def test_what_is_no_address_is_refused(base_url: str) -> None:
    with pytest.raises(UsageError, match="give the address of a server such as http://localhost:8000/v1") as raised:
        CheckpointRequest("a", base_url=base_url)
    assert str(raised.value).isprintable()


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="has a name or a password in it") as raised:
        CheckpointRequest("a", base_url="http://me:hunter2@localhost/v1")
    assert "hunter2" not in str(raised.value)


def test_an_address_has_no_question_in_it() -> None:
    for ending in ("?key=secret", "#top"):
        with pytest.raises(UsageError, match="ends where its API is"):
            CheckpointRequest("a", base_url=f"http://localhost/v1{ending}")


def test_the_ui_needs_no_process_for_a_server(server: Server) -> None:
    request = CheckpointRequest("", base_url=server.base_url)
    assert request.shown_name == server.host
    assert load_checkpoint(base_url=server.base_url).facts.name == MODEL
    for load in (loader(request), apart_loader(request)):
        assert isinstance(load(lambda _: None, threading.Event()), RemoteGenerator)


def test_the_plain_conversation_talks_to_the_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = CheckpointRequest("", base_url=server.base_url)
    lines = ["What?", "/context", "/tokens", "And now?"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    code = PlainChat(
        open_store=lambda: open_store(tmp_path / "sessions.db"),
        load=apart_loader(request),
        checkpoint=request.shown_name,
        is_demonstration=False,
        settings=GenerationSettings(),
        environment={},
    ).run()
    said, problems = capsys.readouterr()
    assert said.splitlines() == [
        "idefics: A cat.",
        "A remote server does not tell how many tokens the conversation takes, nor how many it has room for.",
        "idefics: A cat.",
    ]
    assert (code, problems.splitlines()) == (
        2,
        [
            f"Loading {server.host}.",
            "idefics-chat: line 3: A remote server does not tell how likely the tokens of a reply were.",
        ],
    )
