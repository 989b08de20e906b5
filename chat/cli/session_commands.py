"""`idefics-chat sessions`: where its commands are."""

from typing import Final

import click

from chat.cli.lazy import LazyGroup

_PLACES: Final = {
    "backup": ("chat.cli.session_check", "backup"),
    "check": ("chat.cli.session_check", "check"),
    "delete": ("chat.cli.sessions", "delete"),
    "export": ("chat.cli.session_files", "export_command"),
    "import": ("chat.cli.session_import", "import_command"),
    "list": ("chat.cli.session_list", "list_sessions"),
    "pin": ("chat.cli.sessions", "pin"),
    "rename": ("chat.cli.sessions", "rename"),
    "restore": ("chat.cli.sessions", "restore"),
    "search": ("chat.cli.session_list", "search"),
    "show": ("chat.cli.sessions", "show"),
}


@click.command(cls=LazyGroup, places=_PLACES)
def sessions() -> None:
    """List, search, pin, show, rename, delete, restore, export, import, check and back up saved sessions."""
