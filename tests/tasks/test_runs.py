"""Many jobs by one call: what each gives, with and without a file that a later call goes on with."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from chat.errors import InputError, UsageError
from chat.generation import TextGenerator
from chat.scripted import ScriptedGenerator
from chat.tasks import batch
from tests.tasks.test_recipes import SAMPLE

FOLDER = SAMPLE.parents[1] / "pictures"
PICTURES = sorted(FOLDER.glob("*.png"))


def test_every_picture_of_a_folder_gets_its_result_in_order(shapes: TextGenerator) -> None:
    results = list(batch(shapes, FOLDER, prompt="How many shapes are there?", max_new_tokens=9))
    assert [result["id"] for result in results] == [str(path) for path in PICTURES]
    numbers = ["four", "two", "one", "three"]
    assert all(number in result["reply"] for number, result in zip(numbers, results, strict=True))
    assert {result["stop_reason"] for result in results} == {"end_of_utterance"}


def test_without_a_prompt_it_gives_captions_and_a_bad_picture_is_an_error(
    shapes: TextGenerator, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    good, bad = batch(shapes, [PICTURES[2], broken])
    assert good["reply"] == "A purple square."
    assert "reply" not in bad
    assert "broken.png" in bad["error"]


def test_a_file_of_results_is_gone_on_with_and_never_written_over(tmp_path: Path) -> None:
    jobs, out = tmp_path / "jobs.jsonl", tmp_path / "results.jsonl"
    jobs.write_text("".join(json.dumps({"id": name, "prompt": f"Say {name}"}) + "\n" for name in "abcdef"))
    stop, first = threading.Event(), []
    for result in batch(ScriptedGenerator(list("ABCDEF")), str(jobs), out, batch_size=2, stop=stop):
        first.append(result["id"])
        stop.set()
    assert first == ["a"]
    rest = list(batch(ScriptedGenerator(list("ABCDEF")[1:]), str(jobs), out, batch_size=1))
    assert [(one["id"], one["reply"]) for one in rest] == list(zip("bcdef", "BCDEF", strict=True))
    written = out.read_bytes()
    assert [json.loads(line)["reply"] for line in written.splitlines()] == list("ABCDEF")
    with pytest.raises(InputError, match=r"line 1: belongs to another run"):
        list(batch(ScriptedGenerator(["X"] * 6), str(jobs), out, max_new_tokens=3))
    assert out.read_bytes() == written


def test_settings_that_no_job_could_have_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    model = ScriptedGenerator(["A"])
    refused: list[dict[str, Any]] = [{"temperature": -1}, {"foo": 1}, {"batch_size": 0}]
    for wrong in refused:
        with pytest.raises(UsageError):
            list(batch(model, PICTURES, **wrong))
    assert model.prompts == []


def test_jobs_with_their_own_prompts_take_no_other(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text('{"prompt": "Hello"}\n')
    with pytest.raises(UsageError, match="has prompts of its own"):
        list(batch(ScriptedGenerator([]), jobs, prompt="What is it?"))
    with pytest.raises(InputError, match="is what the jobs are read from"):
        list(batch(ScriptedGenerator([]), jobs, jobs))
