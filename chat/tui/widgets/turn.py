"""The turns of the transcript: what was said, what is being said, and what waits to be sent."""

from collections.abc import Container
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Blur, Click
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from chat.conversation import Image
from chat.records import StoredTurn
from chat.safe_text import printable
from chat.talk.branches import is_cut
from chat.talk.details import clock_in_words, details_of
from chat.talk.wording import ending_in_words, label_of, shown_part
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.figure import Figures
from chat.tui.widgets.marked_text import text_with_marks
from chat.tui.widgets.picture import PictureView
from chat.tui.widgets.reply_text import ReplyText
from chat.tui.widgets.turn_keys import TURN_KEYS


class Gutter(Static):
    """Who speaks; no part of what is selected."""

    ALLOW_SELECT = False


class TurnView(Horizontal):
    """A label at the left that says who speaks, and what is said."""

    def __init__(self, label: Content) -> None:
        super().__init__()
        self._label = label

    def compose(self) -> ComposeResult:
        """Gutter and body."""
        yield Gutter(self.gutter_content(), classes="gutter", markup=False)
        with Vertical(classes="body"):
            yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """What is said."""
        raise NotImplementedError

    def gutter_content(self) -> Content:
        """Who speaks, and below it whatever else is known of the turn in a word."""
        return self._label


