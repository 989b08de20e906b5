"""A picture from the web, because somebody asked for it. Besides the hub's client the only part that speaks HTTP.

An address is trusted with nothing: where it leads is looked up once and checked, and that very address is connected
to; so again for every redirect. What comes is counted, not believed. Proxies are not used, since behind one nothing
could be checked.
"""

import http.client
import io
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from chat.conversation import Image
from chat.errors import ImageError
from chat.files import byte_size
from chat.images import MOST_BYTES, read_image
from chat.safe_text import short_line

MOST_REDIRECTS: Final = 3
MOST_S: Final = 20.0
"""Seconds that all of it may take."""
CONNECT_S: Final = 5.0
"""Seconds of these in which a server must have answered the call."""
SLICE_S: Final = 0.1
"""Seconds after which somebody who waits for a server looks up."""

_PIECE: Final = 2**16
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that browsers and libraries read differently: where they lead is anybody's guess."""
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for an IPv4 one, in their last four bytes."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def fetch_image(url: str, stop: threading.Event, *, may_be_local: bool = False, most_s: float = MOST_S) -> Image:
    """The picture at a URL, fetched now; setting `stop` ends the wait soon.

    Args:
        url: Begins with `http://` or `https://`.
        stop: Set from any thread.
        may_be_local: Also from this machine and networks that are not the internet.
        most_s: Seconds that all of it may take.

    Raises:
        ImageError: Nothing was fetched, or no picture; one line that names the place and the reason.
    """
    return _Fetch(stop, most_s, may_be_local=may_be_local).image(url)


class _Fetch:
    """One picture on its way: how long it may take, and where it may come from."""

    def __init__(self, stop: threading.Event, most_s: float, *, may_be_local: bool) -> None:
        self._stop = stop
        self._end = time.monotonic() + most_s
        self._most_s = most_s
        self._may_be_local = may_be_local

    def image(self, url: str) -> Image:
        for _ in range(MOST_REDIRECTS + 1):
            target = _target(url)
            try:
                found = self._answer(target)
            except ImageError as error:
                raise ImageError(f"{_shown(url)}: {error}") from error
            if isinstance(found, bytes):
                return read_image(found, _name(target))
            url = _joined(url, found)
        raise ImageError(f"{_shown(url)}: was sent on more than {MOST_REDIRECTS} times: give the address it ends at")

    def check(self) -> None:
        """Raise ImageError where nobody waits any more, or not for so long."""
        if self._stop.is_set():
            raise ImageError("was not fetched: it was stopped")
        if time.monotonic() >= self._end:
            raise ImageError(f"took longer than {self._most_s:g} s: try again, or save it and attach the file")

    def _answer(self, target: SplitResult) -> bytes | str:
        """The bytes that a server has there, or where it says to ask instead."""
        line = self._connect(target)
        connection = _Connection(line, target)
        path = quote(target.path or "/", safe="/%:=@!$&'()*+,;~") + (
            f"?{quote(target.query, safe='/%:=@!$&()*+,;?~')}" if target.query else ""
        )
        headers = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "idefics-chat"}
        try:
            connection.request("GET", path, headers=headers)
            return self._read(connection.getresponse())
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise ImageError("the server broke off or speaks no HTTP: try again") from error
        finally:
            line.hang_up()

    def _read(self, response: http.client.HTTPResponse) -> bytes | str:
        if response.status in _REDIRECTS and (place := response.headers.get("Location")):
            # The standard library hands the header's bytes on as Latin-1.
            return place.encode("latin-1", "replace").decode("utf-8", "replace")
        if response.status != http.client.OK:
            raise ImageError(f"the server says {response.status} {short_line(response.reason, 40)}: check the address")
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in ("identity", ""):
            raise ImageError(f"the server sends it packed as {short_line(packing, 20)}: save it and attach the file")
        content = bytearray()
        while piece := response.read(_PIECE):
            content += piece
            if len(content) > MOST_BYTES:
                raise ImageError(f"is larger than {byte_size(MOST_BYTES)}: make a smaller copy")
        return bytes(content)

    def _connect(self, target: SplitResult) -> "_Line":
        host, port = str(target.hostname), target.port or _DEFAULT_PORTS[target.scheme]
        problem: OSError | None = None
        for address in self._checked(self._looked_up(host, port)):
            self.check()
            try:
                connected = socket.create_connection((address, port), self._patience())
                # What is spoken to is what was checked, whatever lies between.
                self._checked([connected.getpeername()[0]])
                return _Line(_secured(connected, host) if target.scheme == "https" else connected, self)
            except ssl.SSLCertVerificationError as error:
                raise ImageError("the server cannot prove who it is: its certificate does not fit") from error
            except OSError as error:
                problem = error
        raise ImageError("the server does not answer: check the address") from problem

    def _patience(self) -> float:
        return max(SLICE_S, min(CONNECT_S, self._end - time.monotonic()))

    def _looked_up(self, host: str, port: int) -> list[str]:
        """The addresses of a host. On a thread of its own: nothing else ends a look-up that gets no answer."""
        found: SimpleQueue[list[str] | Exception] = SimpleQueue()

        def look_up() -> None:
            try:
                answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                found.put(error)
            else:
                found.put([str(answer[4][0]) for answer in answers])

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        while True:
            self.check()
            try:
                addresses = found.get(timeout=SLICE_S)
            except Empty:
                continue
            if isinstance(addresses, Exception):
                raise ImageError("no server has this name: check the address, and the network") from addresses
            return addresses

    def _checked(self, addresses: Sequence[str]) -> Iterable[str]:
        """The addresses, if all of them are of the internet, or others were asked for; one alone refuses all."""
        if not self._may_be_local and not all(_is_of_internet(address) for address in addresses):
            raise ImageError("leads into this machine or its own network: /image --local URL fetches it all the same")
        return addresses


