"""`idefics-chat`: the terminal UI."""

import os
import sys
from typing import Any

import click

from chat.cli.compose import loader, open_session_store, opened, sample_images
from chat.cli.options import (
    check_session_options,
    checkpoint_request,
    db_option,
    model_options,
    session_options,
    settings,
)
from chat.errors import ChatError, UsageError


@click.command()
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@session_options
@model_options
@db_option
def chat(images: tuple[str, ...], **options: Any) -> None:
    """Talk about pictures in the terminal UI, with pictures attached to the first message if you name some."""
    check_session_options(options["session_id"], options["continue_latest"])
    request, chosen = checkpoint_request(options), settings(options)
    attached = opened(images)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the UI needs a terminal: use `idefics-chat ask` in a pipe or a script")
    from chat.tui.app import ChatApp

    app = ChatApp(
        open_store=lambda: open_session_store(options["db"]),
        load=loader(request),
        checkpoint=request.name,
        is_demonstration=request.is_demonstration,
        settings=chosen,
        session_id=options["session_id"],
        continue_latest=options["continue_latest"],
        images=attached,
        samples=sample_images,
    )
    failure = app.run()
    if isinstance(failure, ChatError):
        raise failure
    sys.stdout.flush()
    sys.stderr.flush()
    # The model's thread may be inside torch, which an interpreter that takes itself apart around it does not survive.
    os._exit(app.return_code or 0)
