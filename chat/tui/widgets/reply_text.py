"""The words of a reply: each block that has ended as it is to stay, and behind them what is being written, plain."""

import asyncio
from typing import Final, TypeVar

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from chat.safe_text import printable
from chat.talk.blocks import Block, BlockReader, CodeBegun, Event, Grown, Kind, blocks_of
from chat.tui.widgets.code_block import CodeBlock
from chat.tui.widgets.flow import FlowText
from chat.tui.widgets.growing_text import Pace, PiecedText
from chat.tui.widgets.markdown import flow_of

FIRST: Final = "-first"
"""The class of the first of the blocks, whose margins are in `reading.tcss`."""
MOST_SHOWN: Final = 200_000
"""Characters of a reply that are shown; the rest is kept and counted."""
MOST_WHOLE: Final = 20_000
"""Characters of a block that are one widget."""

View = TypeVar("View", bound=Widget)


class ReplyText(Vertical):
    """Shows a reply that is complete, or one that grows downward; nothing that was shown is laid out again."""

    def __init__(self, text: str | None = None) -> None:
        """Words.

        Args:
            text: Of a complete reply; None for one that is being written.
        """
        self._pace = Pace()
        self._reader = BlockReader()
        self._events: list[Event] = []
        """What was read and is not shown yet."""
        self._taken = ""
        """The text as far as it was read."""
        self._is_settling = False
        self._dom = asyncio.Lock()
        self._code: CodeBlock | None = None
        """The code that is being written."""
        self._tail = _as_first(PiecedText(pace=self._pace))
        super().__init__(*([self._tail] if text is None else views_of(text)))

    def stream(self, text: str, *, calmly: bool) -> bool:
        """Show what the reply says so far; False if some of it must be shown a little later.

        Args:
            text: All of it; what was shown before is its beginning.
            calmly: Let the reply take further lines less often.
        """
        self._read(text)
        if self._is_settling or not self.is_attached or not self.content_size.width:
            return False
        if any(not isinstance(event, Grown) for event in self._events):
            if self._pace.allows(calmly=calmly):
                self._is_settling = True
                self.call_next(self._settle)
            return False
        self._grow()
        return (self._code.text if self._code else self._tail).draw(calmly=calmly)

    async def finish(self, text: str) -> None:
        """Show the complete reply: what is shown stays where it is."""
        async with self._dom:
            if not text.startswith(self._taken):
                # It is another than the one that was streamed.
                await self.remove_children()
                await self.mount_all(views_of(text))
                return
            self._read(text, is_whole=True)
            self._events += self._reader.end()
            with self.app.batch_update():
                await self._show_events()
                await self._tail.remove()
                if rest := _rest_in_words(text):
                    await self.mount(rest)

    def _read(self, text: str, *, is_whole: bool = False) -> None:
        """Read what is new, line feeds alone as the ends of lines; half of an end waits for the other half."""
        end = min(len(text), MOST_SHOWN)
        if not is_whole and text.endswith("\r", 0, end):
            end -= 1
        begin = len(self._taken)
        if end > begin:
            self._events += self._reader.add(_shown(text[begin:end]))
            self._taken = text[:end]

    async def _settle(self) -> None:
        """Show the blocks that have ended."""
        try:
            async with self._dom:
                with self.app.batch_update():
                    await self._show_events()
                self._pace.grew()
        finally:
            self._is_settling = False

    async def _show_events(self) -> None:
        """Show everything that was read; only growth needs no waiting."""
        views: list[Widget] = []
        events, self._events = self._events, []
        for event in events:
            match event:
                case Grown():
                    self._take_growth(event)
                case CodeBegun():
                    self._code = CodeBlock(event.language, self._pace)
                    views.append(self._code)
                case Block() if self._code is not None:
                    await self._code.end(event)
                    self._code = None
                case Block():
                    views += _views_of_block(event)
                    await self._tail.clear()
        if views:
            if self.children[0] is self._tail:
                _as_first(views[0])
                self._tail.remove_class(FIRST)
            await self.mount_all(views, before=self._tail)
        self._tail.draw(calmly=False)
        self._tail.display = not (self._tail.has_no_words and len(self.children) > 1)

    def _grow(self) -> None:
        events, self._events = self._events, []
        for event in events:
            if isinstance(event, Grown):
                self._take_growth(event)
        if not self._code and not self._tail.display and not self._tail.has_no_words:
            self._tail.display = True

    def _take_growth(self, event: Grown) -> None:
        (self._code.text if self._code else self._tail).append(event.text)


def views_of(text: str) -> list[Widget]:
    """The blocks of a complete reply, as they are shown."""
    views = [view for block in blocks_of(_shown(text[:MOST_SHOWN])) for view in _views_of_block(block)]
    rest = _rest_in_words(text)
    views += [rest] if rest else []
    if views:
        _as_first(views[0])
    return views


def _as_first(view: View) -> View:
    """A view that has no blank line above it."""
    view.add_class(FIRST)
    return view


def _views_of_block(block: Block) -> list[Widget]:
    if block.kind is Kind.CODE:
        return [CodeBlock.of(block)]
    if flow := flow_of(block.text):
        view: Widget = FlowText(flow, classes="said")
    elif len(block.text) > MOST_WHOLE:
        view = PiecedText(block.text)
    else:
        view = Static(Content(block.text), markup=False, classes="said")
    if block.is_continued:
        view.add_class("-continued")
    return [view]


def _shown(text: str) -> str:
    return printable(text.replace("\r\n", "\n"))


def _rest_in_words(text: str) -> Static | None:
    rest = len(text) - MOST_SHOWN
    if rest <= 0:
        return None
    return Static(Content.styled(f"… {rest:,} more characters are kept and not shown", "$quiet"), markup=False)