class _Connection(http.client.HTTPConnection):
    """Speaks over a line that is open already."""

    def __init__(self, line: "_Line", target: SplitResult) -> None:
        usual = _DEFAULT_PORTS[target.scheme]
        super().__init__(str(target.hostname), target.port or usual)
        # So that the header `Host` has no number where it need not.
        self.default_port = usual
        self.sock = line


class _Line:
    """A connected socket, as far as a connection uses one."""

    def __init__(self, connected: socket.socket, fetch: _Fetch) -> None:
        self._socket = connected
        self._fetch = fetch

    def sendall(self, content: bytes) -> None:
        """Say all of it."""
        self._socket.settimeout(CONNECT_S)
        self._socket.sendall(content)

    def makefile(self, _: str) -> io.BufferedReader:
        """What is said at the other end."""
        self._socket.settimeout(SLICE_S)
        return io.BufferedReader(_Heard(self._socket, self._fetch))

    def close(self) -> None:
        """Nothing: a connection does this when it has asked, and the answer is still to be read."""

    def hang_up(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class _Heard(io.RawIOBase):
    """What comes over a socket, for as long as the fetch may take and no longer."""

    def __init__(self, connected: socket.socket, fetch: _Fetch) -> None:
        super().__init__()
        self._socket = connected
        self._fetch = fetch

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Take what there is, as soon as there is anything."""
        while True:
            self._fetch.check()
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue


def _secured(connected: socket.socket, host: str) -> ssl.SSLSocket:
    """The connection made secret, to the server of this name and no other."""
    try:
        return ssl.create_default_context().wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise


def _target(url: str) -> SplitResult:
    """The parts of a URL that can be asked for; raises ImageError."""
    if _UNFIT.search(url):
        raise ImageError(f"{_shown(url)}: holds a space, a backslash or a control character: check the address")
    try:
        target = urlsplit(url)
        has_place = bool(target.hostname) and target.port != 0
    except ValueError as error:
        raise ImageError(f"{_shown(url)}: is no address: check it") from error
    if target.scheme not in _DEFAULT_PORTS:
        raise ImageError(f"{_shown(url)}: only http:// and https:// are fetched")
    if "@" in target.netloc:
        raise ImageError(f"{_shown(url)}: has a name or a password before its server: leave it out")
    if not has_place:
        raise ImageError(f"{_shown(url)}: names no server: check the address")
    return target


def _joined(url: str, place: str) -> str:
    """Where a server says to ask instead."""
    try:
        return urljoin(url, place)
    except ValueError:
        return place


def _is_of_internet(address: str) -> bool:
    """Whether an address, or the one it stands for, is that of a server anywhere in the internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _meant_by(found))


def _meant_by(address: Address) -> Sequence[Address]:
    """The IPv4 addresses inside an IPv6 one that is passed on to them, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address in _TRANSLATED:
        return [ipaddress.IPv4Address(address.packed[-4:])]
    inner = address.ipv4_mapped or address.sixtofour
    return [inner] if inner else address.teredo or [address]


def _name(target: SplitResult) -> str:
    """What to call a picture: like the file at the end of the path, or like the server."""
    return unquote(target.path).rstrip("/").rpartition("/")[2] or str(target.hostname)


def _shown(url: str) -> str:
    return short_line(url, 80)
