"""A comparison as one HTML page to read and to print: everything it shows is in it, and nothing in it runs."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Final

from chat.conversation import Image
from chat.errors import ChatError
from chat.generation import Reply
from chat.records import StoredTurn
from chat.replay.compare import ComparedTurn, History
from chat.replay.figures import fixed, log_in_words, new_tokens_of, reply_of
from chat.replay.recording import Recording
from chat.replay.report import Answers, Report
from chat.replay.report_markup import DIFFERS, FAILED, SAME, count, line, plain
from chat.replay.report_pictures import data_url
from chat.replay.report_tables import environments, summary
from chat.replay.word_marks import Piece, marked
from chat.transcript.page import END, head
from chat.transcript.telling import picture_in_words

_HISTORIES: Final = {
    History.RECORDED: "every answer follows the recorded replies before it",
    History.FED_FORWARD: "every answer follows the model's own answers before it",
}
_LEGEND: Final = (
    f"{SAME} same, {DIFFERS} differs, {FAILED} failed. Marked in an answer are words that the recorded reply does not "
    "say in that place; marked in a recorded reply, words that one of the answers, at least, does not say."
)
_KINDS: Final = {True: ("same", SAME), False: ("differs", DIFFERS), None: ("", "")}
"""By whether an answer is the recorded reply."""


def comparison_page(report: Report, written_at: str = "") -> Iterator[str]:
    """The page, in pieces: put together they are the document.

    Args:
        report: What was compared.
        written_at: When, in words.
    """
    title = _title(report.recordings)
    yield head(title, files("chat.replay").joinpath("report.css").read_text("utf-8"))
    yield f'<h1 dir="auto">{line(title)}</h1>\n<p class="about">{line(_about(report, written_at))}</p>\n'
    yield from summary(report)
    yield from environments(report)
    yield f'<p class="about">{line(_LEGEND)}</p>\n'
    for place, recording in enumerate(report.recordings):
        yield f'<article>\n<h2 dir="auto">{line(recording.title or recording.name)}</h2>\n'
        yield f'<p class="about">{line(recording.name)}</p>\n'
        yield from _exchanges(recording, report.answers(place))
        yield "</article>\n"
    yield END


def _title(recordings: Sequence[Recording]) -> str:
    if len(recordings) == 1:
        return f"Compared: {recordings[0].title or recordings[0].name}"
    return f"Compared: {len(recordings):,} conversations"


def _about(report: Report, written_at: str) -> str:
    messages = sum(recording.exchange_count for recording in report.recordings)
    overrides = [f"{name.replace('_', '-')} {value}" for name, value in report.overrides.items()]
    words = [
        count(messages, "message"),
        _HISTORIES[report.history],
        f"in the place of recorded settings: {', '.join(overrides)}" if overrides else "with the recorded settings",
        *([written_at] if written_at else []),
        *([] if report.is_whole else ["stopped before all was compared"]),
    ]
    return " · ".join(words)


def _exchanges(recording: Recording, answers: Answers) -> Iterator[str]:
    if recording.system:
        yield f'<section class="exchange">\n<h3>System</h3>\n{_plain(recording.system)}\n</section>\n'
    first_picture = 1
    for exchange in recording.exchanges:
        yield '<section class="exchange">\n'
        yield from _message(exchange.message, first_picture)
        yield from _columns(exchange.position, exchange.reply, answers)
        yield "</section>\n"
        first_picture += len(exchange.message.turn.images)


def _message(message: StoredTurn, number_of_first: int) -> Iterator[str]:
    yield '<div class="turn user">\n<h3>You</h3>\n'
    picture = number_of_first
    for part in message.turn.parts:
        if isinstance(part, Image):
            yield _figure(picture, part)
            picture += 1
        else:
            yield _plain(part.text) + "\n"
    yield "</div>\n"


def _figure(place: int, image: Image) -> str:
    words = line(picture_in_words(place, image))
    try:
        return f'<figure><img alt="{words}" src="{data_url(image)}"><figcaption>{words}</figcaption></figure>\n'
    except ChatError as error:
        return f'<p class="missing">{FAILED} picture {place}: {line(str(error))}</p>\n'


def _columns(position: int, recorded: StoredTurn | None, answers: Answers) -> Iterator[str]:
    turns = [(label, found.get(position)) for label, found in answers]
    texts = [turn.reply.text for _, turn in turns if turn is not None and turn.reply is not None]
    yield '<div class="answers" tabindex="0">\n'
    if recorded is not None:
        yield f'<div class="answer">\n<h3>{_named_recorded(recorded)}</h3>\n'
        yield f"{plain(marked(recorded.turn.text, texts))}\n{_origin(_recorded_in_words(recorded))}</div>\n"
    for label, turn in turns:
        if turn is not None:
            yield from _answer(label, turn)
    yield "</div>\n"


def _named_recorded(recorded: StoredTurn) -> str:
    name = recorded.generation.facts.short_name if recorded.generation is not None else ""
    return line(_joined("recorded", name))


def _answer(label: str, turn: ComparedTurn) -> Iterator[str]:
    if turn.reply is None:
        yield f'<div class="answer failed">\n<h3><span class="sign">{FAILED}</span>{line(label)} · failed</h3>\n'
        yield f"{_plain(turn.problem)}\n</div>\n"
        return
    kind, sign = _KINDS[turn.is_same]
    recorded = [turn.recorded.turn.text] if turn.recorded is not None else []
    yield f'<div class="answer {kind}">\n<h3><span class="sign">{sign}</span>{line(_joined(label, kind))}</h3>\n'
    yield f"{plain(marked(turn.reply.text, recorded))}\n{_origin(_turn_in_words(turn))}</div>\n"


def _recorded_in_words(recorded: StoredTurn) -> list[str]:
    reply = reply_of(recorded)
    if reply is None:
        return [] if recorded.generation is None else ["interrupted"]
    return [
        *_tokens_in_words(reply),
        *([f"{fixed(reply.tokens_per_s, 1)} tokens/s"] if reply.tokens_per_s else []),
        *([f"ended by {reply.stop_reason.replace('_', ' ')}"] if reply.stop_reason.is_cut else []),
    ]


def _tokens_in_words(reply: Reply) -> list[str]:
    tokens = new_tokens_of(reply)
    return [] if tokens is None else [count(tokens, "token")]


def _turn_in_words(turn: ComparedTurn) -> list[str]:
    reply = turn.reply
    if reply is None:
        return []
    left_out = [
        f"{count(amount, noun)} left out"
        for amount, noun in ((turn.left_out_messages, "message"), (turn.left_out_pictures, "picture"))
        if amount
    ]
    return [
        *([f"similarity {fixed(turn.similarity, 3)}"] if turn.similarity is not None else []),
        *_tokens_in_words(reply),
        *([f"{fixed(reply.tokens_per_s, 1)} tokens/s"] if reply.tokens_per_s else []),
        *([f"recorded reply {log_in_words(turn.score.per_token)}/token"] if turn.score is not None else []),
        *([f"ended by {reply.stop_reason.replace('_', ' ')}"] if reply.stop_reason.is_cut else []),
        *([f"begun with “{turn.words}”"] if turn.words else []),
        *([f"seed {reply.seed}"] if reply.seed is not None else []),
        *left_out,
    ]


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)


def _origin(words: Sequence[str]) -> str:
    return f'<p class="origin">{line(_joined(*words))}</p>\n' if words else ""


def _plain(text: str) -> str:
    return plain([Piece(text, False)])
