"""Going on with a file of results where something happened meanwhile."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

from chat.conversation import Image
from chat.scripted import ScriptedGenerator
from chat.tasks import batch
from chat.tasks.results_file import ResultsFile
from chat.tasks.runs import jobs_of


def test_a_picture_that_a_job_failed_on_may_change(tmp_path: Path, scene_image: Callable[..., Image]) -> None:
    picture, out = tmp_path / "a.png", tmp_path / "out.jsonl"
    picture.write_bytes(scene_image(1).read())
    stop = threading.Event()
    (first,) = batch(ScriptedGenerator([]), [picture], out, prompt="What is it?", stop=stop)
    assert first["images"] and "no more replies" in first["error"]
    picture.write_bytes(scene_image(2).read())
    assert list(batch(ScriptedGenerator([]), [picture], out, prompt="What is it?")) == []


def test_earlier_results_are_checked_until_it_is_stopped(tmp_path: Path) -> None:
    jobs, out = tmp_path / "jobs.jsonl", tmp_path / "out.jsonl"
    jobs.write_text("".join(json.dumps({"prompt": f"Say {number}"}) + "\n" for number in range(9)))
    model = ScriptedGenerator(["A"] * 9)
    assert len(list(batch(model, jobs, out))) == 9
    left: list[int] = []
    stop = threading.Event()

    def told(count: int) -> None:
        left.append(count)
        if count == 5:
            stop.set()

    with ResultsFile(out, jobs_of([str(jobs)], None, {})) as results:
        results.check(model.facts, model.dialect, stop, told)
    assert left == [9, 8, 7, 6, 5]
