"""What a job gave, as a line of JSON that any run of the same job would write, byte for byte.

So a line holds no time, and nothing of how jobs were put together. What its reply depends on is told by a digest, the
`run`: a line whose digest is another was not written by the run that finds it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from chat.conversation import Image
from chat.errors import ChatError, ImageError, InputError
from chat.files import read_file
from chat.generation import CheckpointFacts, Reply
from chat.images import MOST_BYTES
from chat.prompt import Dialect
from chat.safe_text import json_line, short_line
from chat.tasks.jobs import BadJob, Job, JobId

_NOT_OURS: Final = "is no result of a job: choose another --out"
_KEYS: Final = ("id", "images", "reply", "stop_reason", "usage", "checkpoint", "run")
_ERROR_KEYS: Final = ("id", "images", "error", "checkpoint", "run")
_RUN_DIGITS: Final = 16
_RUN: Final = re.compile(rf"[0-9a-f]{{{_RUN_DIGITS}}}")
_PLACEHOLDER: Final = Image("0" * 64, 1, 1, "", bytes)
"""Stands for a picture where a prompt's text alone is wanted."""


@dataclass(frozen=True, slots=True)
class Result:
    """A job's result as it was written."""

    id: JobId | None
    images: tuple[Image, ...]
    """Its pictures as they were then; none where one could not be opened."""
    is_error: bool
    checkpoint: str
    run: str


def reply_line(job: Job, images: Sequence[Image], reply: Reply, text: str, facts: CheckpointFacts, run: str) -> str:
    """The line, without its end, of a job that was replied to.

    Args:
        job: That was done.
        images: Its pictures.
        reply: As the model gave it.
        text: Of the reply, as the task is to be read.
        facts: Of the checkpoint.
        run: What `run_digest` gave.
    """
    values = {
        "reply": text,
        "stop_reason": str(reply.stop_reason),
        "usage": {"prompt_tokens": reply.prompt_tokens, "new_tokens": reply.new_tokens},
    }
    return json_line(_beginning(job.id, images) | values | {"checkpoint": facts.name, "run": run})


def error_line(job: Job | BadJob, images: Sequence[Image], words: str, facts: CheckpointFacts, run: str) -> str:
    """The line, without its end, of a job that failed for what the words say."""
    return json_line(_beginning(job.id, images) | {"error": words, "checkpoint": facts.name, "run": run})


def begins(job: Job | BadJob, torn: bytes) -> bool:
    """Whether these bytes can be what was written of a job's line before the run was killed."""
    whole = json_line(_beginning(job.id, ())).removesuffix("]}").encode()
    return torn.startswith(whole) or whole.startswith(torn)


def read_result(line: bytes) -> Result:
    """The result in a line.

    Raises:
        InputError: The line is nothing that this module wrote.
    """
    try:
        value = json.loads(line.decode())
        keys = tuple(value) if isinstance(value, dict) else ()
        if keys not in (_KEYS, _ERROR_KEYS) or not isinstance(value["checkpoint"], str):
            raise InputError(_NOT_OURS)
        if not _RUN.fullmatch(value["run"]):
            raise InputError(_NOT_OURS)
        images = tuple(
            Image(each["digest"], each["width"], each["height"], each["source"], bytes) for each in value["images"]
        )
        return Result(value["id"], images, keys == _ERROR_KEYS, value["checkpoint"], value["run"])
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, ChatError) as error:
        raise InputError(_NOT_OURS) from error


def run_digest(job: Job | BadJob, images: Sequence[Image], facts: CheckpointFacts, dialect: Dialect) -> str:
    """A short digest of everything that a job's result depends on.

    Args:
        job: That is to be done.
        images: Its pictures; none where one could not be opened.
        facts: Of the checkpoint.
        dialect: Of the checkpoint.
    """
    checkpoint = [facts.name, facts.revision, facts.dtype, facts.quantization, facts.image_detail]
    wanted: list[Any] = [str(job.error)] if isinstance(job, BadJob) else [_prompt_text(job, dialect), _settings(job)]
    digests = [image.digest for image in images]
    written = json.dumps([checkpoint, wanted, digests], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:_RUN_DIGITS]


def check_result(result: Result, job: Job | BadJob, facts: CheckpointFacts, dialect: Dialect) -> None:
    """Raise InputError where a result is not what doing the job now would give.

    The pictures are read again. One that cannot be read any more speaks against nothing.
    """
    if result.checkpoint != facts.name:
        raise InputError(f"belongs to another run (checkpoint {short_line(result.checkpoint)}): choose another --out")
    if result.run != run_digest(job, result.images, facts, dialect):
        words = "its prompt, settings or checkpoint were others"
        raise InputError(f"belongs to another run ({words}): choose another --out")
    # The picture that a job failed on may be another since; that it failed was true.
    if isinstance(job, Job) and not result.is_error:
        for path, image in zip(job.paths, result.images, strict=False):
            if _has_changed(path, image):
                words = f"{short_line(image.name)} was another picture"
                raise InputError(f"belongs to another run ({words}): choose another --out")


def _beginning(job_id: JobId | None, images: Sequence[Image]) -> dict[str, Any]:
    pictures = [
        {"digest": image.digest, "width": image.width, "height": image.height, "source": image.name} for image in images
    ]
    return {"id": job_id, "images": pictures}


def _prompt_text(job: Job, dialect: Dialect) -> str:
    try:
        return job.asked([_PLACEHOLDER] * len(job.paths), dialect).prompt.text
    except ChatError as error:
        return str(error)


def _settings(job: Job) -> dict[str, Any]:
    return {"task": str(job.task), **asdict(job.settings)}


def _has_changed(path: str, image: Image) -> bool:
    try:
        return hashlib.sha256(read_file(path, most_bytes=MOST_BYTES, error=ImageError)).hexdigest() != image.digest
    except ImageError:
        return False
