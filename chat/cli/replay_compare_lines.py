"""A comparison in lines for a person."""

import sys
from collections.abc import Iterator
from typing import Final

import click

from chat.cli.running import terminal_columns
from chat.records import StoredTurn
from chat.replay.candidates import CandidateResult
from chat.replay.compare import ComparedTurn
from chat.replay.figures import Figures, Speed, fixed, log_in_words, recorded_speed
from chat.replay.recording import Recording
from chat.replay.report import Answers, Report
from chat.replay.word_marks import marked
from chat.safe_text import printable, short_line

_COLUMNS: Final = 100
"""Of the output where it goes to no terminal."""
_LEAST: Final = 40
"""Columns that are used in any case."""
_LONGEST_LABEL: Final = 32
_LEAST_LABEL: Final = 8
_RECORDED: Final = "recorded"
_HEADS: Final = ("", "answers", "same", "similar", "tokens/s", "first", "log-prob")
_MEANING: Final = "similar: chrF2, from 0 to 1; log-prob: that of a token of the recorded replies, on average"
_SIGNS: Final = {"same": "=", "differs": "≠", "failed": "✕", "opening": "«", "closing": "»"}
_ASCII_SIGNS: Final = {"same": "=", "differs": "!=", "failed": "x", "opening": "[[", "closing": "]]"}


class ComparedLines:
    """Prints a comparison."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._columns = max(_LEAST, terminal_columns(sys.stdout) or _COLUMNS)
        self._signs = _signs()
        labels = (_RECORDED, *(result.label for result in report.results))
        self._width = min(_LONGEST_LABEL, self._columns // 3, max(map(len, labels)))

    def print(self) -> None:
        """Print every recording with the answers to it, and what all of it comes to."""
        for place, recording in enumerate(self._report.recordings):
            title = f"  {recording.title}" if recording.title else ""
            self._say(f"{short_line(recording.name, 60)}{title}")
            for line in self._exchanges(recording, self._report.answers(place)):
                self._say(line)
            click.echo()
        for line in self._summary():
            click.echo(printable(line, multiline=False))

    def _exchanges(self, recording: Recording, answers: Answers) -> Iterator[str]:
        for exchange in recording.exchanges:
            yield f"{exchange.position:>3}  {_asked(exchange.message)}"
            if exchange.reply is not None:
                yield self._row("", _RECORDED, "", exchange.reply.turn.text)
            for label, turns in answers:
                if exchange.position in turns:
                    yield self._answer(label, turns[exchange.position])

    def _answer(self, label: str, turn: ComparedTurn) -> str:
        if turn.reply is None:
            return self._row("failed", label, "", turn.problem)
        if turn.recorded is None or turn.similarity is None:
            return self._row("", label, "", turn.reply.text)
        likeness = f"{turn.similarity:.3f}"
        if turn.is_same:
            return self._row("same", label, likeness, "")
        pieces = marked(turn.reply.text, [turn.recorded.turn.text])
        opening, closing = self._signs["opening"], self._signs["closing"]
        text = "".join(f"{opening}{piece.text}{closing}" if piece.is_marked else piece.text for piece in pieces)
        return self._row("differs", label, likeness, text)

    def _row(self, sign: str, label: str, likeness: str, text: str) -> str:
        """A line of the table of a turn."""
        name = short_line(label, self._width)
        row = f"  {self._signs.get(sign, ''):>2} {name:<{self._width}}  {likeness:<5}  {' '.join(text.split())}"
        return row.rstrip()

    def _summary(self) -> Iterator[str]:
        rows: list[tuple[str, ...]] = [
            _HEADS,
            (_RECORDED, "", "", "", *_speed(recorded_speed(self._report.recordings)), ""),
        ]
        rows += [_figures(result) for result in self._report.results if not result.problem]
        widths = [max(len(row[place]) for row in rows) for place in range(1, len(_HEADS))]
        room = max(_LEAST_LABEL, self._columns - sum(widths) - 2 * len(widths))
        width = min(room, max(len(row[0]) for row in rows))
        for row in rows:
            cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
            yield _cut(f"{short_line(row[0], width):<{width}}  {'  '.join(cells)}".rstrip(), self._columns)
        yield _MEANING
        for result in self._report.results:
            if result.problem:
                yield f"{self._signs['failed']} {result.named_problem}"
            elif unscored := Figures.of(result.turns).unscored:
                yield f"{result.label} has no log-prob for some or all: {unscored}"

    def _say(self, line: str) -> None:
        click.echo(_cut(printable(line, multiline=False), self._columns))


def _figures(result: CandidateResult) -> tuple[str, ...]:
    figures = Figures.of(result.turns)
    return (
        result.label,
        f"{figures.answered:,} of {figures.turns:,}",
        f"{figures.same:,} of {figures.compared:,}",
        fixed(figures.similarity, 3),
        *_speed(figures.speed),
        log_in_words(figures.log_probability),
    )


def _speed(speed: Speed) -> tuple[str, str]:
    return fixed(speed.tokens_per_s, 1), fixed(speed.first_token_s, 2, " s")


def _asked(message: StoredTurn) -> str:
    """A message in a line."""
    return " ".join([*(f"[{image.name}]" for image in message.turn.images), *message.turn.text.split()])


def _cut(line: str, columns: int) -> str:
    return line if len(line) <= columns else f"{line[: columns - 1]}…"


def _signs() -> dict[str, str]:
    """Those that stdout can show."""
    try:
        "".join(_SIGNS.values()).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII_SIGNS
    return _SIGNS
