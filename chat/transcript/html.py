"""Conversations as one HTML page to read and to print: everything it shows is in it, and nothing in it runs."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from chat.conversation import Image, Role
from chat.records import StoredTurn
from chat.transcript.page import END, head
from chat.transcript.present import PresentPictures, missing_in_words
from chat.transcript.rendering import plain, rendered
from chat.transcript.telling import (
    choice_in_words,
    images_of,
    moment_of,
    numbered,
    origin_of,
    picture_in_words,
    speaker_of,
    title_of,
)
from chat.transcript.values import Transcript

LONG_TURN: Final = 1_000
"""Characters above which a turn may be printed on two pages."""


def to_html(transcripts: Sequence[Transcript], pictures: PresentPictures | None = None) -> Iterator[str]:
    """A page of transcripts, in pieces: put together they are the document.

    Several have a list of contents before them. Words stand for a picture that is gone.

    Args:
        transcripts: What to write.
        pictures: Told which of their pictures are gone.

    Raises:
        TranscriptError: A picture is no longer what it was.
    """
    pictures = pictures or PresentPictures()
    title = title_of(transcripts[0]) if len(transcripts) == 1 else f"{len(transcripts):,} conversations"
    yield head(title)
    if len(transcripts) > 1:
        yield _contents(title, transcripts)
    for number, transcript in enumerate(transcripts, start=1):
        yield f'<article id="conversation-{number}">\n<h1 dir="auto">{escape(title_of(transcript))}</h1>\n'
        yield from _body(transcript, pictures)
        yield "</article>\n"
    yield END


def _contents(title: str, transcripts: Sequence[Transcript]) -> str:
    entries = "".join(
        f'<li><a href="#conversation-{number}" dir="auto">{escape(title_of(transcript))}</a>'
        f' <span class="about">{escape(_extent(transcript))}</span></li>\n'
        for number, transcript in enumerate(transcripts, start=1)
    )
    return f'<nav aria-label="Contents">\n<h1>{escape(title)}</h1>\n<ol>\n{entries}</ol>\n</nav>\n'


def _extent(transcript: Transcript) -> str:
    turns, pictures = len(transcript.turns), len(images_of(transcript))
    words = [f"{turns:,} turn{'' if turns == 1 else 's'}"]
    words += [f"{pictures:,} picture{'' if pictures == 1 else 's'}"] if pictures else []
    began = moment_of(transcript.turns[0].created_at) if transcript.turns else ""
    return " · ".join([*words, *([began] if began else [])])


def _body(transcript: Transcript, pictures: PresentPictures) -> Iterator[str]:
    yield f'<p class="about">{escape(_extent(transcript))}</p>\n'
    if transcript.system:
        yield f'<section class="system">\n<h2>System</h2>\n{plain(transcript.system)}\n</section>\n'
    numbers = numbered(transcript)
    yield from _choices(transcript, None)
    for stored in transcript.turns:
        yield from _turn(stored, numbers, pictures)
        yield from _choices(transcript, stored.id)


def _turn(stored: StoredTurn, numbers: Mapping[tuple[int, int], int], pictures: PresentPictures) -> Iterator[str]:
    name, moment = escape(speaker_of(stored)), moment_of(stored.created_at)
    time = f' <time datetime="{escape(stored.created_at)}">{moment}</time>' if moment else ""
    length = " long" if len(stored.turn.text) > LONG_TURN else ""
    yield f'<section class="turn {stored.turn.role}{length}">\n<h2>{name}{time}</h2>\n'
    place = 0
    for part in stored.turn.parts:
        if isinstance(part, Image):
            yield from _figure(numbers[stored.id, place], part, pictures.url(part))
            place += 1
        else:
            yield (plain if stored.turn.role is Role.USER else rendered)(part.text) + "\n"
    if not stored.turn.parts:
        yield '<p class="about">no words</p>\n'
    if stored.generation is not None and (words := origin_of(stored.generation)):
        yield f'<p class="about">{escape(words)}</p>\n'
    yield "</section>\n"


def _figure(number: int, image: Image, url: str | None) -> Iterator[str]:
    if url is None:
        yield f'<p class="about">{escape(missing_in_words(image))}</p>\n'
        return
    words = escape(picture_in_words(number, image))
    yield f'<figure>\n<img alt="{words}" width="{image.width}" height="{image.height}" src="'
    yield url
    yield f'">\n<figcaption>{words} <span>{image.width}×{image.height}</span></figcaption>\n</figure>\n'


def _choices(transcript: Transcript, turn_id: int | None) -> Iterator[str]:
    for choice in transcript.choices:
        if choice.turn_id == turn_id:
            yield f'<p class="about">{escape(choice_in_words(choice))}</p>\n'
