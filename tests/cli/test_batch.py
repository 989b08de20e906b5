"""`idefics-chat batch`: what it writes, how it goes on, and what it will not write over."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.cli.app import run as run_here
from chat.conversation import Conversation, Image, user_turn
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import serialize
from tests.tasks.echo import BAD, EchoGenerator

Batch = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def jobs(tmp_path: Path, scene_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 30 jobs, their pictures in a folder beside it."""
    (tmp_path / "in").mkdir()
    lines: list[dict[str, Any]] = []
    for number in range(30):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(scene_image(number % 3).read())
        lines.append({"id": f"job {number}", "image": f"in/{number:02}.png", "prompt": "What? " * (number % 5 + 1)})
    lines[7] = {"prompt": f"A {BAD} one"}
    lines[11] = {"image": "gone.png"}
    write(tmp_path / "jobs.jsonl", lines)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "jobs.jsonl"


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Batch:
    """Runs the command in this process with a model that echoes; gives its exit code, stdout and lines of stderr."""

    def run(*arguments: str | Path, model: TextGenerator | None = None) -> tuple[int, str, list[str]]:
        generator = model or EchoGenerator()
        monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: generator)
        monkeypatch.setattr("chat.cli.batch.check_request", lambda request: None)
        try:
            code = run_here(["batch", *map(str, arguments)])
        except SystemExit as done:
            code = int(done.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()

    return run


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_job_has_its_line_in_order_and_bad_ones_say_why(batch: Batch, jobs: Path) -> None:
    with jobs.open("a") as file:
        file.write("{\n")
    code, output, told = batch(jobs, "--out", "results.jsonl", "--json")
    found = documents(Path("results.jsonl").read_text())
    assert [result["id"] for result in found] == [
        8 if number == 7 else 12 if number == 11 else 31 if number == 30 else f"job {number}" for number in range(31)
    ]
    errors = [result["error"] for result in found if "error" in result]
    assert errors[0] == "jobs.jsonl, line 8: the model failed: bad"
    assert errors[1] == "jobs.jsonl, line 12: gone.png: there is no such file: check the name"
    assert errors[2].startswith("jobs.jsonl, line 31: is not JSON")
    assert told[:3] == [f"idefics-chat: {error}" for error in errors]
    assert told[3].startswith("idefics-chat: 31 of 31 jobs done in ")
    assert told[3].endswith(", 3 failed")
    (report,) = documents(output)
    assert list(report) == ["jobs", "done", "errors", "already_done", "seconds", "images_per_s", "out"]
    assert (code, report["jobs"], report["done"], report["errors"], report["out"]) == (3, 31, 31, 3, "results.jsonl")


def test_a_run_that_ended_anywhere_goes_on_to_the_same_file(batch: Batch, jobs: Path) -> None:
    batch(jobs, "--out", "whole.jsonl", "--temperature", "0.5")
    whole = Path("whole.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for end in (0, 1, 9, ends[0] - 1, ends[0], ends[6] + 3, ends[12] + 40, ends[20] - 5, ends[28], ends[29] - 1):
        Path("torn.jsonl").write_bytes(whole[:end])
        code, output, told = batch(jobs, "--out", "torn.jsonl", "--temperature", "0.5", "--json")
        assert Path("torn.jsonl").read_bytes() == whole
        # A line that lacks nothing but its end is whole.
        kept = sum(place <= end + 1 for place in ends)
        assert (code, documents(output)[0]["already_done"], documents(output)[0]["done"]) == (3, kept, 30 - kept)
        assert "2 failed" in told[-1]


def test_a_finished_run_is_left_as_it_is(batch: Batch, jobs: Path) -> None:
    jobs.write_text('{"prompt": "a"}\n{"prompt": "b"}')
    assert batch(jobs, "--out", "results.jsonl")[0] == 0
    written, model = Path("results.jsonl").read_bytes(), EchoGenerator()
    assert batch(jobs, "--out", "results.jsonl", model=model) == (0, "", ["idefics-chat: all 2 jobs were done before"])
    assert (Path("results.jsonl").read_bytes(), model.batches) == (written, [])
    with jobs.open("a") as file:
        file.write('\n{"prompt": "c"}')
    assert batch(jobs, "--out", "results.jsonl")[0] == 0
    assert Path("results.jsonl").read_bytes().startswith(written)
    assert len(documents(Path("results.jsonl").read_text())) == 3


def spoilt(jobs: Path, name: str) -> list[str | Path]:
    """Make an output file that is another's, or jobs that are others; gives the options that go with it."""
    results = Path("results.jsonl")
    lines, wanted = results.read_bytes().splitlines(keepends=True), documents(jobs.read_text())
    changed = dict(wanted[2], prompt="Something else?")
    match name:
        case "notes":
            results.write_bytes(b"my notes\nand more")
        case "notes without an end":
            results.write_bytes(b"my notes")
        case "notes behind results":
            results.write_bytes(b"".join(lines[:5]) + b"my notes")
        case "other ids":
            results.write_bytes(b"".join(lines[1:]))
        case "too many":
            write(jobs, wanted[:9])
        case "too many, torn":
            write(jobs, wanted[:9])
            results.write_bytes(b"".join(lines[:10])[:-1])
        case "another prompt, without an end":
            write(jobs, [changed])
            results.write_bytes(lines[2].removesuffix(b"\n"))
        case "another prompt":
            write(jobs, [*wanted[:2], changed, *wanted[3:]])
        case "another picture":
            Path("in/02.png").write_bytes(Path("in/00.png").read_bytes())
        case "a result that was edited":
            results.write_bytes(lines[0].replace(b'"usage"', b'"use"') + b"".join(lines[1:]))
        case "other settings":
            return ["--max-new-tokens", "9"]
    return []


FOREIGN = {
    "notes": "line 1: is no result of a job",
    "notes without an end": "line 1: is no result of a job",
    "notes behind results": "line 6: is no result of a job",
    "other ids": "line 1: belongs to another run (of job 'job 1', not 'job 0')",
    "too many": "line 10: belongs to another run (there are only 9 jobs)",
    "too many, torn": "line 10: belongs to another run (there are only 9 jobs)",
    "another prompt, without an end": "line 1: belongs to another run (its prompt, settings or checkpoint were others)",
    "another prompt": "line 3: belongs to another run (its prompt, settings or checkpoint were others)",
    "another picture": "line 3: belongs to another run (in/02.png was another picture)",
    "a result that was edited": "line 1: is no result of a job",
    "other settings": "line 1: belongs to another run (its prompt, settings or checkpoint were others)",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_run_is_refused_and_left_alone(batch: Batch, jobs: Path, name: str) -> None:
    batch(jobs, "--out", "results.jsonl")
    options, model = spoilt(jobs, name), EchoGenerator()
    before = Path("results.jsonl").read_bytes()
    code, output, told = batch(jobs, "--out", "results.jsonl", *options, model=model)
    assert (code, output, told) == (3, "", [f"idefics-chat: results.jsonl, {FOREIGN[name]}: choose another --out"])
    assert (Path("results.jsonl").read_bytes(), model.batches) == (before, [])


def test_what_cannot_be_written_to_is_told_in_a_line(batch: Batch, jobs: Path) -> None:
    os.mkfifo("pipe")
    before = jobs.read_bytes()
    Path("link").symlink_to(jobs)
    for out, words in {
        "in": "in: is a folder: choose another --out",
        "jobs.jsonl": "jobs.jsonl: is what the jobs are read from: choose another --out",
        "link": "link: is what the jobs are read from: choose another --out",
        "nowhere/results.jsonl": "nowhere/results.jsonl: no such file or directory: choose another --out",
        "pipe": "pipe: is a pipe, a socket or a device: name an ordinary file",
        "a" * 300: "file name too long: choose another --out",
    }.items():
        code, output, (told,) = batch(jobs, "--out", out)
        assert (code, output, told.endswith(words)) == (3, "", True), told
    assert jobs.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.jsonl"], 3, "nowhere.jsonl: there is no such file: check the name"),
        (["in/*.gif"], 3, "in/*.gif: there is no picture: "),
        (
            ["jobs.jsonl", "--prompt", "What?"],
            2,
            "jobs.jsonl: a file of jobs has prompts of its own: leave out --prompt",
        ),
        (["jobs.jsonl", "in"], 2, "jobs.jsonl: a file of jobs comes alone"),
        (["jobs.jsonl", "--json"], 2, "--json reports on a file of results: give --out FILE"),
        (["jobs.jsonl", "--top-p", "7"], 2, "top-p is 7.0"),
    ],
)
def test_wrong_usage_is_told_in_a_line(batch: Batch, jobs: Path, arguments: list[str], code: int, words: str) -> None:
    exit_code, output, (told,) = batch(*arguments)
    assert (exit_code, output, words in told) == (code, "", True), told


def test_pictures_need_no_file_of_jobs(batch: Batch, jobs: Path) -> None:
    _, asked, _ = batch("--prompt", "What? What?", "in")
    assert [result["id"] for result in documents(asked)] == [f"in/{number:02}.png" for number in range(30)]
    batch(jobs, "--out", "results.jsonl")
    of_file = documents(Path("results.jsonl").read_text())
    assert documents(asked)[1]["reply"] == of_file[1]["reply"]
    code, captioned, _ = batch("in/0[12].png", "in/07.png")
    assert (code, [result["id"] for result in documents(captioned)]) == (0, ["in/01.png", "in/02.png", "in/07.png"])
    Path("in/02.png").write_text("no picture")
    code, _, (told, _) = batch("in")
    assert (code, told.startswith("idefics-chat: in/02.png: ")) == (3, True)
    assert told.count("02.png") == 1


def test_two_runs_do_not_write_to_one_file(batch: Batch, jobs: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with open("results.jsonl", "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, told = batch(jobs, "--out", "results.jsonl")
    words = "idefics-chat: results.jsonl: another run writes to it: wait for it or choose another --out"
    assert (code, told) == (3, [words])
    assert batch(jobs, "--out", "results.jsonl")[2][-1].startswith("idefics-chat: 30 of 30 jobs done")


def test_a_terminal_sees_how_far_it_is(batch: Batch, jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    with open(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        batch(jobs, "--out", "results.jsonl", model=EchoGenerator(pause_s=0.12))
        terminal.flush()
        seen = os.read(reader, 2**16).decode()
    os.close(reader)
    assert "\r\x1b[K4 of 30 jobs, " in seen
    assert " pictures/s, " in seen
    assert " s left, 4 at once" in seen
    assert "\r\x1b[Kidefics-chat: jobs.jsonl, line 8: the model failed: bad\r\n" in seen


def slow_batch(jobs: Path, pause_s: float) -> "subprocess.Popen[bytes]":
    """The command in a process of its own, whose every batch takes so long."""
    script = (
        "import sys\n"
        "from chat.cli import batch, running\n"
        "from tests.tasks.echo import EchoGenerator\n"
        f"running.loader = lambda request: lambda tell, stop: EchoGenerator(pause_s={pause_s})\n"
        "from chat.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, "batch", str(jobs), "--out", "results.jsonl"],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_or_killed_goes_on_to_the_same_file(batch: Batch, jobs: Path, number: int) -> None:
    batch(jobs, "--out", "whole.jsonl")
    process = slow_batch(jobs, 0.2)
    results = Path("results.jsonl")
    while not results.exists() or results.read_bytes().count(b"\n") < 5:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    kept = results.read_bytes()
    assert 5 <= kept.count(b"\n") < 30
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert errors.decode().splitlines()[-1].endswith(": stopped; the same command goes on")
        assert kept.endswith(b"\n")
    batch(jobs, "--out", "results.jsonl")
    assert results.read_bytes() == Path("whole.jsonl").read_bytes()


def test_the_bundled_checkpoint_answers_in_a_batch_as_it_does_by_itself(
    batch: Batch, jobs: Path, shapes: TextGenerator, scene_image: Callable[..., Image]
) -> None:
    write(
        jobs, [{"image": "in/01.png", "prompt": "What is in the picture?"}, {"prompt": "Hello"}, {"image": "in/02.png"}]
    )
    code, output, _ = batch(jobs, model=shapes)
    for result, parts in zip(
        documents(output), [(scene_image(1), "What is in the picture?"), ("Hello",)], strict=False
    ):
        prompt = serialize(Conversation((user_turn(*parts),)), shapes.dialect)
        *_, reply = shapes.generate(prompt, GenerationSettings(), threading.Event())
        assert isinstance(reply, Reply)
        assert (result["reply"], result["stop_reason"]) == (reply.text, "end_of_utterance")
        assert result["usage"] == {"prompt_tokens": reply.prompt_tokens, "new_tokens": len(reply.token_ids)}
    assert (code, documents(output)[2]["checkpoint"]) == (0, "shapes")
