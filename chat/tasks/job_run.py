"""Jobs through a model: pictures opened as they are needed, several jobs at once, a line for each in their order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chat.conversation import Image
from chat.errors import ChatError, GenerationError, ImageError, MemoryFullError
from chat.files import read_file
from chat.generation import Reply, TextGenerator
from chat.images import MOST_BYTES, read_image, read_later
from chat.safe_text import printable, short_line
from chat.tasks.answers import Asked
from chat.tasks.batching import Request, replies
from chat.tasks.jobs import BadJob, Job
from chat.tasks.results import Result, error_line, reply_line, run_digest


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has its result."""

    line: str
    """To be written, without its end."""
    error: str
    """What went wrong, in one line that says with which job; empty where nothing did."""
    pictures: int
    """That it was about."""


def run_jobs(
    generator: TextGenerator,
    jobs: Sequence[Job | BadJob],
    stop: threading.Event,
    *,
    earlier: Iterable[Result] = (),
    known: int = 0,
    batch_size: int | None = None,
    told: Callable[[int], object] | None = None,
) -> Iterator[Done]:
    """Yield what every job gives, in their order.

    Args:
        generator: A loaded model.
        jobs: What to ask it.
        stop: Ends it; jobs whose replies are not whole then are not yielded.
        earlier: The results of the first jobs, which are not done again.
        known: How many those are.
        batch_size: Jobs at once; found out when left out.
        told: Told how many are done at once, each time.
    """
    waiting: deque[_Prepared] = deque()

    def requests() -> Iterator[Request | ChatError]:
        results = iter(earlier)
        for place, job in enumerate(jobs):
            prepared = _prepared(job, next(results) if place < known else None, generator)
            if place >= known:
                waiting.append(prepared)
            asked = prepared.asked
            yield (asked.prompt, asked.settings) if isinstance(asked, Asked) else asked

    for outcome in replies(generator, requests(), stop, batch_size=batch_size, told=told, known=known):
        yield _done(waiting.popleft(), outcome, generator)


@dataclass(frozen=True, slots=True)
class _Prepared:
    job: Job | BadJob
    images: tuple[Image, ...]
    asked: Asked | ChatError


def _prepared(job: Job | BadJob, earlier: Result | None, generator: TextGenerator) -> _Prepared:
    if isinstance(job, BadJob):
        return _Prepared(job, (), job.error)
    images: tuple[Image, ...] = ()
    try:
        if earlier is not None:
            images = _as_they_were(job, earlier)
        else:
            images = tuple(_opened(path, source) for path, source in zip(job.paths, job.sources, strict=True))
        return _Prepared(job, images, job.asked(images, generator.dialect))
    except ChatError as error:
        return _Prepared(job, images, error)


def _opened(path: str, source: str) -> Image:
    """A picture whose bytes are let go of until the model asks for them: thousands may wait."""
    try:
        data = read_file(path, most_bytes=MOST_BYTES, error=ImageError)
    except ImageError as error:
        # In the job's words, which are the same wherever the program was started.
        raise ImageError(str(error).replace(short_line(path), short_line(source), 1)) from error
    return read_later(read_image(data, source), path)


def _as_they_were(job: Job, earlier: Result) -> tuple[Image, ...]:
    if len(earlier.images) != len(job.paths):
        raise ImageError("a picture could not be opened")
    return tuple(read_later(image, path) for path, image in zip(job.paths, earlier.images, strict=True))


def _done(prepared: _Prepared, outcome: Reply | ChatError, generator: TextGenerator) -> Done:
    job, images, facts = prepared.job, prepared.images, generator.facts
    run = run_digest(job, images, facts, generator.dialect)
    if isinstance(outcome, Reply) and isinstance(job, Job) and isinstance(prepared.asked, Asked):
        line = reply_line(job, images, outcome, prepared.asked.text_of(outcome.text), facts, run)
        return Done(line, "", len(images))
    words = _words(job, outcome if isinstance(outcome, ChatError) else GenerationError("there is no reply"))
    return Done(error_line(job, images, words, facts, run), words, len(images))


def _words(job: Job | BadJob, error: ChatError) -> str:
    if isinstance(job, BadJob):
        return printable(str(job.error), multiline=False)
    # How much is free is another figure every time, and would make another file of it.
    words = "memory does not suffice for this job alone" if isinstance(error, MemoryFullError) else str(error)
    # A job made of a picture is called like it, and so is what is wrong with the picture.
    where = "" if words.startswith(f"{job.where}: ") else f"{job.where}: "
    return printable(f"{where}{words}", multiline=False)
