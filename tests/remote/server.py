"""A server on loopback that speaks both APIs, or answers as badly as it is told to."""

import http.server
import json
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

MODEL: Final = "HuggingFaceM4/idefics-9b-instruct"
KEY: Final = "sk-secret-0123456789"
END_ID: Final = 32002
"""What the server's tokenizer calls `<end_of_utterance>`."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    question: Any
    """The body of its request."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def document(self, document: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.whole(json.dumps(document).encode(), "application/json", status)

    def whole(self, content: bytes, kind: str, status: int = 200, **headers: str) -> None:
        """Answer with these bytes."""
        self.begin(kind, status, **{"Content-Length": str(len(content))}, **headers)
        self.wfile.write(content)

    def begin(self, kind: str, status: int = 200, **headers: str) -> None:
        """Begin an answer; without a length it ends with the connection."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content-Length" not in headers:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def event(self, event: Any) -> None:
        """Say something in a stream that has begun."""
        data = event if isinstance(event, str) else json.dumps(event)
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def stream(self, *events: Any) -> None:
        """Answer with a stream of these."""
        self.begin("text/event-stream; charset=utf-8")
        for event in events:
            self.event(event)

    def wait_for_hang_up(self) -> None:
        """Say nothing until nobody listens any more, and tell the test of it."""
        ready, _, _ = select.select([self.connection], [], [], 20)
        if ready and not self.connection.recv(1):
            self.server.hung_up.set()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        self.question = json.loads(content) if content else None
        self.server.asked.append(Asked(self.command, self.path, dict(self.headers), self.question))
        try:
            self.server.answers[self.path.rpartition("/")[2]](self)
        except (BrokenPipeError, ConnectionResetError):
            # Who leaves with something unread resets the connection, which ends no stream but is a hang-up too.
            self.server.hung_up.set()
            self.close_connection = True


Answer = Callable[[Answering], None]


@dataclass
class Server(http.server.ThreadingHTTPServer):
    """What is asked of it, and how it answers, by the last part of the path."""

    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.daemon_threads = True
        self.restore()

    def restore(self) -> None:
        """Answer well, and forget what was asked."""
        self.asked.clear()
        self.hung_up.clear()
        self.answers = {
            "models": lambda handler: handler.document({"object": "list", "data": [{"id": MODEL}]}),
            "info": lambda handler: handler.document(
                {"model_id": MODEL, "model_dtype": "torch.float16", "version": "3.3.6"}
            ),
            "completions": lambda handler: handler.stream(*chat_events(["A ", "cat", "."])),
            "generate_stream": lambda handler: handler.stream(*token_events([" A", " cat", "."])),
        }

    @property
    def host(self) -> str:
        """Name and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def base_url(self) -> str:
        """The address of its API."""
        return f"http://{self.host}/v1"

    @property
    def question(self) -> Any:
        """The body of the last request."""
        return self.asked[-1].body


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def chat_event(text: str | None = None, reason: str | None = None) -> dict[str, Any]:
    """An event of the openai API."""
    return {"choices": [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": reason}]}


def chat_events(texts: Sequence[str], reason: str = "stop", *, prompt_tokens: int = 12) -> list[Any]:
    """Those of a whole reply, with the counts that were asked for."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": len(texts),
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    role = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    return [role, *map(chat_event, texts), chat_event(None, reason), {"choices": [], "usage": usage}, "[DONE]"]


def token_event(token_id: int, text: str, reason: str | None = None, *, special: bool = False) -> dict[str, Any]:
    """An event of text-generation-inference."""
    details = None
    if reason is not None:
        details = {"finish_reason": reason, "generated_tokens": 4, "seed": None, "input_length": 21}
    token = {"id": token_id, "text": text, "logprob": -0.1, "special": special}
    return {"index": 1, "token": token, "generated_text": "all of it" if reason else None, "details": details}


def token_events(texts: Sequence[str]) -> list[Any]:
    """Those of a whole reply."""
    said = [token_event(100 + place, text) for place, text in enumerate(texts)]
    return [*said, token_event(END_ID, "<end_of_utterance>", "eos_token", special=True)]
