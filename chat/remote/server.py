"""Questions to a server over HTTP, and its answers: whole, or event by event as they come.

The client is an asynchronous one on a thread of its own, because what waits there for a name, a connection or a word
can be given up at any moment.
"""

import asyncio
import contextlib
import functools
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

import httpx2

from chat.errors import GenerationError
from chat.remote.address import Address
from chat.remote.events import data_of
from chat.remote.problems import CONNECT_S, SILENCE_S, error_in, failed, no_api, refused, unreachable

EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"
_DONE: Final = b"[DONE]"
_LOOK_S: Final = 0.05
"""Seconds between two looks at whether the answer is still wanted."""
_LEAVE_S: Final = 0.1
"""Seconds that a connection which is given up has to be closed in."""
_DOCUMENT_S: Final = 30.0
"""Seconds for which a server may say nothing where it has nothing to compute."""
_MOST_ERROR: Final = 2**16
_MOST_DOCUMENT: Final = 2**22
_MOST_ANSWER: Final = 2**27
"""Bytes that are read of an error, of a whole answer and of one that comes in events."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a server is asked."""

    path: str
    body: dict[str, Any] | None = None
    """Sent as JSON; None asks without one."""

    kind: str = JSON
    """The media type that its answer must have."""

    @property
    def method(self) -> str:
        """Of HTTP."""
        return "GET" if self.body is None else "POST"

    @property
    def silence_s(self) -> float:
        """Seconds for which the server may say nothing."""
        return _DOCUMENT_S if self.body is None else SILENCE_S

    def content(self) -> bytes:
        """The body as it is sent; half of a surrogate pair, which no text in UTF-8 has, as a question mark."""
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode("utf-8", "replace")


class RefusedError(GenerationError):
    """The server understood the question and will not answer it."""


class Server:
    """A server at an address. Follows no redirect, knows no proxy and keeps no cookie: it alone is spoken to."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def document(self, question: Question, stop: threading.Event) -> dict[str, Any] | None:
        """The JSON object that it answers with; None when `stop` was set before.

        Raises:
            GenerationError: It cannot be reached, refuses, or answers with anything else.
        """
        content = bytearray()
        with contextlib.closing(self._pieces(question, stop)) as pieces:
            for piece in pieces:
                content += piece
                if len(content) > _MOST_DOCUMENT:
                    raise no_api(self.address, "")
        if stop.is_set():
            return None
        return self._parsed(bytes(content))

    def events(
        self, question: Question, stop: threading.Event, is_enough: Callable[[], bool] = lambda: False
    ) -> Generator[dict[str, Any]]:
        """The JSON objects of its events as they come, until it has said all, `stop` is set or it is enough.

        Whoever wants no more closes it: the server need not go on.

        Raises:
            GenerationError: It cannot be reached, refuses, breaks off, or answers with anything else.
        """
        with contextlib.closing(self._pieces(question, stop, is_enough)) as pieces:
            for data in data_of(pieces, self.address):
                # What is left when nobody waits any longer is part of an event.
                if data == _DONE or stop.is_set() or is_enough():
                    return
                event = self._parsed(data)
                if (error := error_in(event)) is not None:
                    raise failed(self.address, error)
                yield event

    def _parsed(self, data: bytes) -> dict[str, Any]:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise no_api(self.address, "") from error
        if not isinstance(document, dict):
            raise no_api(self.address, "")
        return document

    def _pieces(
        self, question: Question, stop: threading.Event, is_enough: Callable[[], bool] = lambda: False
    ) -> Generator[bytes]:
        """The answer's bytes as they come, until `stop` is set or it is enough."""
        taken: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        errand = _Errand(self._fetch(question, taken))
        try:
            while not stop.is_set() and not is_enough():
                try:
                    piece = taken.get(timeout=_LOOK_S)
                except Empty:
                    continue
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            errand.give_up()

    async def _fetch(self, question: Question, taken: "SimpleQueue[bytes | Exception | None]") -> None:
        """Put the answer's bytes into a queue as they come, and None or what went wrong at their end."""
        has_begun = False
        try:
            async with self._client(question) as client, self._asked(client, question) as response:
                await self._check(question, response)
                has_begun, count = True, 0
                async for piece in response.aiter_raw():
                    count += len(piece)
                    if count > _MOST_ANSWER:
                        raise no_api(self.address, "")
                    taken.put(piece)
            taken.put(None)
        except httpx2.HTTPError as error:
            taken.put(unreachable(self.address, error, question.silence_s, has_begun=has_begun))
        except (httpx2.InvalidURL, UnicodeError):
            taken.put(GenerationError(f"there is no server {self.address.host}: check --base-url"))
        # Whatever ends this thread is raised where the answer is waited for.
        except Exception as error:
            taken.put(error)

    def _client(self, question: Question) -> httpx2.AsyncClient:
        timeout = httpx2.Timeout(question.silence_s, connect=CONNECT_S)
        return httpx2.AsyncClient(timeout=timeout, verify=self._trusted, follow_redirects=False, trust_env=False)

    def _asked(
        self, client: httpx2.AsyncClient, question: Question
    ) -> contextlib.AbstractAsyncContextManager[httpx2.Response]:
        url, content = self.address.url(question.path), question.content()
        return client.stream(question.method, url, content=content, headers=self._headers(question.kind))

    @functools.cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Who may say that it is the server. The system's list takes a tenth of a second to read."""
        if self.address.is_secure:
            return httpx2.create_ssl_context()
        # Without a list nobody may, and over http:// nobody is asked.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    async def _check(self, question: Question, response: httpx2.Response) -> None:
        """Raise what is wrong with an answer that begins so."""
        if response.status_code != httpx2.codes.OK:
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _MOST_ERROR:
                    break
            problem = str(refused(self.address, question.path, response, body))
            raise RefusedError(problem) if response.status_code in (400, 422) else GenerationError(problem)
        given = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if given != question.kind or packing not in ("", "identity"):
            raise no_api(self.address, given)

    def _headers(self, kind: str) -> dict[str, str]:
        headers = {
            "Accept": kind,
            "Accept-Encoding": "identity",
            "Content-Type": JSON,
            "User-Agent": "idefics-chat",
        }
        if self.address.key:
            headers["Authorization"] = f"Bearer {self.address.key}"
        return headers


class _Errand:
    """A coroutine that runs on a thread of its own until it ends or is given up."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._is_given_up = threading.Event()
        self._begun: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Have it end at once, wherever it is; does nothing to one that has ended."""
        with self._lock:
            self._is_given_up.set()
            if self._begun is not None:
                loop, task = self._begun
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
        # It may be that very thread on which something forgotten is tidied up.
        if threading.current_thread() is not self._thread:
            self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._watched())
        except asyncio.CancelledError:
            return

    async def _watched(self) -> None:
        with self._lock:
            if self._is_given_up.is_set():
                self._coroutine.close()
                return
            self._begun = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await self._coroutine
        finally:
            with self._lock:
                self._begun = None
