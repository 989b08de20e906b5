"""What goes wrong with a server: each in one line that names the server and the cure, and what was said is kept."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chat.errors import CheckpointError, GenerationError
from chat.generation import Chunk, GenerationSettings
from chat.loading import LoadProgress
from chat.prompt import serialize
from chat.remote import problems
from chat.remote import server as http_server
from chat.remote.address import KEY_VARIABLE, PUBLIC_VARIABLE, address_of
from chat.remote.loading import load_remote
from tests.remote.conftest import Load
from tests.remote.server import KEY, Answering, Server, chat_events, token_event
from tests.remote.talks import asked, reply_to


def load_problem(base_url: str, api: str = "openai", stop: threading.Event | None = None) -> str:
    with pytest.raises(CheckpointError) as raised:
        load_remote(base_url, api, "", "low", lambda _: None, stop or threading.Event())
    message = str(raised.value)
    assert "\n" not in message
    return message


def failing(server: Server, load: Load, answer: Callable[[Answering], None], api: str = "openai") -> tuple[str, str]:
    """What was said before a reply failed, and why it did."""
    server.answers["completions"] = server.answers["generate_stream"] = answer
    generator = load(api)
    said = []
    with pytest.raises(GenerationError) as raised:
        for piece in generator.generate(
            serialize(asked("a"), generator.dialect), GenerationSettings(), threading.Event()
        ):
            assert isinstance(piece, Chunk)
            said.append(piece.text)
    assert "\n" not in str(raised.value)
    return "".join(said), str(raised.value)


def test_a_server_that_is_not_there_is_named_with_the_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        # Bound and not listening: nothing else can take the port, and nothing answers there.
        assert load_problem(f"http://127.0.0.1:{port}/v1") == (
            f"127.0.0.1:{port} cannot be reached: start the server, or check --base-url"
        )


def test_a_name_that_no_server_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    problem = load_problem("http://no-such-host.invalid/v1")
    assert problem == "there is no server no-such-host.invalid: check --base-url, and the network"


def test_a_server_that_does_not_accept_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECT_S", 0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        # The one place in its queue is taken.
        with socket.create_connection((host, port)), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex((host, port))
            assert load_problem(f"http://{host}:{port}").startswith(f"{host}:{port} did not answer within 5 s: check")


def test_a_server_that_falls_silent_is_given_up_and_what_it_said_is_kept(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "SILENCE_S", 0.2)

    def answer(handler: Answering) -> None:
        handler.stream(*chat_events(["A ", "cat"])[:3])
        handler.wait_for_hang_up()

    said, problem = failing(server, load, answer)
    assert said == "A cat"
    assert problem == f"{server.host} said nothing for 0.2 s: look at the server, then try again"


def test_loading_can_be_given_up_while_the_server_says_nothing(server: Server) -> None:
    stop = threading.Event()

    def answer(handler: Answering) -> None:
        stop.set()
        handler.wait_for_hang_up()

    server.answers["models"] = answer
    assert load_problem(server.base_url, stop=stop) == f"asking {server.host} was cancelled"
    assert server.hung_up.wait(30)


REFUSALS = [
    (401, {}, "HOST wants a key (401): set IDEFICS_CHAT_API_KEY"),
    (404, b"", "HOST has nothing at http://HOST/v1/chat/completions (404): check --base-url and --api"),
    (
        404,
        {"error": {"message": "The model `x` does not exist"}},
        "HOST says: The model `x` does not exist (404): check --checkpoint and --base-url",
    ),
    (403, {"error": "not in your plan"}, "HOST says: not in your plan (403): check IDEFICS_CHAT_API_KEY"),
    (429, {"error": "slow down"}, "HOST takes no more requests for the moment (429): wait, then try again"),
    (500, b"<html>oh</html>", "HOST answers with 500 Internal Server Error: look at the server, then try again"),
    (503, {"error": {"message": "loading"}}, "HOST says: loading (503): look at the server, then try again"),
    (
        400,
        {"object": "error", "message": "this is longer than the context"},
        "HOST says: this is longer than the context (400)",
    ),
    (
        422,
        {"error": "`inputs` must have less\nthan 9 tokens"},
        "HOST says: `inputs` must have less␊than 9 tokens (422)",
    ),
    (418, b"[[[", "HOST answers with 418 I'm a Teapot: check --base-url and --api"),
    (400, b"[" * 100_000, "HOST answers with 400 Bad Request: check --base-url and --api"),
    (402, {"error": "\x1b]0;owned\x07" + "x" * 5000}, "HOST says: ␛]0;owned␇xxx"),
]


@pytest.mark.parametrize(("status", "body", "problem"), REFUSALS)
def test_a_refusal_is_told_with_the_words_of_the_server(
    server: Server, load: Load, status: int, body: Any, problem: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said, found = failing(server, load, lambda handler: handler.whole(content, "application/json", status))
    assert found.startswith(problem.replace("HOST", server.host))
    assert (said, len(found) < 300) == ("", True)


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    elsewhere = f"http://localhost:{server.server_port}/v1/models"
    server.answers["models"] = lambda handler: handler.whole(b"", "text/plain", 307, Location=elsewhere)
    found = load_problem(server.base_url)
    assert found == f"{server.host} sends on to localhost:{server.server_port}, which is not followed: name that"
    assert len(server.asked) == 1


def test_a_proxy_of_the_environment_is_not_spoken_to(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reply_to(load(), asked("a"))[1].text == "A cat."


WRONG = [
    ("text/html", b"<!doctype html>", "HOST answers with a web page: check --base-url, which often ends with /v1"),
    ("application/json", b'{"choices": []}', "HOST does not answer as such a server does: check --base-url and --api"),
    ("text/event-stream", b"data: not json\n\n", "HOST does not answer as such a server does"),
    ("text/event-stream", b"data: [1]\n\n", "HOST does not answer as such a server does"),
    ("text/event-stream", b'data: {"choices": 7}\n\n', "HOST does not answer as such a server does"),
    ("text/event-stream", b"data: " + b"[" * 100_000 + b"\n\n", "HOST does not answer as such a server does"),
    ("text/event-stream", b"", "HOST broke off in the middle of its answer"),
]


@pytest.mark.parametrize(("kind", "content", "problem"), WRONG)
@pytest.mark.parametrize("api", ["openai", "tgi"])
def test_what_is_no_answer_of_such_a_server_is_told(
    server: Server, load: Load, api: str, kind: str, content: bytes, problem: str
) -> None:
    _, found = failing(server, load, lambda handler: handler.whole(content, kind), api)
    assert found.startswith(problem.replace("HOST", server.host))


def test_a_packed_answer_is_refused(server: Server) -> None:
    server.answers["models"] = lambda handler: handler.whole(
        b'{"data": []}', "application/json", Content_Encoding="gzip"
    )
    assert "does not answer as such a server does" in load_problem(server.base_url)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{", b'{"data": 1}', b"\xff"])
@pytest.mark.parametrize("api", ["openai", "tgi"])
def test_a_server_that_lists_nothing_is_no_such_server(server: Server, api: str, content: bytes) -> None:
    answer = lambda handler: handler.whole(content, "application/json")  # noqa: E731  # it has two names
    server.answers["models"] = server.answers["info"] = answer
    assert "does not answer as such a server does" in load_problem(server.base_url, api)


@pytest.mark.parametrize("line_end", [b"", b"\n"])
def test_an_answer_that_has_no_end_is_left(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch, line_end: bytes
) -> None:
    monkeypatch.setattr("chat.remote.events.MOST_BYTES", 2**16)

    def answer(handler: Answering) -> None:
        handler.begin("text/event-stream")
        while True:
            handler.wfile.write(b"data: " + b"x" * 2**12 + line_end)

    assert "does not answer as such a server does" in failing(server, load, answer)[1]


@pytest.mark.parametrize("api", ["openai", "tgi"])
def test_a_reply_that_breaks_off_keeps_what_was_said(server: Server, load: Load, api: str) -> None:
    events = [token_event(1, " A cat")] if api == "tgi" else chat_events(["A cat"])[:2]
    said, problem = failing(server, load, lambda handler: handler.stream(*events), api)
    assert said == "A cat"
    assert problem == f"{server.host} broke off in the middle of its answer: look at the server, then try again"


def test_a_connection_that_breaks_keeps_what_was_said(server: Server, load: Load) -> None:
    def answer(handler: Answering) -> None:
        handler.begin("text/event-stream", Content_Length="100000")
        for event in chat_events(["A cat"])[:2]:
            handler.event(event)
        handler.close_connection = True

    said, problem = failing(server, load, answer)
    assert said == "A cat"
    assert "broke off in the middle of its answer" in problem


def test_what_speaks_no_http_is_told(server: Server) -> None:
    def answer(handler: Answering) -> None:
        handler.wfile.write(b"220 smtp ready\r\n")
        handler.close_connection = True

    server.answers["models"] = answer
    assert load_problem(server.base_url) == f"{server.host} broke off or speaks no HTTP: check --base-url"


@pytest.mark.parametrize(
    "event", [{"error": {"message": "CUDA out of memory"}}, {"error": "CUDA out of memory", "error_type": "generation"}]
)
@pytest.mark.parametrize("api", ["openai", "tgi"])
def test_an_error_in_the_middle_is_told(server: Server, load: Load, api: str, event: Any) -> None:
    begun = token_event(1, " A") if api == "tgi" else chat_events(["A"])[1]
    said, problem = failing(server, load, lambda handler: handler.stream(begun, event), api)
    assert (said, problem) == ("A", f"{server.host} says: CUDA out of memory")


def test_a_reply_that_the_server_withholds_is_told(server: Server, load: Load) -> None:
    answer = chat_events(["A"], "content_filter")
    said, problem = failing(server, load, lambda handler: handler.stream(*answer))
    assert (said, problem) == ("A", f"{server.host} ended the reply: content_filter; ask in other words")


def test_the_key_is_sent_and_never_shown(server: Server, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    reply_to(load(), asked("a"))
    assert all("Authorization" not in one.headers for one in server.asked)
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    reply_to(load(), asked("a"))
    assert [one.headers.get("Authorization") for one in server.asked[2:]] == [f"Bearer {KEY}"] * 2
    _, problem = failing(
        server, load, lambda handler: handler.document({"error": {"message": f"Incorrect key {KEY}"}}, 400)
    )
    assert problem == f"{server.host} says: Incorrect key [the key] (400)"
    assert KEY not in repr(address_of(server.base_url, {KEY_VARIABLE: KEY}))
    _, problem = failing(server, load, lambda handler: handler.document({}, 401))
    assert problem == f"{server.host} does not take the key (401): check IDEFICS_CHAT_API_KEY"
    _, problem = failing(server, load, lambda handler: handler.stream({"error": f"no {KEY}"}))
    assert problem == f"{server.host} says: no [the key]"
    _, problem = failing(server, load, lambda handler: handler.stream(*chat_events(["A"], f"no {KEY}")))
    assert problem == f"{server.host} ended the reply: no [the key]; ask in other words"


def test_the_key_is_not_shown_as_the_name_of_a_model(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    server.answers["models"] = lambda handler: handler.document({"data": [{"id": KEY}, {"id": "b"}]})
    assert load_problem(server.base_url).endswith("give --checkpoint one of [the key], b")
    server.answers["info"] = lambda handler: handler.document({"model_id": KEY})
    assert "prompts for [the key] are written" in load_problem(server.base_url, "tgi")


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("https://api.openai.com/v1", "public"),
        ("http://api.openai.com/v1", ""),
        ("https://api.openai.com.example.org/v1", ""),
        ("https://openai.com/v1", ""),
        ("http://localhost:8000/v1", ""),
    ],
)
def test_the_public_key_goes_to_the_public_server_alone(base_url: str, key: str) -> None:
    assert address_of(base_url, {PUBLIC_VARIABLE: "public"}).key == key
    assert address_of(base_url, {PUBLIC_VARIABLE: "public", KEY_VARIABLE: "own"}).key == "own"
    assert address_of(base_url, {}).key == ""


@pytest.mark.parametrize("key", ["a b", "a\nb", "ключ", "a\x00b"])
def test_a_key_that_cannot_be_sent_is_refused_by_its_variable(key: str) -> None:
    with pytest.raises(CheckpointError, match=r"^IDEFICS_CHAT_API_KEY is no key") as raised:
        address_of("http://localhost/v1", {KEY_VARIABLE: key})
    assert key not in str(raised.value)


def test_a_key_that_others_could_read_on_its_way_is_told_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    told: list[LoadProgress] = []
    load_remote(server.base_url, "openai", "", "low", told.append, threading.Event())
    assert [one.stage for one in told] == [f"asking {server.host}", "ready"]
    assert not address_of("http://[::1]:8000/v1", {KEY_VARIABLE: KEY}).key_travels_openly
    assert not address_of("https://models.example.org/v1", {KEY_VARIABLE: KEY}).key_travels_openly
    open_address = address_of("http://models.example.org/v1", {KEY_VARIABLE: KEY})
    assert open_address.key_travels_openly
    stop = threading.Event()
    stop.set()
    with pytest.raises(CheckpointError, match="cancelled"):
        load_remote(open_address.base_url, "openai", "", "low", told.append, stop)
    assert told[2].notice == (
        "the key goes to models.example.org unencrypted, over http://: anybody on the way can read it"
    )


def test_a_certificate_that_does_not_fit_is_told() -> None:
    import ssl

    import httpx2

    error = httpx2.ConnectError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    found = problems.unreachable(address_of("https://models.example.org", {}), error, 1, has_begun=False)
    assert str(found) == ("models.example.org cannot prove who it is, its certificate does not fit: check --base-url")
