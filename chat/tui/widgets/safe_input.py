"""A line to type in that no pasted control character gets through."""

from textual.events import Key
from textual.widgets import Input

from chat.safe_text import printable
from chat.tui.widgets.bound_keys import run_bound


class SafeInput(Input):
    """An `Input` whose value is always printable, and which takes all its keys in the order of typing."""

    async def _on_key(self, event: Key) -> None:
        """Run what a key is bound to here; a character is left to `Input`."""
        if not event.is_printable and await run_bound(self, event.key):
            event.stop()

    def validate_value(self, value: str) -> str:
        """Make the controls in a value visible."""
        return printable(value, multiline=False)