class SaidTurn(TurnView, can_focus=True):
    """A turn that was said, or is being said. With the focus on it, letters are keys: it is read, not written to."""

    BINDINGS: ClassVar[list[BindingType]] = TURN_KEYS

    class Asked(Message):
        """Something is to be done with a turn: `ReadingScreen` calls its method `turn_` and the name."""

        def __init__(self, turn: "SaidTurn", name: str) -> None:
            super().__init__()
            self.turn = turn
            self.name = name

    class ViewWanted(Message):
        """A picture of the turn is to be shown as large as the window."""

        def __init__(self, turn: "SaidTurn", image: Image) -> None:
            super().__init__()
            self.turn = turn
            self.image = image

    def __init__(self, label: Content, stored: StoredTurn | None) -> None:
        super().__init__(label)
        self.stored = stored
        """The turn; None for a reply that is still being written."""
        self._shows_time = False
        self._was_clicked = False
        self._place = (1, 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that can do nothing here is no key."""
        match parameters:
            case ("older_version" | "newer_version",):
                return self._place[1] > 1
            case ("edit" | "again",):
                return self.stored is not None
            case _:
                return True

    def show_branch(self, position: int, count: int) -> None:
        """Show which version of how many it is, from 1; nothing where it is the only one."""
        if (position, count) != self._place:
            self._place = (position, count)
            self.show_gutter()
            if self.is_attached:
                self.refresh_bindings()

    @property
    def _mark(self) -> str:
        position, count = self._place
        return f"{GLYPHS.before} {position}/{count} {GLYPHS.after}" if count > 1 else ""

    @on(Click, ".gutter")
    def _press_mark(self, event: Click) -> None:
        """The left half of the mark goes to the version before, the right half to the one after."""
        x, y = event.screen_offset - self.query_one(".gutter").region.offset
        if y == 1 and x < len(self._mark):
            self.action_ask("older_version" if 2 * x < len(self._mark) else "newer_version")

    def action_ask(self, name: str) -> None:
        """Ask for what a key means."""
        self.post_message(self.Asked(self, name))

    def gutter_content(self) -> Content:
        """Who speaks, which version of how many it is where there are several, and the notes below."""
        mark = [Content.styled(self._mark, "$text-accent")] if self._mark else []
        return Content("\n").join([self._label, *mark, *self.gutter_notes()])

    def gutter_notes(self) -> list[Content]:
        """What stands below the name, a line each."""
        if not self._shows_time or self.stored is None:
            return []
        return [Content.styled(line, "$quiet") for line in clock_in_words(self.stored.created_at, datetime.now())]

    def show_gutter(self) -> None:
        """Show the notes as they are; a turn that is not mounted yet shows what it has then."""
        for gutter in self.query(".gutter").results(Static):
            gutter.update(self.gutter_content())

    def show_time(self, shows_time: bool) -> None:
        """Show when it was said, or do not."""
        self._shows_time = shows_time
        self.show_gutter()

    async def toggle_details(self) -> None:
        """Show what is known of the turn below it, or do not any more."""
        shown = self.query(".details")
        if shown:
            await shown.remove()
        elif self.stored is not None:
            lines = Content("\n").join(Content(printable(line, multiline=False)) for line in details_of(self.stored))
            await self.query_one(".body").mount(Static(lines, markup=False, classes="details"))

    @on(PictureView.Opened)
    def _open_picture(self, message: PictureView.Opened) -> None:
        """The first click on a picture chooses its turn, the second opens it."""
        message.stop()
        if self._was_clicked or message.is_double:
            self.post_message(self.ViewWanted(self, message.image))
        self._was_clicked = True

    @on(Blur)
    def _forget_click(self) -> None:
        self._was_clicked = False


class UserTurn(SaidTurn):
    """What the user said, with pictures."""

    def __init__(
        self, stored: StoredTurn, first_number: int, image_size: int | None, left_out: Container[int] = ()
    ) -> None:
        super().__init__(Content.styled("You", "bold $text-primary"), stored)
        self._is_example = stored.is_example
        self._left_out = left_out
        self.turn_id = stored.id
        self._turn = stored.turn
        self._first_number = first_number
        self._image_size = image_size

    def compose_body(self) -> ComposeResult:
        """Text, then pictures."""
        if text := text_with_marks(self._turn, self._first_number):
            yield Static(text, markup=False, classes="said")
        if self._turn.images:
            yield Figures(self._turn.images, self._first_number, self._image_size, self._left_out)

    def show_left_out(self, places: Container[int]) -> None:
        """Show which of the pictures, from 0, the model does not see."""
        self._left_out = places
        for figures in self.query(Figures):
            figures.show_left_out(places)

    def show_example(self, is_example: bool) -> None:
        """Show whether the message, with the reply to it, is an example."""
        self._is_example = is_example
        self.show_gutter()

    def gutter_notes(self) -> list[Content]:
        """Whether it is an example, before the others."""
        example = [Content.styled("example", "italic $quiet")] if self._is_example else []
        return [*example, *super().gutter_notes()]


class SystemTurn(TurnView):
    """The text before the first turn."""

    def __init__(self, system: str) -> None:
        super().__init__(Content.styled("system", "$quiet"))
        self._system = system

    def compose_body(self) -> ComposeResult:
        """The text."""
        yield Static(Content.styled(shown_part(printable(self._system)), "$quiet"), markup=False)


class ReplyTurn(SaidTurn):
    """What the model said or is saying."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "number_sign",
            "ask('tokens')",
            "Tokens",
            show=False,
            key_display="#",
            tooltip="List the reply's tokens and how likely each was",
        ),
        Binding("o", "ask('go_on')", "Go on", tooltip="Go on with a reply that was cut"),
        Binding("enter", "go_on_or_view", show=False),
    ]

    def __init__(self, checkpoint: str, stored: StoredTurn | None = None, error: str = "") -> None:
        """A reply.

        Args:
            checkpoint: That gives it.
            stored: The complete reply; None while it is written.
            error: What the model failed with.
        """
        super().__init__(Content.styled(printable(label_of(checkpoint), multiline=False), "bold $quiet"), stored)
        self._error = error
        self._words: ReplyText | None = None

    @property
    def _is_cut(self) -> bool:
        return self.stored is not None and is_cut(self.stored)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a reply that was cut can be gone on with."""
        return self._is_cut if parameters == ("go_on",) else super().check_action(action, parameters)

    def action_go_on_or_view(self) -> None:
        """Go on with a reply that was cut; show the pictures of any other."""
        self.action_ask("go_on" if self._is_cut else "view")

    def compose_body(self) -> ComposeResult:
        """Nothing yet, or the whole reply."""
        self._words = ReplyText(self.stored.turn.text if self.stored is not None else None)
        yield self._words
        if self.stored is not None:
            yield from self._ending_views(self.stored)

    def stream(self, text: str, *, calmly: bool) -> bool:
        """Show what has been said so far, as `ReplyText.stream` does."""
        return self._words is not None and self._words.stream(text, calmly=calmly)

    async def finish(self, stored: StoredTurn, error: str = "") -> None:
        """Show the complete reply."""
        self.stored, self._error = stored, error
        words = [*self.query(ReplyText)]
        if not words:
            # It is about to be composed, and then of the complete reply.
            return
        with self.app.batch_update():
            await words[0].finish(stored.turn.text)
            # Meanwhile the transcript may have let go of it.
            for body in self.query(".body"):
                await body.mount_all(self._ending_views(stored))
        self.show_gutter()
        if self.is_attached:
            self.refresh_bindings()

    def _ending_views(self, stored: StoredTurn) -> list[Widget]:
        """How it ended, where that is not plain."""
        if ending := self._ending(stored):
            cure = "goes on" if stored.turn.text else "tries again"
            parts = (f"{GLYPHS.warning} {ending}", "$text-warning"), (" · ", "$quiet"), ("o", "bold"), f" {cure}"
            return [Static(Content.assemble(*parts), markup=False)]
        if not stored.turn.text.strip():
            return [Static(Content.styled("(no words)", "$quiet"), markup=False)]
        return []

    def _ending(self, stored: StoredTurn) -> str:
        generation = stored.generation
        if generation is None:
            return ""
        error = printable(self._error, multiline=False)
        # Words that the reply was to begin with stand there also where the model said nothing.
        token_count = len(generation.token_ids) or int(bool(stored.turn.text))
        return ending_in_words(generation.stop_reason, generation.settings, token_count, error)
