"""A model on a server as a `TextGenerator`: what all kinds of servers have in common."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import Final

from chat.conversation import Image
from chat.errors import GenerationError
from chat.generation import ALTERNATIVES, NO_REPLY, CheckpointFacts, Chunk, GenerationSettings, Reply, Score, StopReason
from chat.prompt import Control, Dialect, Picture, Prompt, written
from chat.remote.api import Api, Ending
from chat.remote.settings import refusal
from chat.seen import SeenPicture, SeenPrompt, WeighedToken

_AT_ONCE: Final = 4
_BYTES_OF_TOKEN: Final = 4
_TOKENS_OF_PICTURE: Final = 256
"""About how much a token holds, and a picture takes, where the server alone could tell."""


class RemoteGenerator:
    """Asks a server for what it can do, and says of the rest that a server does not tell it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def facts(self) -> CheckpointFacts:
        """What the server has loaded."""
        return self._api.facts

    @property
    def dialect(self) -> Dialect:
        """How prompts for it are written."""
        return self._api.dialect

    def count_tokens(self, prompt: Prompt) -> int:
        """About how many tokens a prompt takes; `facts` has no limit to hold against it."""
        pictures = len(prompt.images)
        controls = sum(isinstance(segment, Control) for segment in prompt.segments)
        texts = "".join(written(one) for one in prompt.segments if not isinstance(one, Control | Picture))
        size = len(texts.encode("utf-8", "replace"))
        return pictures * _TOKENS_OF_PICTURE + controls + -(-size // _BYTES_OF_TOKEN)

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """See `TextGenerator.generate`. A server of the openai API tells no token ids."""
        started, first_token_s = time.monotonic(), 0.0
        if problem := refusal(self.facts.family, settings):
            raise GenerationError(problem)
        settings = settings.seeded()
        said: list[str] = []
        ids: list[int] = []
        ending = Ending(StopReason.CANCELLED)
        with closing(self._api.said(prompt, settings, stop)) as pieces:
            for piece in pieces:
                if isinstance(piece, Ending):
                    ending = piece
                    break
                first_token_s = first_token_s or time.monotonic() - started
                said.append(piece.text)
                if piece.token_id is not None:
                    ids.append(piece.token_id)
                yield piece
        yield Reply(
            text="".join(said),
            token_ids=tuple(ids[: len(ids) - ending.unspoken]),
            stop_reason=ending.reason,
            prompt_tokens=ending.prompt_tokens,
            cached_tokens=ending.cached_tokens,
            seed=settings.seed if settings.temperature > 0 else None,
            first_token_s=first_token_s,
            total_s=time.monotonic() - started,
            told_tokens=ending.told_tokens,
        )

    def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
        """Do nothing: a server reads a prompt when it is asked."""

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """See `TextGenerator.score`; not every server can."""
        return self._api.score(prompt, texts, stop)

    def describe(self, prompt: Prompt) -> SeenPrompt:
        """Cannot be told."""
        raise GenerationError(
            "a remote server does not tell the tokens of a prompt: load the checkpoint on this machine"
        )

    def preprocess(self, image: Image) -> SeenPicture:
        """Cannot be told."""
        raise GenerationError(
            "a remote server does not tell what its model gets of a picture: load the checkpoint on this machine"
        )

    def weigh(
        self, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> tuple[WeighedToken, ...] | None:
        """Cannot be told."""
        raise GenerationError(
            "a remote server does not tell how likely the tokens of a reply were: load the checkpoint on this machine"
        )

    def generate_batch(
        self, requests: Sequence[tuple[Prompt, GenerationSettings]], stop: threading.Event
    ) -> Iterator[tuple[int, Reply]]:
        """See `TextGenerator.generate_batch`; the server is asked for all at once, and computes as many as it can."""
        failures: list[BaseException] = []
        with ThreadPoolExecutor(max(1, len(requests)), "question") as pool:
            places = {pool.submit(self._whole, *request, stop): place for place, request in enumerate(requests)}
            for asked in as_completed(places):
                if failure := asked.exception():
                    failures.append(failure)
                else:
                    yield places[asked], asked.result()
        if failures:
            raise failures[0]

    def most_at_once(self, tokens: int, images: int) -> int:
        """A few: nobody knows how many a server can take, and it has others to answer."""
        return _AT_ONCE

    def _whole(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Reply:
        *_, reply = self.generate(prompt, settings, stop)
        if not isinstance(reply, Reply):
            raise GenerationError(NO_REPLY)
        return reply
