"""Jobs from lines and from pictures, what a model is asked for them, and the lines that their results are."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Image
from chat.errors import InputError, UsageError
from chat.generation import CheckpointFacts, GenerationSettings, TextGenerator
from chat.prompt import IDEFICS, IDEFICS_BASE
from chat.tasks.job_lines import jobs_of_file
from chat.tasks.job_run import run_jobs
from chat.tasks.jobs import BadJob, Job, Task, jobs_of_pictures
from chat.tasks.results import read_result, run_digest
from tests.tasks.echo import HUGE, EchoGenerator

Scene = Callable[..., Image]

PICTURE = '"image": "a.png"'
BAD_LINES = {
    "[]": "is no job: write an object such as",
    "{": "is not JSON: see column",
    '{"prompt": "a", "prompt": "b"}': "the key prompt stands twice in one object",
    '{"prompt": NaN}': "is not JSON: NaN is no number",
    '{"seed": ' + "9" * 5000 + "}": "is not JSON: it holds a number of thousands of digits",
    "[" * 100_000: "is no job: its lists are nested too deeply",
    '{"prompt": "a", "promt": 1}': "unknown key promt",
    '{"prompt": "a", "id": 1.5}': "id is neither a text nor a whole number",
    '{"prompt": "a", "id": true}': "id is neither a text nor a whole number",
    '{"prompt": "a", "id": null}': "id is neither a text nor a whole number",
    '{"prompt": 3}': "prompt is not a text",
    '{"prompt": "a", "images": ["a.png", 3]}': "images is not a list of texts",
    '{"prompt": "a", "images": "a.png"}': "images is not a list of texts",
    '{"prompt": "a", "top_k": 1.0}': "top_k is not a whole number",
    '{"prompt": "a", "top_k": true}': "top_k is not a whole number",
    '{"prompt": "a", "top_k": ' + "9" * 30 + "}": "top_k is too large a number",
    '{"prompt": "a", "temperature": "0"}': "temperature is not a number",
    '{"prompt": "a", "temperature": -1}': "temperature is -1: give 0 for greedy decoding",
    '{"prompt": "a", "task": "poem"}': "task is none of ask, caption, vqa, story",
    '{"prompt": " "}': "has neither a prompt nor a picture: give one",
    '{"image": "a.png", "images": []}': "has both image and images: give one",
    '{"images": ["a.png", "b.png"]}': "has 2 pictures: caption is about one",
    '{"task": "caption"}': "has 0 pictures: caption is about one",
    f'{{{PICTURE}, "task": "vqa"}}': 'has no question: give it as "prompt"',
    f'{{{PICTURE}, "task": "story", "prompt": "a"}}': "has a prompt or no picture: story is told of pictures alone",
}


def jobs_of(folder: Path, *lines: str | dict[str, Any] | bytes, **given: Any) -> list[Job | BadJob]:
    """The jobs in a file with these lines."""
    written = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    path = folder / "jobs.jsonl"
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in written))
    return jobs_of_file(path, given)


def job_of(folder: Path, line: dict[str, Any], **given: Any) -> Job:
    (job,) = jobs_of(folder, line, **given)
    assert isinstance(job, Job), job
    return job


def results_of(generator: TextGenerator, jobs: list[Job | BadJob], **options: Any) -> list[dict[str, Any]]:
    done = list(run_jobs(generator, jobs, threading.Event(), **options))
    documents = [json.loads(one.line) for one in done]
    assert [document.get("error", "") for document in documents] == [one.error for one in done]
    return documents


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_line_that_is_no_job_says_where_it_stands_and_why(tmp_path: Path, line: str) -> None:
    good, bad = jobs_of(tmp_path, '{"prompt": "good"}', line)
    assert isinstance(good, Job)
    assert isinstance(bad, BadJob)
    assert str(bad.error).startswith(f"jobs.jsonl, line 2: {BAD_LINES[line]}")


def test_ids_are_given_or_the_number_of_the_line_and_no_two_are_the_same(tmp_path: Path) -> None:
    lines: list[str | bytes] = [
        '\ufeff{"prompt": "a"}',
        "",
        ' {"prompt": "b", "id": "x"}\r',
        '{"prompt": "c", "id": "x"}',
        "[",
        b"\xff",
    ]
    jobs = jobs_of(tmp_path, *lines, '{"prompt": "d", "id": 1}', '{"prompt": "e", "id": "1"}')
    assert [job.id for job in jobs] == ["line 1", "x", None, 5, 6, 1, "1"]
    told = [str(job.error) for job in jobs if isinstance(job, BadJob)]
    assert told[0] == 'jobs.jsonl, line 4: the id "x" is that of line 3 already'
    assert told[2] == "jobs.jsonl, line 6: is not JSON: it is not a text in UTF-8"
    assert len(told) == 3


def test_a_file_without_jobs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"jobs\.jsonl: has no jobs"):
        jobs_of(tmp_path, "", " ")
    with pytest.raises(InputError, match=r"jobs\.jsonl, line 2: is not JSON"):
        jobs_of(tmp_path, "", "my notes", "[")


def test_a_name_that_no_file_can_have_is_one_bad_job(tmp_path: Path) -> None:
    good, *bad = jobs_of(tmp_path, '{"prompt": "a"}', '{"image": "~\\u0000x/a.png"}', '{"image": "~\\ud800/a.png"}')
    assert isinstance(good, Job)
    assert all(isinstance(job, BadJob) and "no file can have this name" in str(job.error) for job in bad)


def test_settings_are_the_jobs_then_the_option_then_the_tasks(tmp_path: Path) -> None:
    assert job_of(tmp_path, {"image": "a.png"}).settings == GenerationSettings(max_new_tokens=40)
    asked = job_of(tmp_path, {"image": "a.png", "prompt": "What?"})
    assert (asked.task, asked.settings) == (Task.ASK, GenerationSettings())
    story = {"image": "a.png", "task": "story"}
    assert job_of(tmp_path, story).settings == GenerationSettings(max_new_tokens=200, num_beams=2)
    assert job_of(tmp_path, story, max_new_tokens=7).settings.max_new_tokens == 7
    assert job_of(tmp_path, {**story, "max_new_tokens": 9}, max_new_tokens=7).settings.max_new_tokens == 9
    assert job_of(tmp_path, {**story, "max_new_tokens": None}, max_new_tokens=7).settings.max_new_tokens == 7


def test_sampling_is_seeded_and_greedy_decoding_is_not(tmp_path: Path) -> None:
    prompt = {"prompt": "a"}
    assert job_of(tmp_path, {**prompt, "temperature": 1}).settings.seed == 0
    assert job_of(tmp_path, {**prompt, "temperature": 0.5, "seed": 4}, seed=3).settings.seed == 4
    assert job_of(tmp_path, prompt, seed=3).settings == GenerationSettings()


def test_every_task_is_asked_as_by_itself(tmp_path: Path, scene_image: Scene) -> None:
    image = scene_image(1)
    ask, vqa = {"image": "a.png", "prompt": "What?"}, {"image": "a.png", "prompt": "What?", "task": "vqa"}
    base = [
        (ask, "<s><F><image><F>What?"),
        ({"prompt": "Once"}, "<s>Once"),
        ({"image": "a.png"}, "<s><F><image><F>"),
        ({"image": "a.png", "task": "caption", "prompt": "A photo of "}, "<s><F><image><F>A photo of"),
    ]
    for line, text in base:
        job = job_of(tmp_path, line)
        asked = job.asked([image] * len(job.paths), IDEFICS_BASE)
        assert asked.prompt.text.replace("<fake_token_around_image>", "<F>") == text
    assert "Question: What? Answer:" in job_of(tmp_path, vqa).asked([image], IDEFICS_BASE).prompt.text
    turn = job_of(tmp_path, ask).asked([image], IDEFICS).prompt.text
    assert turn.endswith("<fake_token_around_image>What?<end_of_utterance>\nAssistant:")
    both = job_of(tmp_path, {"images": ["a.png", "b.png"], "prompt": "Which?"})
    assert both.asked([image, image], IDEFICS).prompt.images == (image, image)


def test_pictures_are_found_in_folders_by_patterns_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.png/d.png", "[x].png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("")
    monkeypatch.chdir(tmp_path)

    def found(*names: str, prompt: str = "") -> list[object]:
        return [job.id for job in jobs_of_pictures(names, prompt, {})]

    assert found("in") == found("in/") == ["in/[x].png", "in/a.JPG", "in/b.png"]
    assert found("in/*.png", "in") == ["in/[x].png", "in/b.png", "in/a.JPG"]
    assert found("in/**/d.*", "in/notes.txt", "in/[x].png") == ["in/c.png/d.png", "in/notes.txt", "in/[x].png"]
    (captioned,), (asked,) = jobs_of_pictures(["in/b.png"], "", {}), jobs_of_pictures(["in/b.png"], "What?", {})
    assert isinstance(captioned, Job)
    assert isinstance(asked, Job)
    assert (captioned.task, asked.task, asked.prompt) == (Task.CAPTION, Task.ASK, "What?")
    for name in ("in/*.gif", "nowhere.png"):
        with pytest.raises(InputError, match=r"there is no"):
            found(name)
    with pytest.raises(UsageError):
        jobs_of_pictures(["in"], "", {"top_p": 7.0})


def test_pictures_are_opened_when_needed_and_not_held(tmp_path: Path, scene_image: Scene) -> None:
    lines: list[dict[str, Any]] = []
    for number in range(40):
        (tmp_path / f"{number}.png").write_bytes(scene_image(number, name=f"{number}").read())
        lines.append({"image": f"{number}.png", "prompt": "What?"})
    lines[30] = {"image": "gone.png", "prompt": "What?"}
    done = run_jobs(EchoGenerator(), jobs_of(tmp_path, *lines), threading.Event())
    first = json.loads(next(done).line)
    assert [picture["source"] for picture in first["images"]] == ["0.png"]
    # Of what is waiting only the picture's size is known: bytes that are others by now are not taken for those seen.
    (tmp_path / "2.png").write_bytes((tmp_path / "3.png").read_bytes())
    (tmp_path / "5.png").write_bytes((tmp_path / "3.png").read_bytes())
    (tmp_path / "39.png").write_bytes((tmp_path / "3.png").read_bytes())
    rest = [json.loads(one.line) for one in done]
    failed = {document["id"]: document["error"] for document in rest if "error" in document}
    assert failed == {
        6: "jobs.jsonl, line 6: 5.png: was changed since it was opened: leave it alone until this ends",
        31: "jobs.jsonl, line 31: gone.png: there is no such file: check the name",
    }
    assert rest[-1]["images"][0]["digest"] == rest[2]["images"][0]["digest"]


def test_a_result_tells_everything_but_times(tmp_path: Path, scene_image: Scene) -> None:
    image = scene_image(1)
    (tmp_path / "a.png").write_bytes(image.read())
    jobs = jobs_of(tmp_path, {"id": "x", "image": "a.png", "prompt": "What?"}, "[", {"id": 3, "prompt": HUGE})
    generator = EchoGenerator()
    reply, bad, huge = results_of(generator, jobs)
    assert list(reply) == ["id", "images", "reply", "stop_reason", "usage", "checkpoint", "run"]
    assert reply["images"] == [
        {"digest": image.digest, "width": image.width, "height": image.height, "source": "a.png"}
    ]
    assert reply["usage"] == {"prompt_tokens": generator.count_tokens(generator.batches[0][0]), "new_tokens": 2}
    assert (reply["id"], reply["stop_reason"], reply["checkpoint"]) == ("x", "eos", "echo")
    assert list(bad) == ["id", "images", "error", "checkpoint", "run"]
    assert huge["error"] == "jobs.jsonl, line 3: memory does not suffice for this job alone"
    assert results_of(EchoGenerator(), jobs) == [reply, bad, huge]


def test_a_text_that_a_task_reads_otherwise_is_what_the_task_gives(tmp_path: Path, scene_image: Scene) -> None:
    (tmp_path / "a.png").write_bytes(scene_image(1).read())
    (result,) = results_of(EchoGenerator(), jobs_of(tmp_path, {"image": "a.png", "task": "caption", "prompt": "A "}))
    assert result["reply"].startswith("A ")
    assert len(result["reply"]) == 2 + 12


def test_the_digest_of_a_run_is_of_all_that_a_reply_depends_on(tmp_path: Path, scene_image: Scene) -> None:
    image, facts = scene_image(1), CheckpointFacts("echo", revision="1")

    def run(line: dict[str, Any], facts: CheckpointFacts = facts, images: list[Image] | None = None) -> str:
        job = job_of(tmp_path, {"image": "a.png", "prompt": "What?", **line})
        return run_digest(job, [image] if images is None else images, facts, IDEFICS)

    others = [
        run({"prompt": "Why?"}),
        run({"task": "vqa", "max_new_tokens": 256}),
        run({"max_new_tokens": 7}),
        run({"temperature": 1, "seed": 1}),
        run({"temperature": 1, "seed": 2}),
        run({}, images=[scene_image(2)]),
        run({}, images=[]),
        run({}, CheckpointFacts("echo", revision="2")),
        run({}, CheckpointFacts("other", revision="1")),
        run({}, CheckpointFacts("echo", revision="1", dtype="bfloat16")),
        run({}, CheckpointFacts("echo", revision="1", quantization="4bit")),
        run({}, CheckpointFacts("echo", revision="1", image_detail="high")),
    ]
    assert len({run({}), *others}) == len(others) + 1
    assert run({"id": "x"}) == run({"seed": 5}) == run({}, CheckpointFacts("echo", "1", device="cuda:0"))


@pytest.mark.parametrize("key", ["id", "images", "reply", "usage", "checkpoint", "run"])
def test_a_line_that_lacks_or_spoils_anything_is_no_result(tmp_path: Path, scene_image: Scene, key: str) -> None:
    (tmp_path / "a.png").write_bytes(scene_image(1).read())
    (result,) = results_of(EchoGenerator(), jobs_of(tmp_path, {"image": "a.png", "prompt": "What?"}))
    assert read_result(json.dumps(result).encode()).images[0].name == "a.png"
    without = {name: value for name, value in result.items() if name != key}
    spoilt = [json.dumps(without), json.dumps({**without, "more": 1}), "[]", "3", "{", "[" * 100_000, ""]
    if key in ("images", "checkpoint", "run"):
        spoilt += [json.dumps({**result, key: value}) for value in (None, 3, [3], [{"digest": "x"}])]
    for line in spoilt:
        with pytest.raises(InputError, match="is no result of a job"):
            read_result(line.encode())
