"""`idefics-chat`: the terminal UI."""

import atexit
import os
import sys
from typing import Any, Final

import click

from chat.cli.compose import (
    apart_loader,
    machine_catalogue,
    open_session_store,
    opened,
    sample_images,
    store_update,
)
from chat.cli.configured import config_of, set_environment, tell_problems
from chat.cli.ending import end_at_once
from chat.cli.options import (
    check_session_options,
    checkpoint_request,
    db_option,
    model_options,
    session_options,
    settings,
)
from chat.errors import UsageError

WAIT_S: Final = 0.5
"""Seconds that keys may have to wait while another program writes to the database; what is not saved is tried again."""


@click.command()
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--plain", is_flag=True, help="Line by line, without a screen: for screen readers, pipes and slow links.")
@session_options
@model_options
@db_option
def chat(images: tuple[str, ...], plain: bool, **options: Any) -> None:
    """Talk about pictures in the terminal UI, with pictures attached to the first message if you name some.

    With --plain, each line of a pipe or a file is a message or a slash command; the exit code is 0, or that of the
    first line that failed.
    """
    check_session_options(options["session_id"], options["continue_latest"])
    request, chosen = checkpoint_request(options), settings(options)
    attached = opened(images)
    config = config_of(click.get_current_context())
    if plain:
        from chat.cli.plain import talk_line_by_line

        tell_problems(config)
        talk_line_by_line(request, chosen, attached, options)
    # A stream that was closed before the program began is None.
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise UsageError("the UI needs a terminal: in a pipe or a script use `idefics-chat --plain` or `ask`")
    if os.environ.get("TERM") == "dumb":
        raise UsageError("the UI needs a terminal with a cursor, and TERM is dumb: use `idefics-chat --plain`")
    set_environment(config.values)
    # Draw what has changed at once: by its default Textual lets a key wait for the rest of a sixtieth of a second.
    os.environ.setdefault("TEXTUAL_FPS", "500")
    from chat.tui.app import ChatApp

    app = ChatApp(
        open_store=lambda: open_session_store(options["db"], wait_s=WAIT_S),
        store_update=lambda: store_update(options["db"]),
        load=apart_loader(request),
        checkpoint=request.shown_name,
        is_demonstration=request.is_demonstration,
        settings=chosen,
        session_id=options["session_id"],
        continue_latest=options["continue_latest"],
        images=attached,
        samples=sample_images,
        catalogue=lambda: machine_catalogue(device=options["device"], image_detail=options["image_detail"]),
        config=config,
    )
    failure = app.run(mouse=bool(config.values.get("mouse", True))) or app.failure
    exit_code = app.return_code or 0
    if failure is None:
        end_at_once(exit_code)
    # Once what is raised here has been told.
    atexit.register(end_at_once, exit_code)
    if isinstance(failure, OSError):
        # By itself it would be taken for a file that the user named.
        raise RuntimeError(str(failure)) from failure
    raise failure
