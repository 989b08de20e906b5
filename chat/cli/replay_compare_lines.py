"""A comparison in lines for a person."""

import sys
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

import click

from chat.cli.running import terminal_columns
from chat.plain.words import ending_of
from chat.records import StoredTurn
from chat.replay.candidates import CandidateResult
from chat.replay.compare import ComparedTurn
from chat.replay.figures import Figures, Speed, fixed, log_in_words, recorded_speed
from chat.replay.recording import RecordedExchange
from chat.replay.report import Answers, Report
from chat.replay.word_marks import marked
from chat.safe_text import printable, short_line
from chat.talk.labels import SET_OFF
from chat.talk.wording import count_in_words

_LEAST: Final = 40
"""Columns that are used in any case."""
_LEAST_TEXT: Final = 24
"""Columns that a text needs beside what stands before it."""
_LONGEST_LABEL: Final = 32
_LEAST_LABEL: Final = 8
_TEXT_AT: Final = 5
"""Columns before a message."""
_RECORDED: Final = "recorded"
_NO_WORDS: Final = "(no words)"
_HEADS: Final = ("", "answers", "same", "similar", "tokens/s", "first", "log-prob")
_MEANING: Final = "similar: chrF2, from 0 to 1; log-prob: that of a token of the recorded replies, on average"
_SIGNS: Final = {"same": "=", "differs": "≠", "failed": "✕", "opening": "«", "closing": "»"}
_ASCII_SIGNS: Final = {"same": "=", "differs": "!=", "failed": "x", "opening": "[[", "closing": "]]"}


class ComparedLines:
    """Prints a comparison."""

    def __init__(self, report: Report) -> None:
        self._report = report
        columns = terminal_columns(sys.stdout)
        self._columns = None if columns is None else max(_LEAST, columns)
        """None where the output goes to no terminal: nothing of it is cut, or broken into lines."""
        self._signs = _signs()
        longest = max(map(len, (_RECORDED, *(result.label for result in report.results))))
        self._width = longest if self._columns is None else min(_LONGEST_LABEL, self._columns // 3, longest)

    def print(self) -> None:
        """Print every recording with the answers to it, and what all of it comes to."""
        for place, recording in enumerate(self._report.recordings):
            self._say(f"{recording.name}{f'  {recording.title}' if recording.title else ''}")
            for exchange in recording.exchanges:
                self._exchange(exchange, self._report.answers(place))
            click.echo()
        for line in self._summary():
            self._say(line)

    def _exchange(self, exchange: RecordedExchange, answers: Answers) -> None:
        self._say(f"{exchange.position:>3}  {_asked(exchange.message)}", _TEXT_AT)
        rows = [self._row("", _RECORDED, "", _said(exchange.reply))] if exchange.reply is not None else []
        rows += [
            self._answer(label, turns[exchange.position]) for label, turns in answers if exchange.position in turns
        ]
        text_at = len(self._row("", "", "", "_")) - 1
        is_room = self._columns is None or self._columns - text_at >= _LEAST_TEXT
        for row in rows:
            self._say(row, text_at if is_room else _TEXT_AT)

    def _answer(self, label: str, turn: ComparedTurn) -> str:
        if turn.reply is None:
            return self._row("failed", label, "", turn.problem)
        if turn.recorded is None or turn.similarity is None:
            return self._row("", label, "", turn.reply.text or _NO_WORDS)
        likeness = f"{turn.similarity:.3f}"
        if turn.is_same:
            return self._row("same", label, likeness, "")
        pieces = marked(turn.reply.text, [turn.recorded.turn.text])
        opening, closing = self._signs["opening"], self._signs["closing"]
        text = "".join(f"{opening}{piece.text}{closing}" if piece.is_marked else piece.text for piece in pieces)
        return self._row("differs", label, likeness, text or _NO_WORDS)

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
        width = max(len(row[0]) for row in rows)
        if self._columns is not None:
            width = min(width, max(_LEAST_LABEL, self._columns - sum(widths) - 2 * len(widths)))
        for row in rows:
            cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
            yield f"{short_line(row[0], width):<{width}}  {'  '.join(cells)}".rstrip()
        yield _MEANING
        for result in self._report.results:
            if result.problem:
                yield f"{self._signs['failed']} {result.named_problem}"
            elif unscored := Figures.of(result.turns).unscored:
                yield f"{result.label} has no log-prob for some or all: {unscored}"
        if not self._report.is_whole:
            count = sum(len(result.turns) for result in self._report.results)
            yield f"stopped after {count_in_words(count, 'answer')}, before all was compared"

    def _say(self, line: str, set_off: int = len(SET_OFF)) -> None:
        """Print a line; on a terminal broken to its width, with the later ones set off by so many columns."""
        shown = printable(line, multiline=False)
        lines = [shown]
        if self._columns is not None:
            lines = wrap(shown, self._columns, subsequent_indent=" " * set_off, break_on_hyphens=False)
        for one in lines:
            click.echo(one)


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


def _said(reply: StoredTurn) -> str:
    """A recorded reply, and why it ends where it was cut."""
    ending = ending_of(reply)
    return " ".join([*reply.turn.text.split(), *([f"({ending})"] if ending else [])]) or _NO_WORDS


def _signs() -> dict[str, str]:
    """Those that stdout can show."""
    try:
        "".join(_SIGNS.values()).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII_SIGNS
    return _SIGNS
