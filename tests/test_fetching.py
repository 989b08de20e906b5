"""Pictures from the web, by a real server on loopback that does what hostile and broken ones do."""

import gzip
import http.server
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat import fetching
from chat.errors import ImageError
from chat.fetching import fetch_image
from chat.images import MOST_BYTES
from tests.pictures import encoded, noise

PICTURE = encoded(noise())
REFUSED = "leads into this machine or its own network"


class Server(http.server.ThreadingHTTPServer):
    """Answers each path as it is told, and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answers: dict[str, Callable[[_Answering], None]] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.closing = threading.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}{path}"


class _Answering(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.hosts.append(self.headers["Host"])
        self.server.answers[self.path.partition("?")[0]](self)

    def give(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "image/png", "Content_Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def pour(self, piece: bytes, pause_s: float) -> None:
        """Send without an end."""
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.closing.wait(pause_s):
                self.wfile.write(piece)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


def _fetch(url: str, **options: Any) -> Any:
    return fetch_image(url, threading.Event(), **({"may_be_local": True} | options))


def test_a_picture_is_what_the_server_sends_whatever_it_says_that_it_is(server: Server) -> None:
    server.answers["/a/my cat.png"] = lambda answering: answering.give(PICTURE, Content_Type="text/html")
    server.answers["/a/my%20cat.png"] = server.answers["/a/my cat.png"]
    image = _fetch(server.url("/a/my%20cat.png?size=1"))
    assert (image.name, image.read(), image.width) == ("my cat.png", PICTURE, 24)
    assert server.asked == ["/a/my%20cat.png?size=1"]
    assert server.hosts == [f"127.0.0.1:{server.server_address[1]}"]


def test_this_machine_is_refused_before_it_is_asked_unless_somebody_says_so(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"):
        with pytest.raises(ImageError, match=REFUSED):
            _fetch(server.url("/a.png", host), may_be_local=False)
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "is_of_internet"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_an_address_counts_as_the_one_it_stands_for(address: str, is_of_internet: bool) -> None:
    assert fetching._is_of_internet(address) == is_of_internet


def test_a_name_with_one_address_inside_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(0, 0, 0, "", (address, 80)) for address in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(ImageError, match=REFUSED):
        _fetch("http://pictures.example/a.png", may_be_local=False)


def test_what_is_connected_to_is_what_was_checked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def answer(host: str, port: int, **_: object) -> list[Any]:
        looked_up.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    server.answers["/a.png"] = lambda answering: answering.give(PICTURE)
    monkeypatch.setattr(socket, "getaddrinfo", answer)
    # Connecting looks an address up once more, which changes nothing in a number.
    monkeypatch.setattr(socket, "create_connection", _connect_to_numbers)
    _fetch(server.url("/a.png", "pictures.example"))
    assert looked_up == ["pictures.example"]
    assert server.hosts == [f"pictures.example:{server.server_address[1]}"]


def _connect_to_numbers(address: tuple[str, int], timeout: float) -> socket.socket:
    assert re.fullmatch(r"[0-9.]+", address[0])
    connected = socket.socket()
    connected.settimeout(timeout)
    connected.connect(address)
    return connected


def test_every_redirect_is_checked_as_well(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = server.url("/secret.png")
    server.answers["/a.png"] = lambda answering: answering.give(b"", 302, Location=inside)
    server.answers["/secret.png"] = lambda answering: answering.give(PICTURE)
    judged = fetching._is_of_internet
    seen: list[str] = []

    # The first server counts as one of the internet: no test reaches one.
    def judge(address: str) -> bool:
        seen.append(address)
        return len(seen) <= 2 or judged(address)

    monkeypatch.setattr(fetching, "_is_of_internet", judge)
    with pytest.raises(ImageError, match=f"secret.png: {REFUSED}"):
        _fetch(server.url("/a.png"), may_be_local=False)
    assert server.asked == ["/a.png"]


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("file:///etc/passwd", "only http:// and https:// are fetched"),
        ("ftp://127.0.0.1/a.png", "only http:// and https:// are fetched"),
        ("data:image/png;base64,AAAA", "only http:// and https:// are fetched"),
        ("http://user:word@127.0.0.1/a.png", "has a name or a password before its server"),
        ("http://a\\@b/a.png", "holds a space, a backslash or a control character"),
        ("http://127.0.0.1/a b.png", "holds a space, a backslash or a control character"),
        ("http://[::1/a.png", "is no address"),
        ("http://127.0.0.1:99999/a.png", "is no address"),
        ("http://127.0.0.1:0/a.png", "names no server"),
    ],
)
def test_what_is_no_picture_of_the_web_is_asked_for_nowhere(server: Server, place: str, complaint: str) -> None:
    with pytest.raises(ImageError, match=re.escape(complaint)):
        _fetch(place)
    server.answers["/a.png"] = lambda answering: answering.give(b"", 302, Location=place)
    with pytest.raises(ImageError, match=re.escape(complaint)):
        _fetch(server.url("/a.png"))


def test_an_address_without_a_server_is_told() -> None:
    with pytest.raises(ImageError, match="names no server"):
        _fetch("http:///a.png")


def test_three_redirects_are_followed_and_no_more(server: Server) -> None:
    def go_on(answering: _Answering) -> None:
        answering.give(b"", 307, Location=f"/{int(answering.path[1:]) + 1}")

    server.answers |= {f"/{number}": go_on for number in range(4)}
    server.answers["/4"] = lambda answering: answering.give(PICTURE)
    assert _fetch(server.url("/1")).read() == PICTURE
    with pytest.raises(ImageError, match="was sent on more than 3 times"):
        _fetch(server.url("/0"))


def test_a_body_without_an_end_is_left_when_it_is_too_large(server: Server) -> None:
    server.answers["/a.png"] = lambda answering: answering.pour(PICTURE[:8] + bytes(2**20), 0)
    with pytest.raises(ImageError, match=r"is larger than 20\.0 MiB"):
        _fetch(server.url("/a.png"))
    assert MOST_BYTES == 20 * 2**20


def test_a_drip_is_left_when_the_time_is_over_and_at_once_when_it_is_stopped(server: Server) -> None:
    server.answers["/a.png"] = lambda answering: answering.pour(b"\x89", 0.02)
    with pytest.raises(ImageError, match=r"took longer than 0\.3 s"):
        _fetch(server.url("/a.png"), most_s=0.3)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    started = time.monotonic()
    with pytest.raises(ImageError, match="it was stopped"):
        fetch_image(server.url("/a.png"), stop, may_be_local=True)
    assert time.monotonic() - started < 10


def test_headers_that_drip_are_left_as_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"

        def drip() -> None:
            connected, _ = listening.accept()
            with connected:
                try:
                    while True:
                        connected.sendall(b"H")
                        time.sleep(0.02)
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(ImageError, match=r"took longer than 0\.3 s"):
            _fetch(url, most_s=0.3)
        thread.join()


def test_a_server_that_says_nothing_of_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"

        def hang_up() -> None:
            connected, _ = listening.accept()
            connected.recv(9999)
            connected.sendall(b"SSH-2.0\r\n")
            connected.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ImageError, match="the server broke off or speaks no HTTP"):
            _fetch(url)
        thread.join()
        secret = url.replace("http:", "https:")
        listening.close()
    with pytest.raises(ImageError, match="the server does not answer"):
        _fetch(secret)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda answering: answering.give(b""), "the file is empty"),
        (lambda answering: answering.give(b"<svg/>", Content_Type="image/png"), "is no PNG"),
        (lambda answering: answering.give(PICTURE[:-40]), "a.png: the file is"),
        (
            lambda answering: answering.give(gzip.compress(bytes(2**22)), Content_Encoding="gzip"),
            "the server sends it packed as gzip",
        ),
        (lambda answering: answering.give(gzip.compress(bytes(2**22))), "is no PNG"),
        (lambda answering: answering.give(b"no", 404), "the server says 404 Not Found: check the address"),
        (lambda answering: answering.give(PICTURE, 302), "the server says 302"),
    ],
)
def test_what_comes_and_is_no_picture_is_told_in_one_line(
    server: Server, answer: Callable[[Any], None], complaint: str
) -> None:
    server.answers["/a.png"] = answer
    with pytest.raises(ImageError, match=re.escape(complaint)) as caught:
        _fetch(server.url("/a.png"))
    assert "a.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_servers_words_cannot_act_on_the_terminal(server: Server) -> None:
    def answer(answering: Any) -> None:
        answering.send_response(500, "\x1b[2Jgone")
        answering.end_headers()

    server.answers["/a.png"] = answer
    with pytest.raises(ImageError) as caught:
        _fetch(server.url("/a.png"))
    assert "\x1b" not in str(caught.value)


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(ImageError, match="no server has this name"):
        _fetch("http://nobody.invalid/a.png")
