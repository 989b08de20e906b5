"""Whether a conversation goes on with the model that it was held with, where nobody says with which."""

from typing import Final
from urllib.parse import urlsplit

from chat.cli.options import is_given
from chat.cli.running import notice
from chat.errors import UsageError
from chat.generation import CheckpointFacts
from chat.models.request import CheckpointRequest
from chat.safe_text import short_line
from chat.session import SessionStore

_CHOOSING: Final = ("checkpoint", "base_url")
"""Options of a command by which its user chooses the model."""
_LONGEST: Final = 200
"""Characters of what a file of somebody else may call a model."""


def check_goes_on(store: SessionStore, session_id: str, request: CheckpointRequest) -> None:
    """Tell where the newest reply of a session is another model's than the one that is to answer, which nobody named.

    Of a server only the host is kept, and none is asked that is not named: then it must be.

    Raises:
        UsageError: The newest reply is a server's, and the checkpoint that would answer is one of this machine.
    """
    generations = [stored.generation for stored in store.turns(session_id) if stored.generation is not None]
    if not generations or any(map(is_given, _CHOOSING)):
        return
    facts = generations[-1].facts
    if not facts.name:
        return
    name = short_line(facts.name, _LONGEST)
    held = f"session {session_id} was held with {name}"
    if facts.is_remote and not request.base_url:
        server = short_line(facts.revision or "", _LONGEST)
        raise UsageError(
            f"{held} on the server {server}: give its address with --base-url to go on there, "
            f"or --checkpoint {request.name} to go on here"
        )
    if not _is_same(facts, request):
        # Of a reply that came with a foreign file nothing tells how its model is reached from here.
        is_loaded = bool(facts.dtype)
        cure = "--base-url" if facts.is_remote else f"--checkpoint {name}" if is_loaded else ""
        notice(f"{held}, and {request.shown_name} answers{f': {cure} goes on as before' if cure else ''}")


def _is_same(facts: CheckpointFacts, request: CheckpointRequest) -> bool:
    if request.base_url:
        return facts.is_remote and facts.revision == urlsplit(request.base_url).netloc
    return facts.is_of_machine(request.name)
