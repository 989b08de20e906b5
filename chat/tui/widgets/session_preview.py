"""The turn in which something was found, beside the list of sessions."""

from collections.abc import Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from chat.conversation import Role
from chat.records import StoredTurn
from chat.safe_text import printable
from chat.search import marked
from chat.talk.excerpt import Excerpt
from chat.talk.wording import count_in_words, label_of, shown_part, time_in_words
from chat.tui.widgets.figure import Figures
from chat.tui.widgets.session_row import shown_pieces, title_of
from chat.tui.widgets.turn import TurnView


class ExcerptTurn(TurnView):
    """A turn as it was said, without Markdown, so that what was found can be marked in it."""

    def __init__(self, stored: StoredTurn, first_number: int, words: Sequence[str]) -> None:
        is_user = stored.turn.role is Role.USER
        checkpoint = stored.generation.facts.name if stored.generation else ""
        label = ("You", "bold $text-primary") if is_user else (_line(label_of(checkpoint)), "bold $quiet")
        super().__init__(Content.assemble(label))
        self._turn = stored.turn
        self._first_number = first_number
        self._words = words

    def compose_body(self) -> ComposeResult:
        """Text, then pictures."""
        if text := shown_part(self._turn.text):
            lines = [shown_pieces(marked(line, self._words)) for line in text.expandtabs().splitlines()]
            yield Static(Content("\n").join(lines), markup=False, classes="said")
        if self._turn.images:
            yield Figures(self._turn.images, self._first_number, None)


class SessionPreview(Vertical):
    """Title, facts, and an exchange; it shows what it is given."""

    class Taken(Message, bubble=False):
        """An excerpt was read, or could not be."""

        def __init__(self, number: int, excerpt: Excerpt | None, problem: str = "") -> None:
            super().__init__()
            self.number = number
            self.excerpt = excerpt
            self.problem = problem

    def __init__(self) -> None:
        super().__init__(id="session-preview")
        self.number = 0
        """Of the excerpt that is waited for: what comes under the number of an earlier one comes too late."""
        self.words: Sequence[str] = ()
        """What is marked."""
        self.excerpt: Excerpt | None = None
        """What is shown."""

    def compose(self) -> ComposeResult:
        """Head, exchange, foot."""
        yield Static("", id="preview-head", markup=False)
        yield VerticalScroll(id="preview-turns", can_focus=False)
        yield Static("", id="preview-foot", markup=False)

    async def clear(self) -> None:
        """Show nothing."""
        self.number += 1
        await self._show(None, Content(), ())

    async def on_session_preview_taken(self, message: Taken) -> None:
        """Show what was read."""
        if message.number != self.number:
            return
        excerpt = message.excerpt
        if excerpt is None:
            await self._show(None, Content.styled(_line(message.problem), "$text-error"), ())
            return
        turns = [ExcerptTurn(stored, number, self.words) for stored, number in excerpt.turns]
        await self._show(excerpt, _head(excerpt, self.words), turns)

    async def _show(self, excerpt: Excerpt | None, head: Content, turns: Sequence[Widget]) -> None:
        self.excerpt = excerpt
        self.query_one("#preview-head", Static).update(head)
        many = excerpt is not None and excerpt.count > 1
        foot = f"match {excerpt.number} of {excerpt.count} · n next" if excerpt is not None and many else ""
        self.query_one("#preview-foot", Static).update(Content.styled(foot, "$quiet"))
        place = self.query_one("#preview-turns", VerticalScroll)
        with self.app.batch_update():
            await place.remove_children()
            await place.mount_all(turns)
        place.scroll_home(animate=False)


def _head(excerpt: Excerpt, words: Sequence[str]) -> Content:
    summary = excerpt.summary
    branch, session = (excerpt.turn_count, excerpt.image_count), (summary.turn_count, summary.image_count)
    facts = _counts(*branch)
    if session != branch:
        # Those in the list are of all branches.
        facts.append(f"all branches: {', '.join(_counts(*session))}")
    if summary.checkpoint:
        facts.append(_line(label_of(summary.checkpoint)))
    facts.append(time_in_words(summary.updated_at, datetime.now().astimezone()))
    return Content.assemble(title_of(summary, words).stylize("bold"), "\n", (" · ".join(facts), "$quiet"))


def _counts(turns: int, images: int) -> list[str]:
    return [count_in_words(turns, "turn"), count_in_words(images, "picture")]


def _line(text: str) -> str:
    return printable(text, multiline=False)
