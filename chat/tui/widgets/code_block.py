"""Code in a reply, with its language and a way to copy it."""

from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chat.safe_text import short_line
from chat.tui.widgets.growing_text import Pace, PiecedText

if TYPE_CHECKING:
    from chat.talk.blocks import Block

MOST_COLOURED: Final = 10_000
"""Characters of code that are given colours."""


class CopySign(Static):
    """Copies the code below it."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__("copy", markup=False)

    def on_click(self, event: Click) -> None:
        """Ask for it."""
        event.stop()
        block = self.query_ancestor(CodeBlock)
        self.post_message(CodeBlock.CopyWanted(block.code, block.language))


class CodeBlock(Vertical):
    """Code between two fences; it has the same place and lines while it is written as afterwards."""

    class CopyWanted(Message):
        """Code is to be copied."""

        def __init__(self, code: str, language: str) -> None:
            super().__init__()
            self.code = code
            self.language = language

    def __init__(self, language: str, pace: Pace | None = None) -> None:
        """Code that is being written, where it has a pace."""
        super().__init__()
        self.language = language
        self.text = PiecedText(pace=pace)
        """The code as it is shown while it is written."""
        self._ended: Block | None = None

    @classmethod
    def of(cls, block: "Block") -> "CodeBlock":
        """Code that has been written."""
        made = cls(block.language)
        made._ended = block
        return made

    @property
    def code(self) -> str:
        """The code, as far as it is there."""
        return self._ended.text if self._ended is not None else self.text.text

    def compose(self) -> ComposeResult:
        """What it is, and the code."""
        with Horizontal(classes="code-head"):
            yield Static(short_line(self.language, 20) or "code", markup=False, classes="language")
            yield CopySign()
        if self._ended is None:
            yield self.text
        elif coloured := self._coloured(self._ended.text):
            yield Static(coloured, markup=False, classes="said")
        else:
            yield PiecedText(self._ended.text)

    async def end(self, block: "Block") -> None:
        """The code is complete."""
        self._ended = block
        if self.is_attached:
            await self.text.end(self._coloured(block.text))

    def _coloured(self, code: str) -> Content | None:
        """The code in colours; None for code that is too long for it or whose language is not known."""
        if not self.language or len(code) > MOST_COLOURED:
            return None
        from textual.highlight import highlight

        coloured = highlight(code, language=self.language)
        # Nothing is gained by colours for something else.
        return coloured if coloured.plain == code else None
