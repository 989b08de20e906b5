"""Says on stderr why a command does not begin yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chat.cli.progress import ProgressLine


@contextmanager
def on_stderr() -> Iterator[Callable[[str], None]]:
    """What says what goes on: a line that is rewritten on a terminal and gone afterwards; else the first words stay."""
    line: ProgressLine | None = None

    def tell(words: str) -> None:
        nonlocal line
        if line is None:
            # Most commands have nothing to say.
            from chat.cli.progress import ProgressLine

            line = ProgressLine()
            if not line.is_seen:
                line.notice(words)
        line.show(words)

    try:
        yield tell
    finally:
        if line is not None:
            line.clear()
