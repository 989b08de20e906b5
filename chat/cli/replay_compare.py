"""`idefics-chat replay --checkpoint`: recorded messages asked of other checkpoints, and the answers compared."""

import gc
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from chat.cli.app import INTERRUPTED
from chat.cli.candidate_options import NamedRequest, named_requests
from chat.cli.compose import apart_loader, check_request
from chat.cli.progress import ProgressLine
from chat.cli.replay_report import ReportFile
from chat.cli.replay_sources import Source
from chat.cli.running import notice, stopping
from chat.errors import CheckpointError, GenerationError, InputError, UsageError
from chat.generation import GenerationSettings
from chat.loading import LoadProgress
from chat.remote.settings import refusal
from chat.replay.candidates import Answered, Candidate, CandidateResult, Loaded, Step, compared
from chat.replay.compare import ComparedTurn, History
from chat.replay.recording import Recording
from chat.replay.report import Report
from chat.safe_text import json_line, printable


def compare(
    sources: Sequence[Source],
    checkpoints: Sequence[str],
    *,
    loading: Mapping[str, Any],
    overrides: Mapping[str, Any],
    feeds_forward: bool = False,
    report_to: Path | None = None,
    overwrite: bool = False,
    as_json: bool = False,
) -> None:
    """Ask saved conversations of other checkpoints, each loaded once, and print and write what comes of it.

    What was compared before ctrl-C is printed and written all the same.

    Args:
        sources: The conversations.
        checkpoints: What `--checkpoint` names, each time it was given.
        loading: What of `CheckpointRequest` holds for all that do not say otherwise.
        overrides: Names and values of `GenerationSettings` that hold in the place of the recorded ones.
        feeds_forward: Show each model its own earlier answers in the place of the recorded replies.
        report_to: A file for the whole report.
        overwrite: Replace that file where it is there.
        as_json: Print one document in place of lines.

    Raises:
        UsageError: An option cannot be what it is.
        InputError: There is nothing to ask, or the report cannot be written.
        CheckpointError: None of the checkpoints could be loaded.
        GenerationError: None of them gave an answer, which is printed and written all the same.
    """
    asked = named_requests(checkpoints, loading)
    _check(overrides, asked)
    recordings = [_recording(source) for source in sources]
    if not any(recording.exchange_count for recording in recordings):
        raise InputError("there is no message to ask: nothing was said")
    file = ReportFile(report_to, overwrite=overwrite) if report_to is not None else None
    progress = _Progress(len(asked))
    candidates = [_candidate(one, progress) for one in asked]
    history = History.FED_FORWARD if feeds_forward else History.RECORDED
    stop = threading.Event()
    progress.begin(candidates, recordings)
    with stopping(stop):
        steps = compared(candidates, recordings, stop=stop, history=history, overrides=overrides, tell=progress.loading)
        results = _results(steps, progress)
    if not stop.is_set():
        _refuse_nothing(results)
    if any(result.facts for result in results):
        _tell(Report(recordings, results, history, overrides, is_whole=not stop.is_set()), file, as_json)
    if stop.is_set():
        sys.exit(INTERRUPTED)
    _refuse_silence(results)


def _check(overrides: Mapping[str, Any], asked: Sequence[NamedRequest]) -> None:
    """Raise what is wrong with settings: it is wrong with every turn."""
    settings = GenerationSettings(**overrides)
    for one in asked:
        if one.request.base_url and (problem := refusal(one.request.api, settings)):
            raise UsageError(f"{one.label}: {problem}")


def _results(steps: Iterable[Step], progress: "_Progress") -> list[CandidateResult]:
    """What comes of each candidate; how far it is, is told meanwhile."""
    gc.enable()
    results: list[CandidateResult] = []
    for step in steps:
        progress.step(step)
        results += [step] if isinstance(step, CandidateResult) else []
    progress.end()
    return results


def _candidate(asked: NamedRequest, progress: "_Progress") -> Candidate:
    """What is to be compared; what is wrong with its name is told before the others are computed."""
    try:
        check_request(asked.request)
    except CheckpointError as error:
        progress.failed(CandidateResult(asked.label, problem=str(error)))
    return Candidate(asked.label, apart_loader(asked.request))


def _recording(source: Source) -> Recording:
    shown = source.branch
    return Recording(source.name, shown.turns, shown.system, shown.title, shown.left_out)


def _refuse_nothing(results: Sequence[CandidateResult]) -> None:
    problems = [result for result in results if result.problem]
    if len(problems) == len(results) == 1:
        raise CheckpointError(problems[0].named_problem)
    if results and len(problems) == len(results):
        raise CheckpointError(f"none of the {len(results)} checkpoints could be loaded")


def _refuse_silence(results: Sequence[CandidateResult]) -> None:
    turns = [(result.label, turn) for result in results for turn in result.turns]
    if turns and all(turn.reply is None for _, turn in turns):
        label, turn = turns[0]
        raise GenerationError(f"no message got an answer: {label}: {turn.problem}")


def _tell(report: Report, file: ReportFile | None, as_json: bool) -> None:
    if as_json:
        from chat.replay.report_json import comparison_document

        click.echo(json_line(comparison_document(report)))
    else:
        from chat.cli.replay_compare_lines import ComparedLines

        ComparedLines(report).print()
    if file is not None:
        words = file.write(report)
        if as_json:
            notice(words)
        else:
            click.echo(printable(words, multiline=False))


class _Progress:
    """How far a comparison is, on stderr."""

    def __init__(self, count: int) -> None:
        self._line = ProgressLine()
        self._count = count
        self._failed: set[str] = set()
        self._places: dict[str, int] = {}
        self._total = self._done = 0

    def begin(self, candidates: Sequence[Candidate], recordings: Sequence[Recording]) -> None:
        """Take what is compared."""
        self._places = {candidate.label: place for place, candidate in enumerate(candidates, start=1)}
        self._total = sum(recording.exchange_count for recording in recordings)

    def end(self) -> None:
        """Take the line away."""
        self._line.clear()

    def failed(self, result: CandidateResult) -> None:
        """Tell, once, that a candidate cannot be loaded; of a single one, the end of the program tells."""
        if self._count > 1 and result.label not in self._failed:
            self._failed.add(result.label)
            self._line.notice(result.named_problem)

    def loading(self, candidate: Candidate, progress: LoadProgress) -> None:
        """Tell how far a candidate is loaded."""
        if progress.notice:
            self._line.notice(f"{candidate.label}: {progress.notice}")
        if progress.stage:
            share = f" {progress.fraction:.0%}" if progress.fraction is not None else ""
            self._line.show(f"{self._named(candidate)}: {progress.stage}{share}")

    def step(self, step: Step) -> None:
        """Tell of a step of the comparison."""
        match step:
            case Loaded(candidate):
                self._done = 0
                self._show(candidate)
            case Answered(candidate, _, ComparedTurn()):
                self._done += 1
                self._show(candidate)
            case CandidateResult() if step.problem:
                self.failed(step)

    def _show(self, candidate: Candidate) -> None:
        self._line.show(f"{self._named(candidate)}: {self._done:,} of {self._total:,} messages answered")

    def _named(self, candidate: Candidate) -> str:
        return f"{candidate.label} ({self._places[candidate.label]} of {self._count})"
