"""A line to type in that no pasted control character gets through."""

from textual.widgets import Input

from chat.safe_text import printable


class SafeInput(Input):
    """An `Input` whose value is always printable."""

    def validate_value(self, value: str) -> str:
        """Make the controls in a value visible."""
        return printable(value, multiline=False)
