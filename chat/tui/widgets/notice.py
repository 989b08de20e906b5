"""One line above the status row: why something was not done, or what was found out."""

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from chat.safe_text import printable
from chat.tui.glyphs import GLYPHS


class Notice(Static):
    """Shown until the next thing is done."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.text = ""
        """What is said."""

    def show(self, text: str, *, is_problem: bool = True) -> None:
        """Say something."""
        self.text = text
        sign = [(f"{GLYPHS.failed} ", "$text-error")] if is_problem else []
        self.update(Content.assemble(*sign, printable(text, multiline=False)))
        self.add_class("-said")

    def clear(self) -> None:
        """Say nothing."""
        self.text = ""
        self.update("")
        self.remove_class("-said")


class BelowNotice(Static):
    """Says that the conversation goes on below what is in view; a click goes there."""

    class Wanted(Message):
        """The end is to be shown."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def on_click(self) -> None:
        """Ask for the end."""
        self.post_message(self.Wanted())

    def show(self, lines_below: int | None) -> None:
        """Show how many lines came since the end was left; None when it is in view."""
        self.set_class(lines_below is not None, "-said")
        count = f"{lines_below:,} new line{'s' if lines_below != 1 else ''} · " if lines_below else ""
        self.update(Content.assemble((f"{GLYPHS.down} {count}", "$quiet"), ("ctrl+end", "bold")))
