"""Jobs: what a model is to be asked, about files that need not be opened yet. Knows no model."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from glob import glob, has_magic
from typing import Any, Final

from chat.conversation import Conversation, Image, user_turn
from chat.errors import InputError
from chat.generation import GenerationSettings
from chat.images import PICTURE_SUFFIXES
from chat.prompt import Dialect, continuation, serialize
from chat.safe_text import short_line
from chat.tasks.answers import Asked
from chat.tasks.captioning import CAPTION_TOKENS, captions_asked
from chat.tasks.question_answering import ANSWER_TOKENS, questions_asked
from chat.tasks.stories import STORY_BEAMS, STORY_TOKENS, story_asked

JobId = str | int


class Task(StrEnum):
    """What is wanted of the model."""

    ASK = "ask"
    CAPTION = "caption"
    VQA = "vqa"
    STORY = "story"


_USUAL: Final[Mapping[Task, GenerationSettings]] = {
    Task.ASK: GenerationSettings(),
    Task.CAPTION: GenerationSettings(max_new_tokens=CAPTION_TOKENS),
    Task.VQA: GenerationSettings(max_new_tokens=ANSWER_TOKENS),
    Task.STORY: GenerationSettings(max_new_tokens=STORY_TOKENS, num_beams=STORY_BEAMS),
}
"""Where neither a job nor whoever runs it says otherwise, as when the task is done by itself."""

Given = Mapping[str, Any]
"""Fields of `GenerationSettings` and their values, as far as they were given."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to ask."""

    id: JobId
    where: str
    """Where it comes from, in words: `jobs.jsonl, line 3`."""
    paths: tuple[str, ...]
    """Of its pictures, to be opened."""
    sources: tuple[str, ...]
    """What it calls its pictures."""
    task: Task
    prompt: str
    settings: GenerationSettings

    def __post_init__(self) -> None:
        pictures, has_prompt = len(self.paths), bool(self.prompt.strip())
        if self.task is Task.ASK and not (pictures or has_prompt):
            raise InputError("has neither a prompt nor a picture: give one")
        if self.task in (Task.CAPTION, Task.VQA) and pictures != 1:
            raise InputError(f"has {pictures} pictures: {self.task} is about one")
        if self.task is Task.VQA and not has_prompt:
            raise InputError('has no question: give it as "prompt"')
        if self.task is Task.STORY and (has_prompt or not pictures):
            raise InputError("has a prompt or no picture: story is told of pictures alone")

    def asked(self, images: Sequence[Image], dialect: Dialect) -> Asked:
        """What a model is asked.

        Args:
            images: Its pictures, opened.
            dialect: Of the checkpoint.
        """
        match self.task:
            case Task.CAPTION:
                (asked,) = captions_asked(images, dialect, prefix=self.prompt, settings=self.settings)
                return asked
            case Task.VQA:
                (asked,) = questions_asked(self.prompt, images, dialect, settings=self.settings)
                return asked
            case Task.STORY:
                return story_asked(images, dialect, settings=self.settings)
        parts: list[Image | str] = [*images, *([self.prompt] if self.prompt.strip() else [])]
        is_turn = dialect.closes_turns
        prompt = serialize(Conversation((user_turn(*parts),)), dialect) if is_turn else continuation(parts, dialect)
        return Asked(tuple(images), prompt, self.settings)


@dataclass(frozen=True, slots=True)
class BadJob:
    """A line that is no job."""

    id: JobId | None
    """None where it has an id that another job has, or one that cannot be an id."""
    error: InputError
    """Says where it stands."""


def jobs_of_pictures(names: Sequence[str], prompt: str, given: Given) -> list[Job | BadJob]:
    """A job for every picture.

    Args:
        names: Files, folders, whose pictures are taken by name, and patterns such as `*.png`.
        prompt: What is asked about each; with none, its caption is.
        given: Settings of all of them.

    Raises:
        InputError: A name stands for no picture.
    """
    task = Task.ASK if prompt.strip() else Task.CAPTION
    settings = settings_of(task, given)
    return [Job(path, short_line(path), (path,), (path,), task, prompt, settings) for path in _pictures(names)]


def _pictures(names: Iterable[str]) -> list[str]:
    paths: list[str] = []
    for name in names:
        expanded = os.path.expanduser(name)
        if os.path.isdir(expanded):
            found = [os.path.join(expanded, entry) for entry in sorted(os.listdir(expanded))]
            found = [path for path in found if path.lower().endswith(PICTURE_SUFFIXES) and os.path.isfile(path)]
        elif os.path.lexists(expanded):
            found = [expanded]
        elif has_magic(expanded):
            found = [path for path in sorted(glob(expanded, recursive=True)) if os.path.isfile(path)]
        else:
            raise InputError(f"{short_line(name)}: there is no such file: check the name")
        if not found:
            raise InputError(f"{short_line(name)}: there is no picture: {', '.join(PICTURE_SUFFIXES)} are taken")
        paths += found
    return list(dict.fromkeys(paths))


def settings_of(task: Task, given: Given) -> GenerationSettings:
    """With a seed where they sample, and none where they do not: a run that is gone on with draws none."""
    settings = replace(_USUAL[task], **given) if given else _USUAL[task]
    if settings.temperature == 0:
        return settings if settings.seed is None else replace(settings, seed=None)
    return replace(settings, seed=0) if settings.seed is None else settings
