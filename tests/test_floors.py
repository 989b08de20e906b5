"""What a module imports when it is imported: the core knows neither screens nor models nor databases."""

import subprocess
import sys

import pytest

HEAVY = {"textual", "rich", "torch", "transformers", "tokenizers", "sqlite_utils", "sqlite3", "PIL", "numpy"}


def imported_by(module: str) -> set[str]:
    script = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "chat.attachments",
        "chat.cli.app",
        "chat.cli.options",
        "chat.context",
        "chat.conversation",
        "chat.errors",
        "chat.generation",
        "chat.images",
        "chat.models.folder",
        "chat.models.hub",
        "chat.models.loading",
        "chat.models.request",
        "chat.plain.run",
        "chat.prompt",
        "chat.records",
        "chat.remote.loading",
        "chat.safe_text",
        "chat.session",
    ],
)
def test_the_core_loads_without_screens_models_or_databases(module: str) -> None:
    assert not HEAVY & imported_by(module)


def test_the_terminal_ui_loads_without_models_or_databases() -> None:
    assert not (HEAVY - {"textual", "rich"}) & imported_by("chat.tui.app")


def test_the_list_of_commands_needs_nothing_but_click() -> None:
    assert "dataclasses" not in imported_by("chat.cli.app") - imported_by("click")
