"""Comparing checkpoints from the command line: what is asked for, printed, written, and exited with."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.cli.app import run as run_here
from chat.cli.candidate_options import named_requests
from chat.cli.replay_compare import compare
from chat.cli.replay_sources import Source
from chat.conversation import assistant_turn
from chat.errors import ChatError, CheckpointError, GenerationError, InputError, UsageError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.loading import Loader, LoadProgress
from chat.models.request import CheckpointRequest
from chat.prompt import Prompt
from chat.remote.address import KEY_VARIABLE
from chat.scripted import ScriptedGenerator
from chat.transcript import Transcript, save_transcript
from tests.remote.server import chat_events, serving
from tests.replay.talks import talk
from tests.transcripts import RED

TALK = talk("What is it?", "A cat.", "Where?", "On the mat.")
SOURCE = Source(TALK.name, Transcript(TALK.title, TALK.system, tuple(TALK.turns)))
COMPARE = Callable[..., "subprocess.CompletedProcess[str]"]


def interrupt() -> None:
    """As ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


class Interrupted(ScriptedGenerator):
    """Somebody presses ctrl-C while the second answer is said."""

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        if self.prompts:
            interrupt()
        return super().generate(prompt, settings, stop)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> COMPARE:
    """Compares models that are given by name, and tells what was printed and the exit code."""

    def run(
        models: Mapping[str, TextGenerator | ChatError], loading: Callable[[], None] = lambda: None, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        def loader(request: CheckpointRequest) -> Loader:
            def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
                model = models[request.name]
                loading()
                if stop.is_set():
                    raise CheckpointError("cancelled")
                if isinstance(model, ChatError):
                    raise model
                return model

            return load

        monkeypatch.setattr("chat.cli.replay_compare.apart_loader", loader)
        monkeypatch.setattr("chat.cli.replay_compare.check_request", lambda request: None)
        code = 0
        try:
            compare([SOURCE], list(models), **{"loading": {}, "overrides": {}, **options})
        except SystemExit as end:
            code = int(end.code or 0)
        except ChatError as error:
            return subprocess.CompletedProcess([], error.exit_code, "", str(error))
        output = capsys.readouterr()
        return subprocess.CompletedProcess([], code, output.out, output.err)

    return run


def cats() -> ScriptedGenerator:
    return ScriptedGenerator(["A cat.", "On the red mat."])


def test_the_answers_stand_under_each_other_with_their_likeness(program: COMPARE) -> None:
    done = program({"one": cats(), "another/one": ScriptedGenerator(["A dog.", "On the mat."])})
    assert done.returncode == 0
    assert done.stdout.splitlines()[:9] == [
        "talk.json  A talk",
        "  1  What is it?",
        "     recorded            A cat.",
        "   = one          1.000",
        "   ≠ another/one  0.080  A «dog».",
        "  3  Where?",
        "     recorded            On the mat.",
        "   ≠ one          0.507  On the «red» mat.",
        "   = another/one  1.000",
    ]
    heads, *rows = [line.split() for line in done.stdout.splitlines()[10:-1]]
    assert done.stdout.splitlines()[-1].startswith("similar: chrF2")
    assert heads == ["answers", "same", "similar", "tokens/s", "first", "log-prob"]
    assert [(row[0], row[1:7]) for row in rows[1:]] == [
        ("one", ["2", "of", "2", "1", "of", "2"]),
        ("another/one", ["2", "of", "2", "1", "of", "2"]),
    ]


def test_into_a_pipe_nothing_is_cut_and_on_a_terminal_lines_are_broken(
    program: COMPARE, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    answers: list[str | ChatError] = [words, GenerationError(f"it failed: {words}")]
    lines = program({"one": ScriptedGenerator([*answers])}).stdout.splitlines()
    assert lines[3].replace("«", "").replace("»", "").endswith(f" {words}")
    assert lines[6] == f"   ✕ one              it failed: {words}"
    monkeypatch.setattr("chat.cli.replay_compare_lines.terminal_columns", lambda _: 50)
    lines = program({"one": ScriptedGenerator([*answers])}).stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("   ✕ one "))
    end = next(place for place, line in enumerate(lines) if place > start and not line)
    assert " ".join(" ".join(lines[start:end]).split()) == f"✕ one it failed: {words}"
    assert all(line.startswith(" " * 22) for line in lines[start + 1 : end])
    assert max(map(len, lines)) <= 50 and not any("…" in line for line in lines)


def test_why_a_recorded_reply_ends_where_it_was_cut_is_told(program: COMPARE, monkeypatch: pytest.MonkeyPatch) -> None:
    question, reply = TALK.turns[:2]
    assert reply.generation is not None
    stopped = replace(reply.generation, stop_reason=StopReason.CANCELLED, token_ids=())
    cut = [question, replace(reply, turn=assistant_turn(""), generation=stopped)]
    monkeypatch.setattr(f"{__name__}.SOURCE", replace(SOURCE, transcript=Transcript("Cut", turns=tuple(cut))))
    lines = program({"one": ScriptedGenerator([""])}).stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines[2:4]] == [
        ["recorded", "(stopped before the first word)"],
        ["one", "(no words)"],
    ]


