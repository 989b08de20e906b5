"""Where a server is, and the key that it is given: none that was not meant for it."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from chat.errors import CheckpointError
from chat.safe_text import short_line

KEY_VARIABLE: Final = "IDEFICS_CHAT_API_KEY"
PUBLIC_VARIABLE: Final = "OPENAI_API_KEY"
PUBLIC_HOST: Final = "api.openai.com"
"""The only server that `OPENAI_API_KEY` is sent to, since that is the one it was given out by."""
_REDACTED: Final = "[the key]"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address, checked by whoever read it, and the key for it."""

    base_url: str
    key: str = field(default="", repr=False)
    variable: str = KEY_VARIABLE
    """Where the key is from, or would be."""

    @property
    def host(self) -> str:
        """The name of the server with its port, for people and for the record."""
        return short_line(self._parts.netloc, 80)

    @property
    def is_public(self) -> bool:
        """Whether it is OpenAI's own server, reached so that nobody else hears what is said."""
        return self.is_secure and self._parts.hostname == PUBLIC_HOST

    @property
    def is_secure(self) -> bool:
        """Whether nobody on the way to the server can read what is said."""
        return self._parts.scheme == "https"

    @property
    def key_travels_openly(self) -> bool:
        """Whether anybody on the way to the server can read the key."""
        return bool(self.key) and not self.is_secure and not _is_this_machine(self._parts.hostname or "")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.base_url)

    def url(self, path: str) -> str:
        """That of something the server has."""
        return f"{self.base_url.rstrip('/')}/{path}"

    def without_key(self, text: str) -> str:
        """A text of the server's, which may have the key in it, without that."""
        return text.replace(self.key, _REDACTED) if self.key else text

    def line(self, text: str, most: int) -> str:
        """A text of the server's in one line of so many characters at most, without the key."""
        return short_line(self.without_key(text), most)


def address_of(base_url: str, environ: Mapping[str, str]) -> Address:
    """The address, with the key that the environment has for it.

    Raises:
        CheckpointError: The key cannot be sent.
    """
    address = Address(base_url)
    variable = KEY_VARIABLE
    if not environ.get(KEY_VARIABLE, "").strip() and address.is_public:
        variable = PUBLIC_VARIABLE
    key = environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise CheckpointError(f"{variable} is no key: it has a space or a character that no key has")
    return Address(base_url, key, variable)


def _is_this_machine(hostname: str) -> bool:
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"
