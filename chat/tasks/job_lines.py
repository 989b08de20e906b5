"""Jobs from a file that has one on every line, as a JSON object. Opens no picture."""

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from chat.errors import ChatError, InputError
from chat.files import read_file
from chat.generation import GenerationSettings
from chat.safe_text import short_line
from chat.tasks.jobs import BadJob, Given, Job, JobId, Task, settings_of
from chat.transcript.typed_json import object_of, refuse_constant

MOST_BYTES: Final = 2**30
"""Of a file of jobs; its pictures are apart."""

_IdKey = tuple[type, JobId]
"""An id and its kind: 1 is not "1"."""

_LARGEST: Final = 2**63 - 1

_SETTINGS: Final = tuple(field.name for field in fields(GenerationSettings))
_WHOLE: Final = (int, "a whole number")
_NUMBER: Final = (int | float, "a number")
_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "image": (str, "a text"),
    "images": (list, "a list of texts"),
    "prompt": (str, "a text"),
    "task": (str, "a text"),
    "max_new_tokens": _WHOLE,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": _WHOLE,
    "num_beams": _WHOLE,
    "repetition_penalty": _NUMBER,
    "seed": _WHOLE,
}
"""What a job may say besides its id, and of what kind that is."""


def jobs_of_file(path: Path, given: Given) -> list[Job | BadJob]:
    """The jobs in a file, one for every line that is not blank.

    Args:
        path: Of the file; pictures are named from its folder.
        given: Settings of jobs that do not say otherwise.

    Raises:
        InputError: The file cannot be read or has no job.
    """
    content = read_file(path, most_bytes=MOST_BYTES, error=InputError)
    # Not by `splitlines`, to which other characters end a line as well.
    lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
    rows = [(number, _parsed_or_not(line)) for number, line in lines if line.strip()]
    if not rows:
        raise InputError(f"{short_line(str(path))}: has no jobs: write one on every line")
    if all(isinstance(row, InputError) for _, row in rows):
        number, problem = rows[0]
        raise InputError(f"{short_line(str(path))}, line {number}: {problem}")
    named: dict[_IdKey, int] = {}
    for number, row in rows:
        own_id = row.get("id") if isinstance(row, dict) else None
        if isinstance(own_id, str | int) and not isinstance(own_id, bool):
            named.setdefault((type(own_id), own_id), number)
    return [_job_of_row(row, number, path, given, named) for number, row in rows]


def _job_of_row(
    row: dict[str, object] | InputError, number: int, path: Path, given: Given, named: Mapping[_IdKey, int]
) -> Job | BadJob:
    where = f"{short_line(path.name)}, line {number}"
    # A job without an id is called after its line, unless another has that for its id.
    default: JobId = f"line {number}" if (int, number) in named else number
    job_id: JobId | None = default
    try:
        if isinstance(row, InputError):
            raise row
        if "id" in row:
            job_id = None
            job_id = default = _own_id(row.pop("id"), number, named)
        return _job(default, where, _checked(row), path.parent, given)
    except ChatError as error:
        return BadJob(job_id, InputError(f"{where}: {error}"))


def _parsed_or_not(line: bytes) -> dict[str, object] | InputError:
    """The object in a line, or what is wrong with the line."""
    try:
        return _parsed(line)
    except InputError as error:
        return error


def _job(job_id: JobId, where: str, row: dict[str, Any], folder: Path, given: Given) -> Job:
    if "image" in row and "images" in row:
        raise InputError("has both image and images: give one")
    sources = (row["image"],) if "image" in row else tuple(row.get("images", ()))
    paths = tuple(_path(source, folder) for source in sources)
    prompt = row.get("prompt", "")
    task = _task(row["task"]) if "task" in row else Task.ASK if prompt.strip() or not paths else Task.CAPTION
    own = {name: row[name] for name in _SETTINGS if name in row}
    return Job(job_id, where, paths, sources, task, prompt, settings_of(task, {**given, **own}))


def _path(source: str, folder: Path) -> str:
    try:
        return os.path.join(folder, os.path.expanduser(source))
    except ValueError as error:
        raise InputError(f"{short_line(source)}: no file can have this name: check it") from error


def _checked(row: dict[str, object]) -> dict[str, Any]:
    """The values that are there, each of its kind."""
    for key, value in row.items():
        if key not in _KINDS:
            raise InputError(f"unknown key {short_line(key, 60)}: the keys are id, {', '.join(_KINDS)}")
        kind, words = _KINDS[key]
        is_texts = not isinstance(value, list) or all(isinstance(item, str) for item in value)
        # To Python, true is a whole number.
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind) or not is_texts):
            raise InputError(f"{key} is not {words}")
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise InputError(f"{key} is too large a number")
    return {key: value for key, value in row.items() if value is not None}


def _task(name: str) -> Task:
    try:
        return Task(name)
    except ValueError as error:
        raise InputError(f"task is none of {', '.join(Task)}") from error


def _own_id(value: object, number: int, named: Mapping[_IdKey, int]) -> JobId:
    """The id that a line gives, where it is the first line to give it."""
    # To Python, true is a whole number.
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InputError("id is neither a text nor a whole number")
    earlier = named[type(value), value]
    if earlier != number:
        raise InputError(f"the id {short_line(json.dumps(value), 60)} is that of line {earlier} already")
    return value


def _parsed(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line.decode(), object_pairs_hook=object_of, parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        raise InputError("is not JSON: it is not a text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: see column {error.colno}") from error
    except ValueError as error:
        raise InputError("is not JSON: it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise InputError("is no job: its lists are nested too deeply") from error
    if not isinstance(value, dict):
        raise InputError('is no job: write an object such as {"image": "cat.png", "prompt": "What is this?"}')
    return value
