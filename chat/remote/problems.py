"""What goes wrong with a server, in one line that names the server and the cure."""

import json
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from chat.errors import GenerationError
from chat.remote.address import KEY_VARIABLE, Address

CONNECT_S: Final = 5.0
SILENCE_S: Final = 600.0
"""Seconds for which a server may say nothing: on a CPU, a long prompt takes minutes to read."""
_LONGEST_WORDS: Final = 200


def unreachable(address: Address, error: httpx2.HTTPError, silence_s: float, *, has_begun: bool) -> GenerationError:
    """What an error of the connection means.

    Args:
        address: The server's.
        error: As the client raised it.
        silence_s: Seconds for which the server might say nothing.
        has_begun: Whether the server had begun to answer.
    """
    host, causes = address.host, tuple(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return GenerationError(f"{host} cannot prove who it is, its certificate does not fit: check --base-url")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return GenerationError(f"there is no server {host}: check --base-url, and the network")
    if isinstance(error, httpx2.ConnectTimeout):
        return GenerationError(f"{host} did not answer within {CONNECT_S:g} s: check --base-url, and the network")
    if isinstance(error, httpx2.ConnectError):
        return GenerationError(f"{host} cannot be reached: start the server, or check --base-url")
    if isinstance(error, httpx2.TimeoutException):
        return GenerationError(f"{host} said nothing for {silence_s:g} s: look at the server, then try again")
    if has_begun:
        return broken_off(address)
    if isinstance(error, httpx2.RemoteProtocolError):
        return GenerationError(f"{host} broke off or speaks no HTTP: check --base-url")
    return GenerationError(f"{host} broke off: look at the server, then try again")


def refused(address: Address, path: str, response: httpx2.Response, body: bytes) -> GenerationError:
    """What an answer means whose status is not that all is well.

    Args:
        address: The server's.
        path: What was asked for.
        response: Its status and headers.
        body: What it says, as far as it was read.
    """
    host, status = address.host, response.status_code
    words = words_of(address, body)
    says = f"{host} says: {words} ({status})"
    if status == 403 and words:
        return GenerationError(f"{says}: check {address.variable}")
    if status in (401, 403):
        return GenerationError(_no_entry(address, status))
    if status == 404 and not words:
        return GenerationError(f"{host} has nothing at {address.url(path)} (404): check --base-url and --api")
    if status == 404:
        return GenerationError(f"{says}: check --checkpoint and --base-url")
    if status == 429:
        return GenerationError(f"{host} takes no more requests for the moment (429): wait, then try again")
    if 300 <= status < 400:
        elsewhere = address.line(urlsplit(response.headers.get("location", "")).netloc, 80)
        return GenerationError(f"{host} sends on to {elsewhere or 'another address'}, which is not followed: name that")
    if status >= 500:
        return GenerationError(f"{says if words else _named(host, status)}: look at the server, then try again")
    return GenerationError(says if words else f"{_named(host, status)}: check --base-url and --api")


def broken_off(address: Address) -> GenerationError:
    """That a server stopped in the middle of its answer."""
    return GenerationError(f"{address.host} broke off in the middle of its answer: look at the server, then try again")


def ended(address: Address, reason: object) -> GenerationError:
    """That a server ended a reply for a reason of its own."""
    return GenerationError(f"{address.host} ended the reply: {address.line(str(reason), 60)}; ask in other words")


def failed(address: Address, words: str) -> GenerationError:
    """What a server means that says in the middle of its answer that it failed."""
    said = address.line(words, _LONGEST_WORDS) or "it failed"
    return GenerationError(f"{address.host} says: {said}")


def no_api(address: Address, kind: str) -> GenerationError:
    """That something answers, but not as such a server does.

    Args:
        address: The server's.
        kind: The media type of its answer, if any.
    """
    if kind == "text/html":
        return GenerationError(
            f"{address.host} answers with a web page: check --base-url, which often ends with /v1, and --api"
        )
    return GenerationError(f"{address.host} does not answer as such a server does: check --base-url and --api")


def words_of(address: Address, body: bytes) -> str:
    """What a server says of an error, in one line; empty where it says nothing that is meant to be read."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return address.line(error_in(document) or "", _LONGEST_WORDS)


def error_in(document: Any) -> str | None:
    """The error that an answer tells of; None where it tells of none."""
    if not isinstance(document, dict):
        return None
    error = document.get("error", document.get("detail"))
    if error is None and document.get("object") == "error":
        error = document.get("message")
    if isinstance(error, dict):
        error = error.get("message", "")
    if error is None:
        return None
    return error if isinstance(error, str) else json.dumps(error)


def _no_entry(address: Address, status: int) -> str:
    if address.key:
        return f"{address.host} does not take the key ({status}): check {address.variable}"
    return f"{address.host} wants a key ({status}): set {KEY_VARIABLE}"


def _named(host: str, status: int) -> str:
    phrases = {one.value: f" {one.phrase}" for one in HTTPStatus}
    return f"{host} answers with {status}{phrases.get(status, '')}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came of."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            for one in cause.exceptions:
                yield from _causes(one)
        cause = cause.__cause__ or cause.__context__