def test_one_that_cannot_be_loaded_is_told_and_the_others_are_compared(program: COMPARE) -> None:
    done = program({"gone": CheckpointError("gone is not there"), "one": cats()})
    assert done.returncode == 0
    assert "✕ gone is not there" in done.stdout
    assert done.stderr == "idefics-chat: gone is not there\n"


def test_where_nothing_was_said_nothing_is_loaded() -> None:
    with pytest.raises(InputError, match="there is no message to ask"):
        compare([Source("empty.json", Transcript("Nothing"))], ["one"], loading={}, overrides={})


def test_where_none_can_be_loaded_the_model_failed(program: COMPARE) -> None:
    done = program({"gone": CheckpointError("is not there")})
    assert (done.returncode, done.stderr) == (4, "gone: is not there")
    done = program({"gone": CheckpointError("is not there"), "away": CheckpointError("is away")})
    assert (done.returncode, done.stderr) == (4, "none of the 2 checkpoints could be loaded")


def test_a_document_is_all_there_is_on_stdout(program: COMPARE) -> None:
    done = program({"one": cats(), "gone": CheckpointError("is not there")}, as_json=True, feeds_forward=True)
    document = json.loads(done.stdout)
    assert (document["history"], document["is_whole"]) == ("fed_forward", True)
    assert [(one["label"], one["problem"]) for one in document["candidates"]] == [
        ("one", None),
        ("gone", "is not there"),
    ]


def test_a_report_is_a_page_or_a_document_by_its_name(program: COMPARE, tmp_path: Path) -> None:
    page, document = tmp_path / "report.html", tmp_path / "report.json"
    for file, as_json in ((page, False), (document, True)):
        done = program({"one": cats()}, report_to=file, as_json=as_json)
        assert done.returncode == 0
        told = done.stderr if as_json else done.stdout
        assert told.splitlines()[-1].endswith(f"saved the report as {file}")
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(document.read_text("utf-8"))["candidates"][0]["figures"]["same"] == 1
    # Nothing is computed for a file that cannot be written.
    again = cats()
    done = program({"one": again}, report_to=page)
    assert done.returncode == InputError.exit_code
    assert "exists already" in done.stderr and not again.prompts
    assert program({"one": cats()}, report_to=page, overwrite=True).returncode == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [("report.pdf", ".html"), ("nowhere/report.html", "no such folder")],
)
def test_a_report_that_cannot_be_is_refused_before_anything_is_computed(
    program: COMPARE, tmp_path: Path, name: str, error: str
) -> None:
    model = cats()
    assert error in program({"one": model}, report_to=tmp_path / name).stderr
    assert not model.prompts


def test_what_was_compared_before_ctrl_c_is_told_and_written(program: COMPARE, tmp_path: Path) -> None:
    done = program(
        {"one": Interrupted(["A cat.", "On the mat."]), "another": cats()}, report_to=tmp_path / "report.json"
    )
    assert done.returncode == 130
    assert "   = one       1.000" in done.stdout.splitlines()
    assert "stopped after 1 answer, before all was compared" in done.stdout.splitlines()
    document = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert not document["is_whole"]
    assert [(one["label"], one["figures"]["turns"]) for one in document["candidates"]] == [("one", 1)]


