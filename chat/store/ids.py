"""The ids of sessions: eight characters, easy to say and to type, and any beginning that only one has."""

import re
from typing import Final

from chat.errors import UnknownSessionError

LENGTH: Final = 8
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PREFIX: Final = re.compile(f"[{_ALPHABET}]{{1,{LENGTH}}}")
_CURE: Final = "idefics-chat sessions list shows them"


def random_id() -> str:
    """An id that is very likely new."""
    # Not needed to list what is there.
    import secrets

    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def is_id(text: str) -> bool:
    """Whether a session can be called so."""
    return len(text) == LENGTH and is_prefix(text)


def is_prefix(text: str) -> bool:
    """Whether an id can begin so."""
    return _PREFIX.fullmatch(text) is not None


def unknown(session_id: str) -> UnknownSessionError:
    """What is raised for an id that no session has."""
    return UnknownSessionError(f"no session {session_id!r}: {_CURE}")


def ambiguous(prefix: str) -> UnknownSessionError:
    """What is raised for a beginning that several ids have."""
    return UnknownSessionError(f"more than one session begins with {prefix!r}, give more of its id: {_CURE}")
