"""`idefics-chat batch`: many jobs at once, a line for each in a file that a stopped run goes on with."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from chat.cli.answering import defaults
from chat.cli.compose import check_request
from chat.cli.options import checkpoint_request, json_option, model_options, settings
from chat.cli.progress import JobProgress, ProgressLine, duration
from chat.cli.running import running
from chat.errors import InputError, UsageError
from chat.generation import GenerationSettings, TextGenerator
from chat.safe_text import json_line
from chat.tasks.job_run import run_jobs
from chat.tasks.jobs import BadJob, Job
from chat.tasks.results_file import ResultsFile
from chat.tasks.runs import jobs_of, results_file

_SOME_FAILED: Final = InputError.exit_code


@defaults(seed="Of the sampling; 0 when left out.")
@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="JOBS.jsonl | PICTURES...")
@click.option("--prompt", metavar="TEXT", help="Ask this about every picture; without it, pictures get captions.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Add the results to this file; stdout if left out."
)
@click.option(
    "--batch-size", type=click.IntRange(1, 4096), metavar="N", help="Jobs at once; found by the memory if left out."
)
@model_options
@json_option
def batch(
    inputs: tuple[str, ...], prompt: str | None, out: Path | None, batch_size: int | None, **options: Any
) -> None:
    """Ask about many pictures, several at once.

    JOBS.jsonl has a job on every line: {"id": "a", "image": "cat.png", "prompt": "What is this?"}. "images" takes a
    list, "task" one of ask, caption, vqa and story, and a job's own settings, such as "max_new_tokens", win over the
    options. Or give PICTURES: files, folders or patterns. A limit of length that is given nowhere is the task's.

    The results come in the order of the jobs. With --out, a run that was stopped goes on where it was when the same
    command is given again, and the file is the one that it would have been; so without --seed, sampling has the seed 0.
    """
    as_json = options["as_json"]
    if as_json and out is None:
        raise UsageError("--json reports on a file of results: give --out FILE")
    request, given = checkpoint_request(options), _given(options)
    jobs = jobs_of(inputs, prompt, given)
    check_request(request)
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(results_file(out, inputs, jobs)) if out is not None else None
        generator = stack.enter_context(running(request, stop))
        line = ProgressLine()
        stack.callback(line.clear)
        run = _Run(jobs, results, line, stop, batch_size)
        run.do(generator)
        if as_json:
            click.echo(json_line({**run.report(), "out": os.fspath(out or "")}))
        line.notice(run.summary())
    if run.failed:
        sys.exit(_SOME_FAILED)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given as options: the others depend on what a job is."""
    context = click.get_current_context()
    names = [name for name in GenerationSettings.__dataclass_fields__ if name in options]
    given = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    # A value that is wrong is wrong for every job.
    settings(options)
    return {name: options[name] for name in given}


class _Run:
    """The jobs from the first that is not done to the last, or to where it is stopped."""

    def __init__(
        self,
        jobs: Sequence[Job | BadJob],
        results: ResultsFile | None,
        line: ProgressLine,
        stop: threading.Event,
        batch_size: int | None,
    ) -> None:
        self._jobs, self._results, self._line, self._stop = jobs, results, line, stop
        self._batch_size = batch_size
        self._known = results.count if results else 0
        self._progress = JobProgress(line, len(jobs), self._known)
        self.failed = 0
        """Jobs whose result is an error, those of earlier runs included."""

    @property
    def is_stopped(self) -> bool:
        """Whether jobs are left."""
        return self._known + self._progress.done < len(self._jobs)

    def do(self, generator: TextGenerator) -> None:
        """Do the jobs, and write their results as they come."""
        write: Callable[[str], None] = _print
        if self._results:
            told = self._progress.begin_check
            self._results.check(generator.facts, generator.dialect, self._stop, told)
            if self._stop.is_set():
                return
            self._results.begin()
            self.failed = sum(result.is_error for result in self._results.results())
            write = self._results.add
        self._progress = JobProgress(self._line, len(self._jobs), self._known)
        for done in run_jobs(
            generator,
            self._jobs,
            self._stop,
            earlier=self._results.results() if self._results else (),
            known=self._known,
            batch_size=self._batch_size,
            told=self._progress.begin_batch,
        ):
            write(done.line)
            if done.error:
                self.failed += 1
                self._line.notice(done.error)
            self._progress.add(done.pictures)
        self._line.clear()

    def report(self) -> dict[str, Any]:
        """The document that `--json` prints, but for the file's name."""
        return {
            "jobs": len(self._jobs),
            "done": self._progress.done,
            "errors": self.failed,
            "already_done": self._known,
            "seconds": round(self._progress.seconds, 3),
            "images_per_s": round(self._progress.pictures_per_s, 3),
        }

    def summary(self) -> str:
        """What was done, in one line."""
        progress = self._progress
        if self._known == len(self._jobs):
            words = "the job was" if self._known == 1 else f"all {self._known:,} jobs were"
            failed = f", {self.failed:,} failed; another --out tries again" if self.failed else ""
            return f"{words} done before{failed}"
        words = f"{progress.done:,} of {len(self._jobs):,} jobs done in {duration(progress.seconds)}, {progress.speed}"
        if self._known:
            words += f", {self._known:,} were done before"
        if self.failed:
            words += f", {self.failed:,} failed"
        return words + (": stopped; the same command goes on" if self.is_stopped and self._results else "")


def _print(line: str) -> None:
    # A closed stdout is None.
    if sys.stdout is not None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
