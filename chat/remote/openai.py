"""Servers of OpenAI's chat API: vLLM, llama.cpp, `transformers serve`, Ollama, OpenAI itself and many more."""

import math
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, Final

from chat.errors import CheckpointError, GenerationError
from chat.generation import REMOTE, CheckpointFacts, Chunk, GenerationSettings, Score, StopReason
from chat.prompt import END_OF_UTTERANCE, USER_MARKER, Dialect, Prompt
from chat.remote.address import Address
from chat.remote.api import Ending, is_name, number
from chat.remote.families import dialect_of
from chat.remote.messages import CHAT, messages
from chat.remote.pictures import remembering
from chat.remote.problems import broken_off, ended, no_api
from chat.remote.server import EVENTS, Question, RefusedError, Server

OPENAI: Final = "openai"
MODELS: Final = Question("models")
_REASONS: Final = {
    "stop": StopReason.END_OF_UTTERANCE,
    "eos": StopReason.END_OF_UTTERANCE,
    "length": StopReason.MAX_NEW_TOKENS,
}
_USAGE: Final = "stream_options"
"""The field that has the counts told; some servers refuse a question that has it."""
_MOST_LISTED: Final = 5
_LONGEST_TOKEN: Final = 128
"""Characters that a token has at most, on average: an event may hold a letter, or several tokens."""
_COUNTS_S: Final = 2.0
"""Seconds for which the counts are waited for when the reply has ended."""


class OpenAiApi:
    """A model of a server that takes messages."""

    def __init__(self, server: Server, model: str, image_detail: str) -> None:
        self._server = server
        self._url_of = remembering()
        self._tells_usage = True
        self._facts = CheckpointFacts(
            name=model,
            revision=server.address.host,
            family=OPENAI,
            device=REMOTE,
            dtype="",
            quantization="",
            context_length=0,
            image_size=0,
            image_detail=image_detail,
        )

    @property
    def facts(self) -> CheckpointFacts:
        """See `Api.facts`."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """See `Api.dialect`."""
        return CHAT

    def said(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Generator[Chunk | Ending]:
        """See `Api.said`."""
        body = self._body(prompt, settings)
        if self._tells_usage:
            try:
                yield from self._replied({**body, _USAGE: {"include_usage": True}}, settings.max_new_tokens, stop)
                return
            except RefusedError as error:
                if _USAGE not in str(error):
                    raise
                self._tells_usage = False
        yield from self._replied(body, settings.max_new_tokens, stop)

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """Cannot be told."""
        raise GenerationError("a server of the openai API does not tell how likely a text is: ask it without ranking")

    def _replied(self, body: dict[str, Any], most: int, stop: threading.Event) -> Generator[Chunk | Ending]:
        """The pieces of a reply; the counts come after the last one, if they come."""
        reason: StopReason | None = None
        usage: Any = None
        size, ended_at = 0, math.inf
        question = Question("chat/completions", body, EVENTS)
        with closing(self._server.events(question, stop, lambda: time.monotonic() > ended_at + _COUNTS_S)) as events:
            for event in events:
                usage = event.get("usage") or usage
                text, ended = self._read(event)
                if text:
                    size += len(text)
                    yield Chunk(text, None)
                if ended is not None and reason is None:
                    reason, ended_at = ended, time.monotonic()
                if size > most * _LONGEST_TOKEN:
                    # It has been told how long a reply may be, and does not end.
                    reason = StopReason.MAX_NEW_TOKENS
                    break
        if reason is None:
            if stop.is_set():
                return
            raise broken_off(self._server.address)
        details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
        yield Ending(
            reason,
            number(usage, "prompt_tokens"),
            number(details, "cached_tokens"),
            number(usage, "completion_tokens"),
        )

    def _read(self, event: dict[str, Any]) -> tuple[str, StopReason | None]:
        """What an event adds to the reply, and why it ended if it did."""
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise no_api(self._server.address, "")
        if not choices:
            return "", None
        choice = choices[0] if isinstance(choices[0], dict) else {}
        delta, given = choice.get("delta"), choice.get("finish_reason")
        text = delta.get("content") if isinstance(delta, dict) else ""
        if given is not None and given not in _REASONS:
            raise ended(self._server.address, given)
        return text if isinstance(text, str) else "", _REASONS[given] if given is not None else None

    def _body(self, prompt: Prompt, settings: GenerationSettings) -> dict[str, Any]:
        # OpenAI gave the limit another name, which the other servers do not all know.
        limit = "max_completion_tokens" if self._server.address.is_public else "max_tokens"
        body: dict[str, Any] = {
            "model": self._facts.name,
            "messages": messages(prompt, self._url_of, self._facts.image_detail),
            "stream": True,
            limit: settings.max_new_tokens,
            "temperature": settings.temperature,
        }
        if settings.top_p < 1:
            body["top_p"] = settings.top_p
        if settings.seed is not None and settings.temperature > 0:
            body["seed"] = settings.seed
        if dialect_of(self._facts.name) is not None:
            body["stop"] = [END_OF_UTTERANCE, USER_MARKER]
        return body


def load_openai(server: Server, model: str, image_detail: str, stop: threading.Event) -> OpenAiApi | None:
    """The model of this name, or the only one that the server has; None when `stop` was set before.

    Raises:
        CheckpointError: There are several and none was named, or none.
        GenerationError: The server does not answer as it should.
    """
    listed = server.document(MODELS, stop)
    if listed is None:
        return None
    found = listed.get("data")
    if not isinstance(found, list):
        raise no_api(server.address, "")
    names = [one["id"] for one in found if isinstance(one, dict) and is_name(one.get("id"))]
    if not model and len(names) != 1:
        raise CheckpointError(_which(server.address, names))
    return OpenAiApi(server, model or names[0], image_detail)


def _which(address: Address, names: Sequence[str]) -> str:
    if not names:
        return f"{address.host} has no model: start it with one"
    shown = ", ".join(address.line(name, 60) for name in names[:_MOST_LISTED])
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{address.host} has several models: give --checkpoint one of {shown}{more}"
