"""Runs of many jobs, from a file of them or of pictures, with or without a file that their results are added to."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any, Final

from chat.errors import InputError, UsageError
from chat.generation import GenerationSettings, TextGenerator
from chat.images import PICTURE_SUFFIXES
from chat.safe_text import short_line
from chat.tasks.job_lines import jobs_of_file
from chat.tasks.job_run import run_jobs
from chat.tasks.jobs import BadJob, Given, Job, jobs_of_pictures
from chat.tasks.results_file import ResultsFile

_JOB_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")


def batch(
    generator: TextGenerator,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    prompt: str | None = None,
    batch_size: int | None = None,
    stop: threading.Event | None = None,
    **given: Any,
) -> Iterator[dict[str, Any]]:
    """Do many jobs, several at once, and yield the result of each, in their order.

    A result is a line of the command's; that of a job that failed has `error` in the place of `reply`.

    Args:
        generator: A loaded checkpoint.
        inputs: A file of jobs, one JSON object a line, or pictures: files, folders and patterns.
        out: A file that the results are added to as they come. One that an earlier run of the same jobs began is gone
            on with, and what is in it already is not yielded again.
        prompt: Asked about every picture; without it, each gets a caption.
        batch_size: The most at once; as many as the memory holds, if not given.
        stop: Ends it early when set; jobs not done by then are missing.
        given: Fields of `GenerationSettings`, for jobs that do not say otherwise.

    Raises:
        InputError: The jobs cannot be read, or the file of results belongs to another run.
        UsageError: Wrong settings, or a prompt for jobs that have their own.
    """
    stop = stop or threading.Event()
    _check_given(given)
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, str | Path) else inputs)]
    jobs = jobs_of(names, prompt, given)
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(results_file(Path(out), names, jobs)) if out is not None else None
        if results:
            results.check(generator.facts, generator.dialect, stop)
            if stop.is_set():
                return
            results.begin()
        for done in run_jobs(
            generator,
            jobs,
            stop,
            earlier=results.results() if results else (),
            known=results.count if results else 0,
            batch_size=batch_size,
        ):
            if results:
                results.add(done.line)
            yield json.loads(done.line)


def _check_given(given: Given) -> None:
    """Raise UsageError for settings that no job could have."""
    unknown = [name for name in given if name not in GenerationSettings.__dataclass_fields__]
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]}: {', '.join(GenerationSettings.__dataclass_fields__)} are")
    GenerationSettings(**given)


def jobs_of(inputs: Sequence[str], prompt: str | None, given: Given) -> list[Job | BadJob]:
    """The jobs that names stand for: those of a file, or one for every picture.

    Args:
        inputs: A file of jobs; or files, folders and patterns of pictures.
        prompt: What is asked about every picture; None for its caption.
        given: Settings of jobs that do not say otherwise.

    Raises:
        InputError: A file cannot be read, or a name stands for nothing.
        UsageError: A file of jobs has company, or a prompt that is not its own.
    """
    if prompt is None and len(inputs) == 1 and _is_jobs_file(inputs[0]):
        return jobs_of_file(Path(os.path.expanduser(inputs[0])), given)
    for name in inputs:
        if name.lower().endswith(_JOB_SUFFIXES):
            words = "has prompts of its own: leave out --prompt" if len(inputs) == 1 else "comes alone"
            raise UsageError(f"{short_line(name)}: a file of jobs {words}")
    return jobs_of_pictures(inputs, prompt or "", given)


def results_file(out: Path, inputs: Sequence[str], jobs: Sequence[Job | BadJob]) -> ResultsFile:
    """The file that results are added to; raises InputError where it is one that the jobs are read from."""
    for name in inputs:
        with contextlib.suppress(OSError, ValueError):
            if os.path.samefile(out, os.path.expanduser(name)):
                raise InputError(f"{short_line(os.fspath(out))}: is what the jobs are read from: choose another --out")
    return ResultsFile(out, jobs)


def _is_jobs_file(name: str) -> bool:
    """Whether an argument is a file of jobs; what is neither that nor there is taken for one."""
    if os.path.isdir(os.path.expanduser(name)) or name.lower().endswith(PICTURE_SUFFIXES):
        return False
    return os.path.lexists(os.path.expanduser(name)) or not has_magic(name)
