"""Recorded replies and other answers beside each other, turn by turn; what the user said spans both."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from chat.conversation import Role
from chat.records import Choice, StoredTurn
from chat.replay.beside import Beside
from chat.replay.word_marks import Piece
from chat.safe_text import printable
from chat.talk.said import Entry
from chat.talk.wording import LONGEST_SHOWN
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.changing_window import ChangingWindow
from chat.tui.widgets.turn import SaidTurn, UserTurn
from chat.tui.widgets.turn_window import Numbered


class SharedTurn(UserTurn):
    """What the user said, once for both."""

    def __init__(self, stored: StoredTurn, first_number: int, number: int, image_size: int | None) -> None:
        """A message.

        Args:
            stored: The message.
            first_number: Of its first picture.
            number: Which of the user's messages it is, from 1.
            image_size: The side of the square that the model sees of a picture.
        """
        super().__init__(stored, first_number, image_size)
        self._label = Content.styled(f"You {number}", "bold $text-primary")


class BesideTurn(SaidTurn):
    """A recorded reply, and beside or below it the answer."""

    def __init__(self, stored: StoredTurn, name: str, beside: Beside | None, *, is_waiting: bool) -> None:
        """A reply.

        Args:
            stored: The recorded one.
            name: What the answer is called where it stands below.
            beside: Both; None as long as there is no answer.
            is_waiting: Whether one may still come.
        """
        super().__init__(Content(), stored)
        self._answer_name = name
        self._beside = beside
        self._is_waiting = is_waiting

    def compose_body(self) -> ComposeResult:
        """The recorded reply, and the answer."""
        with Container(classes="sides"):
            with Vertical(classes="side"):
                yield Static(Content.styled("recorded", "$quiet"), classes="side-name", markup=False)
                yield Static(self._recorded(), classes="recorded", markup=False)
            with Vertical(classes="side now"):
                yield Static(Content.styled(self._answer_name, "$quiet"), classes="side-name", markup=False)
                yield Static(self._answer(), classes="answer", markup=False)

    def gutter_content(self) -> Content:
        """Whether the two are the same."""
        match self._beside.is_same if self._beside is not None else None:
            case True:
                return Content.styled(GLYPHS.same, "bold $text-success")
            case False:
                return Content.styled(GLYPHS.differs, "bold $text-warning")
        return Content()

    def show(self, beside: Beside | None, name: str, *, is_waiting: bool) -> None:
        """Show an answer, or another one; see above."""
        self._beside, self._answer_name, self._is_waiting = beside, name, is_waiting
        for text in self.query(".now .side-name").results(Static):
            text.update(Content.styled(name, "$quiet"))
        self.show_gutter()
        for text in self.query(".recorded").results(Static):
            text.update(self._recorded())
        for text in self.query(".answer").results(Static):
            text.update(self._answer())

    def _recorded(self) -> Content:
        if self._beside is not None:
            return _text(self._beside.recorded)
        return _text((Piece(self.stored.turn.text, False),) if self.stored is not None else ())

    def _answer(self) -> Content:
        beside = self._beside
        if beside is None:
            return Content.styled("…" if self._is_waiting else "(no answer)", "$quiet")
        sign = {True: f"{GLYPHS.same} ", False: f"{GLYPHS.differs} ", None: f"{GLYPHS.warning} "}[beside.is_same]
        lines = [_text(beside.answer)] if beside.answer or (beside.is_same is not None and beside.is_answered) else []
        if beside.line:
            lines.append(Content.styled(f"{sign}{beside.line}", "$quiet"))
        return Content("\n").join(lines)


class Heads(Horizontal):
    """What stands in the two columns."""

    def compose(self) -> ComposeResult:
        """A text for each."""
        yield Static("", classes="gutter", markup=False)
        with Container(classes="sides"):
            yield Static("", classes="side", id="recorded-head", markup=False)
            yield Static("", classes="side now", id="now-head", markup=False)

    def show(self, recorded: str, name: str, now: str, figures: str) -> None:
        """Say what gave which.

        Args:
            recorded: What gave the recorded replies.
            name: What the answers are called.
            now: What gives them.
            figures: What they come to; may be empty.
        """
        self.query_one("#recorded-head", Static).update(_head("recorded", recorded))
        lines = [_head(name, now), *([Content.styled(figures, "$quiet")] if figures else [])]
        self.query_one("#now-head", Static).update(Content("\n").join(lines))


class ComparisonLog(ChangingWindow):
    """The turns of both."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: Sequence[StoredTurn] = ()
        self._answers: Mapping[int, Beside] = {}
        self._answer_name = ""
        self._is_waiting = True
        self._image_size: int | None = None
        self._here: int | None = None

    async def show_exchanges(
        self, entries: Sequence[Numbered], messages: Sequence[StoredTurn], system: str, image_size: int | None
    ) -> None:
        """Show messages and replies.

        Args:
            entries: The turns, each with the number of its first picture; each message is followed by one reply.
            messages: All the user's messages, also those that are not among the entries.
            system: The text before them.
            image_size: The side of the square that the model sees of a picture, where that is known.
        """
        self._entries, self._system, self._messages = list(entries), system, messages
        self._image_size = image_size
        await self.show_from(0)

    def show_answers(self, answers: Mapping[int, Beside], name: str, *, is_waiting: bool) -> None:
        """Show the answers of a checkpoint.

        Args:
            answers: By the ids of the recorded replies.
            name: What they are called.
            is_waiting: Whether more may come.
        """
        self._answers, self._answer_name, self._is_waiting = answers, name, is_waiting
        for view in self.query(BesideTurn):
            if view.stored is not None:
                view.show(answers.get(view.stored.id), name, is_waiting=is_waiting)

    async def go_to(self, turn_id: int | None) -> None:
        """Show where one is."""
        self._here = turn_id
        turn = await self.turn_with(turn_id) if turn_id is not None else None
        for view in self.said_turns:
            view.set_class(view is turn, "-here")
        if turn is not None:
            self.call_after_refresh(self.scroll_to_widget, turn, animate=False)

    def views_of(self, entry: Entry, first_number: int) -> list[Widget]:
        """The widget of a turn."""
        if isinstance(entry, Choice):
            return []
        view: SaidTurn
        if entry.turn.role is Role.USER:
            number = next((place for place, one in enumerate(self._messages, start=1) if one is entry), 0)
            view = SharedTurn(entry, first_number, number, self._image_size)
        else:
            answer = self._answers.get(entry.id)
            view = BesideTurn(entry, self._answer_name, answer, is_waiting=self._is_waiting)
        view.set_class(entry.id == self._here, "-here")
        return [view]


def _head(name: str, facts: str) -> Content:
    return Content.assemble((printable(name, multiline=False), "bold"), (f" {facts}", "$quiet"))


def _text(pieces: Sequence[Piece]) -> Content:
    """A text in which what differs stands in quotes and in another colour."""
    if not any(piece.text.strip() for piece in pieces):
        return Content.styled("(no words)", "$quiet")
    shown: list[str | tuple[str, str]] = []
    left = LONGEST_SHOWN
    for piece in pieces:
        text = printable(piece.text[:left])
        left -= len(text)
        shown.append((f"«{text}»", "bold $text-warning on $warning-muted") if piece.is_marked else text)
        if left <= 0:
            shown.append(("\n… the rest is kept and not shown", "$quiet"))
            break
    return Content.assemble(*shown)