def test_nothing_is_told_where_ctrl_c_came_before_anything_was_compared(program: COMPARE, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = program({"one": cats(), "another": cats()}, interrupt, report_to=report)
    assert (done.returncode, done.stdout, report.exists()) == (130, "", False)


def test_settings_are_checked_before_anything_is_loaded(program: COMPARE) -> None:
    model = cats()
    done = program({"one": model}, overrides={"temperature": -1})
    assert done.returncode == UsageError.exit_code and "temperature" in done.stderr
    assert not model.prompts


@pytest.mark.parametrize("setting", [{"top_k": 5}, {"repetition_penalty": 1.2}, {"num_beams": 2}])
def test_settings_that_a_server_does_not_know_are_refused_before_anything_is_asked(
    program: COMPARE, setting: dict[str, float]
) -> None:
    local, remote = cats(), cats()
    models = {"one": local, "shapes,base-url=http://127.0.0.1:1/v1": remote}
    done = program(models, overrides=setting)
    assert done.returncode == UsageError.exit_code
    assert done.stderr.startswith("shapes,base-url=http://127.0.0.1:1/v1: ") and "leave it at" in done.stderr
    assert not local.prompts and not remote.prompts
    assert program({"one": cats()}, overrides=setting).returncode == 0


def test_where_no_message_got_an_answer_the_model_failed_and_the_report_says_so(
    program: COMPARE, tmp_path: Path
) -> None:
    failing = ScriptedGenerator([GenerationError("no memory")] * 2)
    done = program({"one": failing}, report_to=tmp_path / "report.json")
    assert (done.returncode, done.stderr) == (4, "no message got an answer: one: no memory")
    (candidate,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["candidates"]
    assert (candidate["figures"]["answered"], candidate["figures"]["turns"]) == (0, 2)
    failing = ScriptedGenerator([GenerationError("no memory")] * 2)
    assert program({"one": failing, "two": cats()}).returncode == 0


def test_a_checkpoint_may_say_how_it_is_loaded() -> None:
    found = named_requests(
        ["shapes", "shapes,quantize=8bit,device=cpu", "shapes", "/a,b/c,dtype=float16"], {"dtype": "bfloat16"}
    )
    assert [one.label for one in found] == [
        "shapes (1)",
        "shapes,quantize=8bit,device=cpu",
        "shapes (2)",
        "/a,b/c,dtype=float16",
    ]
    assert [(one.request.name, one.request.dtype, one.request.quantize) for one in found] == [
        ("shapes", "bfloat16", "none"),
        ("shapes", "bfloat16", "8bit"),
        ("shapes", "bfloat16", "none"),
        ("/a,b/c", "float16", "none"),
    ]
    assert found[0].request.is_demonstration


def test_a_server_takes_no_option_that_says_how_to_load() -> None:
    written = ["m,base-url=http://127.0.0.1:1/v1,api=tgi", "shapes,base-url=http://127.0.0.1:2", "here,base-url="]
    found = [one.request for one in named_requests(written, {"dtype": "bfloat16", "base_url": "http://127.0.0.1:3"})]
    assert [(one.name, one.base_url, one.api, one.dtype) for one in found] == [
        ("m", "http://127.0.0.1:1/v1", "tgi", "auto"),
        ("", "http://127.0.0.1:2", "openai", "auto"),
        ("here", "", "openai", "bfloat16"),
    ]


def test_a_model_on_a_server_is_compared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    save_transcript(tmp_path / "talk.json", SOURCE.transcript)
    with serving() as server:
        answers = [chat_events(["A ", "cat", "."]), chat_events(["On ", "it."])]
        server.answers["completions"] = lambda handler: handler.stream(*answers.pop(0))
        checkpoint = f"shapes,base-url={server.base_url}"
        assert run_here(["replay", str(tmp_path / "talk.json"), "--checkpoint", checkpoint, "--json"]) == 0
        shown = [message["content"] for message in server.question["messages"]]
    (candidate,) = json.loads(capsys.readouterr().out)["candidates"]
    turns = candidate["recordings"][0]["turns"]
    assert [(turn["text"], turn["same"], turn["new_tokens"]) for turn in turns] == [
        ("A cat.", True, 3),
        ("On it.", False, 2),
    ]
    assert candidate["checkpoint"]["device"] == "remote"
    assert candidate["figures"]["mean_log_probability"] is None
    assert "server" in candidate["figures"]["unscored"]
    assert "A cat." in str(shown)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("shapes,quantise=8bit", "'quantise=8bit' is no option"),
        ("shapes,dtype=float16,8bit", "'8bit' is no option"),
        ("shapes,quantize=3bit", "choose one of none, 8bit, 4bit"),
        (",dtype=float16", "has no name"),
        ("shapes,api=tgi", "give base-url"),
        ("m,base-url=http://127.0.0.1:1/v1,dtype=float16", "dtype is for checkpoints of this machine"),
        ("m,base-url=nowhere", "base-url is nowhere"),
    ],
)
def test_a_wrong_option_is_named(words: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        named_requests([words], {})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Runs `replay` on a file; gives what is to be compared, and how."""
    save_transcript(tmp_path / "talk.json", SOURCE.transcript)
    found: dict[str, Any] = {}

    def note(sources: list[Source], checkpoints: tuple[str, ...], **options: Any) -> None:
        found.update(options, sources=[source.name for source in sources], checkpoints=checkpoints)

    monkeypatch.setattr("chat.cli.replay_compare.compare", note)

    def run(*arguments: str) -> dict[str, Any]:
        assert run_here(["replay", str(tmp_path / "talk.json"), *arguments]) == 0
        return found

    yield run


def test_options_hold_where_they_are_given(asked: Callable[..., dict[str, Any]], own_home: Path) -> None:
    config = own_home / ".config" / "idefics-chat" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('temperature = 0.5\ndtype = "float16"\ncheckpoint = "other"\n')
    told = asked("--checkpoint", "one", "--checkpoint", "two,dtype=float32", "--device", "cpu", "--top-k", "0")
    assert told == {
        "sources": ["talk.json"],
        "checkpoints": ("one", "two,dtype=float32"),
        "loading": {"device": "cpu"},
        "overrides": {"top_k": 0},
        "feeds_forward": False,
        "report_to": None,
        "overwrite": False,
        "as_json": False,
    }
    told = asked("--checkpoint", "one", "--feed-forward", "--report", "a.html", "--overwrite", "--json")
    assert (told["feeds_forward"], told["report_to"], told["overwrite"], told["as_json"]) == (
        True,
        Path("a.html"),
        True,
        True,
    )


@pytest.mark.parametrize("options", [["--verify", "--checkpoint", "one", "--seed", "3"], ["--feed-forward"]])
def test_what_is_for_comparing_is_refused_elsewhere(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["replay", str(Path(__file__)), *options]) == UsageError.exit_code
    assert "is for comparing" in capsys.readouterr().err


def test_a_file_whose_picture_is_gone_is_compared_all_the_same(
    program: COMPARE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = talk((RED, "What is it?"), "A red picture.", "Why?", "It is.")
    save_transcript(tmp_path / "talk.json", Transcript(turns=tuple(saved.turns)))
    for picture in (tmp_path / "pictures").iterdir():
        picture.unlink()

    class Looking(ScriptedGenerator):
        """Needs the pictures' bytes, as a model does."""

        def generate(
            self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event
        ) -> Iterator[Chunk | Reply]:
            for image in prompt.images:
                image.read()
            return super().generate(prompt, settings, stop)

    monkeypatch.setattr("chat.cli.replay_compare.apart_loader", lambda request: lambda tell, stop: Looking(["No."]))
    arguments = ["replay", str(tmp_path / "talk.json"), "--checkpoint", "shapes", "--feed-forward", "--json"]
    assert run_here(arguments) == 0
    first, second = json.loads(capsys.readouterr().out)["candidates"][0]["recordings"][0]["turns"]
    assert first["text"] is None and first["problem"].endswith("is missing")
    assert second["text"] == "No."
