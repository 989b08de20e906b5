"""What stands before the answers in an HTML report: the figures, what they mean, and what each model ran on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from chat.generation import CheckpointFacts
from chat.replay.candidates import CandidateResult
from chat.replay.figures import Figures, fixed, log_in_words, recorded_speed
from chat.replay.report import SIMILARITY, Report, differs_from_recorded, recorded_facts
from chat.replay.report_markup import DIFFERS, FAILED, UNKNOWN, definitions, line, table

_COLUMNS: Final = ("Model", "Answers", "Same", "Similarity", "Tokens/s", "First token", "Log-prob/token", "/character")
_MEANINGS: Final = (
    ("Answers", "Messages that the model answered, of those it was asked."),
    (
        "Same",
        "Answers that are the recorded reply, white space at either end aside, of those with one to compare. A "
        "recorded reply that was broken off is compared as far as it goes.",
    ),
    ("Similarity", f"Of the answers to the recorded replies, on average, from 0 to 1. {SIMILARITY}."),
    ("Tokens/s", "The tokens of all answers after the first ones, in the seconds that these took."),
    ("First token", "Seconds until an answer's first token, on average; what was read for earlier turns is kept."),
    (
        "Log-prob/token",
        "Natural logarithm of the probability that the model gives a token of the recorded replies, each behind the "
        "recorded history and without the token that closes it, on average of all tokens. 0 is certain. Models cut "
        "texts into tokens of their own: between those with different ones, compare by the character.",
    ),
)


def summary(report: Report) -> Iterator[str]:
    """The figures of what was recorded and of every candidate, and what they mean."""
    yield '<section aria-label="Summary">\n'
    yield table(_COLUMNS, [_recorded_row(report), *(_row(result) for result in report.results)])
    for result in report.results:
        if result.problem:
            yield f'<p class="missing">{FAILED} {line(result.named_problem)}</p>\n'
        elif unscored := Figures.of(result.turns).unscored:
            yield f'<p class="about">{line(result.label)}, log-prob: {line(unscored)}</p>\n'
    yield definitions(_MEANINGS)
    yield "</section>\n"


def _recorded_row(report: Report) -> Sequence[str]:
    speed = recorded_speed(report.recordings)
    times = fixed(speed.tokens_per_s, 1), fixed(speed.first_token_s, 2, " s")
    return ("recorded", "", "", "", *times, "", "")


def _row(result: CandidateResult) -> Sequence[str]:
    if result.problem:
        return (line(result.label), "not loaded", *[""] * (len(_COLUMNS) - 2))
    figures = Figures.of(result.turns)
    return (
        line(result.label),
        f"{figures.answered:,} of {figures.turns:,}",
        f"{figures.same:,} of {figures.compared:,}",
        fixed(figures.similarity, 3),
        fixed(figures.speed.tokens_per_s, 1),
        fixed(figures.speed.first_token_s, 2, " s"),
        log_in_words(figures.log_probability),
        log_in_words(figures.character_log_probability),
    )


def environments(report: Report) -> Iterator[str]:
    """What the recorded replies came from, and every candidate; what is another than it was has a sign."""
    columns = [("recorded", _told(facts), frozenset[str]()) for facts in recorded_facts(report.recordings)]
    for result in report.results:
        if result.facts is not None:
            changed = frozenset(one.what for one in differs_from_recorded(report.recordings, result.facts))
            told = {**_told(result.facts), "loaded in": fixed(result.load_s, 1, " s")}
            columns.append((result.label, told, changed))
    names = dict.fromkeys(name for _, told, changed in columns for name in told if _is_told(name, columns))
    rows = [[line(name), *(_cell(told.get(name), name in changed) for _, told, changed in columns)] for name in names]
    yield '<section aria-label="Environments">\n<h2>What each ran on</h2>\n'
    yield table(["", *(label for label, _, _ in columns)], rows, kind="words")
    yield f'<p class="about">{DIFFERS} another than when it was recorded, as far as that is known.</p>\n</section>\n'


def _is_told(name: str, columns: Sequence[tuple[str, Mapping[str, str], frozenset[str]]]) -> bool:
    """Whether a row stands in the table: files are many, and stand there only where one is another."""
    return not name.startswith("file ") or any(name in changed for _, _, changed in columns)


def _cell(value: str | None, has_changed: bool) -> str:
    words = line(value or UNKNOWN)
    return f"<strong>{DIFFERS} {words}</strong>" if has_changed else words


def _told(facts: CheckpointFacts) -> dict[str, str]:
    """What is known of a checkpoint in use, by the names that differences have."""
    known = {
        "checkpoint": facts.name,
        "revision": facts.revision,
        "dtype": facts.dtype,
        "quantization": facts.quantization,
        "device": facts.device,
        "image detail": facts.image_detail,
        **{f"file {one.name}": one.sha256[:12] for one in facts.environment.files},
        **{one.name: one.version for one in facts.environment.libraries},
    }
    return {name: value for name, value in known.items() if value}
