"""What stands before the answers in an HTML report: the figures, what they mean, and what each model ran on."""

from collections.abc import Iterator, Sequence
from typing import Final

from chat.generation import CheckpointFacts
from chat.replay.candidates import CandidateResult
from chat.replay.figures import Figures, recorded_speed
from chat.replay.report import SIMILARITY, Report, differs_from_recorded, recorded_facts
from chat.replay.report_markup import UNKNOWN, definitions, line, number, table

_COLUMNS: Final = ("Model", "Answers", "Same", "Similarity", "Tokens/s", "First token", "Log-prob/token", "/character")
_MEANINGS: Final = (
    ("Answers", "Messages that the model answered, of those it was asked."),
    ("Same", "Answers that are the recorded reply, white space at either end aside, of those with one to compare."),
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
            yield f'<p class="missing">✕ {line(result.label)}: {line(result.problem)}</p>\n'
        elif unscored := Figures.of(result.turns).unscored:
            yield f'<p class="about">{line(result.label)}, log-prob: {line(unscored)}</p>\n'
    yield definitions(_MEANINGS)
    yield "</section>\n"


def _recorded_row(report: Report) -> Sequence[str]:
    speed = recorded_speed(report.recordings)
    times = number(speed.tokens_per_s, 1), number(speed.first_token_s, 2, " s")
    return ("recorded", UNKNOWN, UNKNOWN, UNKNOWN, *times, UNKNOWN, UNKNOWN)


def _row(result: CandidateResult) -> Sequence[str]:
    if result.problem:
        return (line(result.label), "not loaded", *[UNKNOWN] * (len(_COLUMNS) - 2))
    figures = Figures.of(result.turns)
    return (
        line(result.label),
        f"{figures.answered:,} of {figures.turns:,}",
        f"{figures.same:,} of {figures.compared:,}",
        number(figures.similarity, 3),
        number(figures.speed.tokens_per_s, 1),
        number(figures.speed.first_token_s, 2, " s"),
        number(figures.log_probability, 3),
        number(figures.character_log_probability, 3),
    )


def environments(report: Report) -> Iterator[str]:
    """What the recorded replies came from, and every candidate, with what is another than it was."""
    yield '<section aria-label="Environments">\n<h2>What each ran on</h2>\n'
    for facts in recorded_facts(report.recordings):
        yield f"<h3>recorded</h3>\n{definitions(_facts(facts))}"
    for result in report.results:
        if result.facts is not None:
            changed = [
                (f"≠ {one.what}", f"{one.recorded} → {one.present}")
                for one in differs_from_recorded(report.recordings, result.facts)
            ]
            unchanged = [("○ recorded", "the same as far as it was recorded")]
            loaded = ("loaded in", number(result.load_s, 1, " s"))
            yield f"<h3>{line(result.label)}</h3>\n"
            yield definitions([*_facts(result.facts), loaded, *(changed or unchanged)])
    yield "</section>\n"


def _facts(facts: CheckpointFacts) -> Iterator[tuple[str, str]]:
    yield "checkpoint", facts.name
    if facts.revision:
        yield "revision", facts.revision
    yield "precision", facts.dtype if facts.quantization == "none" else f"{facts.quantization}, {facts.dtype}"
    yield "device", facts.device
    if facts.environment.libraries:
        yield "libraries", ", ".join(f"{one.name} {one.version}" for one in facts.environment.libraries)
