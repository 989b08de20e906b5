"""Finds the model on a server; nothing is loaded here, and the server is asked no more than what it has."""

import os
import threading
from collections.abc import Callable

from chat.errors import CheckpointError, GenerationError
from chat.generation import TextGenerator
from chat.loading import LoadProgress
from chat.remote.address import address_of
from chat.remote.api import Api
from chat.remote.generator import RemoteGenerator
from chat.remote.openai import load_openai
from chat.remote.server import Server
from chat.remote.tgi import TGI, load_tgi


def load_remote(
    base_url: str,
    api: str,
    model: str,
    image_detail: str,
    progress: Callable[[LoadProgress], None],
    stop: threading.Event,
) -> TextGenerator:
    """The model of this name on a server.

    Args:
        base_url: Where the server's API is, such as `http://localhost:8000/v1`.
        api: `openai` or `tgi`.
        model: As the server calls it; empty for the only one that it has.
        image_detail: How closely pictures are to be seen.
        progress: Told what is being done.
        stop: Cancels.

    Raises:
        CheckpointError: There is no such server or no such model; the message says what to do.
    """
    address = address_of(base_url, os.environ)
    if address.key_travels_openly:
        words = f"the key goes to {address.host} unencrypted, over http://: anybody on the way can read it"
        progress(LoadProgress("", notice=words))
    progress(LoadProgress(f"asking {address.host}"))
    server = Server(address)
    found: Api | None
    try:
        found = load_tgi(server, model, stop) if api == TGI else load_openai(server, model, image_detail, stop)
    except GenerationError as error:
        raise CheckpointError(str(error)) from error
    if found is None:
        raise CheckpointError(f"asking {address.host} was cancelled")
    progress(LoadProgress("ready", 1.0))
    return RemoteGenerator(found)
