"""A hub on loopback that serves one checkpoint's folder, or fails while it does."""

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = "some-people/some-checkpoint"
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"

Failure = Callable[["Answering"], None]
"""Answers a request badly."""


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    folder: Path
    api_failure: Failure | None
    file_failure: Failure | None
    given: list[tuple[str, int]]
    """What was sent of which file, in bytes."""
    closing: threading.Event
    """Set when nothing needs to wait any longer."""

    def do_GET(self) -> None:
        failure = self.api_failure if self.path.startswith("/api/") else self.file_failure
        if failure:
            failure(self)
            self.close_connection = True
        elif self.path.startswith("/api/"):
            self._answer(json.dumps(self._listing() if "/tree/" in self.path else {"id": NAME, "sha": COMMIT}).encode())
        else:
            self._answer_file(self.folder / self.path.rpartition("/")[2])

    def do_HEAD(self) -> None:
        self._answer((self.folder / self.path.rpartition("/")[2]).read_bytes())

    def promise(self, length: int, tag: str = "") -> None:
        """Begin an answer of so many bytes."""
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{tag}"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, content: bytes) -> None:
        self.promise(len(content), hashlib.sha1(content).hexdigest())
        if self.command == "GET":
            self.wfile.write(content)

    def _answer_file(self, path: Path) -> None:
        """A whole file, or the part of it that was asked for."""
        content = path.read_bytes()
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if first and int(first) < len(content):
            part = content[int(first) : int(last) + 1 if last else None]
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(part)
            self.given.append((path.name, len(part)))
        else:
            self._answer(content)
            self.given.append((path.name, len(content)))

    def _listing(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": COMMIT}
            for path in self.folder.iterdir()
        ]


def hangs_up(answering: Answering) -> None:
    """Nothing is answered."""


def speaks_nonsense(answering: Answering) -> None:
    answering.wfile.write(b"nonsense\r\n\r\n")


def breaks_off(answering: Answering) -> None:
    answering.promise(5000)
    answering.wfile.write(b'{"sha"')


def falls_silent(answering: Answering) -> None:
    breaks_off(answering)
    answering.closing.wait(10)


@contextmanager
def hub(
    folder: Path,
    api_failure: Failure | None = None,
    file_failure: Failure | None = None,
    given: list[tuple[str, int]] | None = None,
) -> Iterator[str]:
    """A hub with one checkpoint, `NAME`; gives its address.

    Args:
        folder: What it serves.
        api_failure: How it answers questions about the checkpoint, if badly.
        file_failure: How it answers with files, if badly.
        given: Is told which files were sent, and how many bytes of them.
    """
    options = {
        "folder": folder,
        # Functions in a class would be taken for its methods.
        "api_failure": api_failure and staticmethod(api_failure),
        "file_failure": file_failure and staticmethod(file_failure),
        "given": given if given is not None else [],
        "closing": threading.Event(),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Given", (Answering,), options))
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        options["closing"].set()  # type: ignore[union-attr]  # the dict's values are of several types
        server.shutdown()
        server.server_close()
        serving.join()
