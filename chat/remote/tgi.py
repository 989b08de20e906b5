"""Servers of text-generation-inference: they take the checkpoint's own prompt and tell the tokens of the reply."""

import math
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from chat.environment import Environment, Library
from chat.errors import CheckpointError, GenerationError
from chat.generation import REMOTE, CheckpointFacts, Chunk, GenerationSettings, Score, StopReason
from chat.prompt import END_OF_UTTERANCE, USER_MARKER, Dialect, Picture, Prompt, Words
from chat.remote.api import Ending, is_name, number
from chat.remote.families import dialect_of
from chat.remote.inputs import inputs
from chat.remote.marker import UntilMarker
from chat.remote.pictures import remembering
from chat.remote.problems import broken_off, ended, no_api
from chat.remote.server import EVENTS, Question, Server
from chat.safe_text import short_line

TGI: Final = "tgi"
INFO: Final = Question("info")
_STOPS: Final = [END_OF_UTTERANCE, USER_MARKER]


class TgiApi:
    """The model of a server that takes a string."""

    def __init__(self, server: Server, model: str, dialect: Dialect, info: Mapping[str, Any]) -> None:
        """Speak to a server.

        Args:
            server: Where it is.
            model: What its checkpoint is called.
            dialect: Of that checkpoint.
            info: What it says of itself.
        """
        self._server = server
        self._dialect = dialect
        self._url_of = remembering()
        self._facts = CheckpointFacts(
            name=model,
            revision=server.address.host,
            family=TGI,
            device=REMOTE,
            dtype=_text(info, "model_dtype").removeprefix("torch."),
            quantization="",
            context_length=0,
            image_size=0,
            environment=Environment(libraries=tuple(_libraries(info))),
        )

    @property
    def facts(self) -> CheckpointFacts:
        """See `Api.facts`."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """See `Api.dialect`."""
        return self._dialect

    def said(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Generator[Chunk | Ending]:
        """See `Api.said`."""
        body = {"inputs": inputs(prompt, self._dialect, self._url_of), "parameters": _parameters(settings)}
        text, last, reason, details, pieces = UntilMarker(), "", None, None, 0
        question = Question("generate_stream", body, EVENTS)
        with closing(self._server.events(question, stop)) as events:
            for event in events:
                token_id, last, is_special = self._token(event)
                pieces += 1
                yield Chunk(text.take("" if is_special else last), token_id)
                details = event.get("details")
                if isinstance(details, dict):
                    reason = self._reason(details.get("finish_reason"), last)
                if text.has_marker:
                    reason = StopReason.TURN_MARKER
                elif reason is None and pieces >= settings.max_new_tokens:
                    # It has been told how long a reply may be, and does not end.
                    reason = StopReason.MAX_NEW_TOKENS
                if reason is not None:
                    break
        if reason is None:
            if stop.is_set():
                return
            raise broken_off(self._server.address)
        if rest := text.rest():
            yield Chunk(rest, None)
        yield Ending(reason, number(details, "input_length"), unspoken=text.unspoken() if text.has_marker else 0)

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """See `TextGenerator.score`; the prompt is read anew for every text."""
        before = self._read(prompt, stop)
        space = "" if isinstance(prompt.segments[-1], Picture) else " "
        found: list[Score] = []
        for text in texts:
            whole = self._read(Prompt((*prompt.segments, Words(space + text))), stop)
            if before is None or whole is None:
                return None
            places = range(len(before), len(whole))
            if not places or any(before[place][0] != whole[place][0] for place in range(len(before))):
                words = f"the label {short_line(text, 60)} cannot stand behind this prompt"
                raise GenerationError(f"{words}: word it otherwise")
            found.append(Score(sum(whole[place][1] for place in places), len(places)))
        return None if stop.is_set() else tuple(found)

    def _read(self, prompt: Prompt, stop: threading.Event) -> list[tuple[int, float]] | None:
        """The ids of a prompt's tokens, each with its log-probability behind those before it; that of the first is 0.

        None when `stop` was set on the way.
        """
        parameters = {"max_new_tokens": 1, "do_sample": False, "details": True, "decoder_input_details": True}
        body = {"inputs": inputs(prompt, self._dialect, self._url_of), "parameters": parameters}
        answer = self._server.document(Question("generate", body), stop)
        if answer is None:
            return None
        details = answer.get("details")
        tokens = details.get("prefill") if isinstance(details, dict) else None
        if not isinstance(tokens, list) or not tokens:
            host = self._server.address.host
            raise GenerationError(f"{host} does not tell how likely a text is: ask it without ranking")
        try:
            read = [(int(token["id"]), float(token["logprob"] or 0)) for token in tokens]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise no_api(self._server.address, "") from error
        if not all(math.isfinite(likely) for _, likely in read):
            raise no_api(self._server.address, "")
        return read

    def _token(self, event: dict[str, Any]) -> tuple[int, str, bool]:
        """The id of an event's token, its text, and whether that is a control token's name."""
        token = event.get("token")
        if not isinstance(token, dict):
            raise no_api(self._server.address, "")
        token_id, text = token.get("id"), token.get("text")
        if not isinstance(token_id, int) or not isinstance(text, str):
            raise no_api(self._server.address, "")
        return token_id, text, token.get("special") is True

    def _reason(self, given: object, last: str) -> StopReason:
        """Why a reply ended whose last token has this text."""
        if given == "length":
            return StopReason.MAX_NEW_TOKENS
        if given not in ("eos_token", "stop_sequence"):
            raise ended(self._server.address, given)
        return StopReason.END_OF_UTTERANCE if last == END_OF_UTTERANCE else StopReason.EOS


def load_tgi(server: Server, model: str, stop: threading.Event) -> TgiApi | None:
    """The model that the server has; None when `stop` was set before.

    Raises:
        CheckpointError: It is another one than was named, or nobody knows how its prompts are written.
        GenerationError: The server does not answer as it should.
    """
    info = server.document(INFO, stop)
    if info is None:
        return None
    served, host = info.get("model_id"), server.address.host
    if not is_name(served):
        raise no_api(server.address, "")
    if model and _short(model) != _short(served):
        raise CheckpointError(f"{host} has {server.address.line(served, 80)} and not {model}: leave out --checkpoint")
    dialect = dialect_of(served)
    if dialect is None:
        known = "IDEFICS, Idefics2, Idefics3 and SmolVLM"
        raise CheckpointError(
            f"nobody here knows how prompts for {server.address.line(served, 80)} are written, only those of {known}: "
            "try --api openai"
        )
    return TgiApi(server, model or served, dialect, info)


def _parameters(settings: GenerationSettings) -> dict[str, Any]:
    """The settings under the names that the server has for them; it refuses values that would change nothing."""
    parameters: dict[str, Any] = {"max_new_tokens": settings.max_new_tokens, "details": True, "stop": _STOPS}
    if settings.repetition_penalty != 1:
        parameters["repetition_penalty"] = settings.repetition_penalty
    if settings.temperature == 0:
        return {**parameters, "do_sample": False}
    parameters |= {"do_sample": True, "temperature": settings.temperature, "seed": settings.seed}
    if settings.top_p < 1:
        parameters["top_p"] = settings.top_p
    if settings.top_k:
        parameters["top_k"] = settings.top_k
    return parameters


def _text(info: Mapping[str, Any], name: str) -> str:
    value = info.get(name)
    return value if isinstance(value, str) else ""


def _libraries(info: Mapping[str, Any]) -> Iterator[Library]:
    """The server's program, where it tells its version."""
    if version := _text(info, "version"):
        yield Library("text-generation-inference", version)


def _short(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()
