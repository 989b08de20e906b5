"""What the model sees, beside the conversation: the prompt of the message being written, or up to a turn."""

from typing import TYPE_CHECKING, Final, NamedTuple

from textual import on, work
from textual.events import Resize
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from chat.conversation import Conversation, Image
from chat.errors import ChatError, ModelError
from chat.generation import TextGenerator
from chat.talk.commands import Call
from chat.tui.screens.tasks import TaskScreen
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.status_row import Meter

# Imported when the pane is opened: the first frame does without.
if TYPE_CHECKING:
    from chat.records import StoredTurn
    from chat.seen import SeenPicture
    from chat.talk.sights import SeenTalk
    from chat.tui.prompt_lines import Line, Manner
    from chat.tui.widgets.model_view import ModelView
    from chat.tui.widgets.turn import SaidTurn

LOOK_DELAY_S: Final = 0.1
"""Seconds of quiet before the pane follows what is written."""
NARROW: Final = 100
"""Columns of the window below which the pane takes all of it."""


class Asked(NamedTuple):
    """What is to be shown in the pane."""

    conversation: Conversation
    known: tuple[Image, ...]
    """The session's pictures, and those of the message being written."""
    turns_before: int
    has_draft: bool
    about: str = ""


class Looked(Message):
    """A prompt was described and laid out, or could not be."""

    def __init__(
        self,
        run: int,
        about: str = "",
        talk: "SeenTalk | None" = None,
        manner: "Manner | None" = None,
        lines: "list[Line] | None" = None,
        problem: str = "",
    ) -> None:
        super().__init__()
        self.run, self.about, self.talk = run, about, talk
        self.manner, self.lines, self.problem = manner, lines, problem


class PictureSeen(Message):
    """What the model gets of a picture is known, or cannot be told."""

    def __init__(self, image: Image, drawn: Image | None, caption: str) -> None:
        super().__init__()
        self.image, self.drawn, self.caption = image, drawn, caption


class SeeingScreen(TaskScreen):
    """Shows what the model sees on a key, and follows what is written as long as that is open."""

    _view: "ModelView | None" = None
    _seen_turn: "StoredTurn | None" = None
    """The turn up to which the prompt is shown; None for the message being written."""
    _look_timer: Timer | None = None
    _looks = 0
    _focus_before: Widget | None = None

    # Open and close

    async def action_model_view(self) -> None:
        """Show what the model sees, or hide it."""
        if self._view is not None:
            await self.close_view()
        else:
            await self.open_view()

    async def command_prompt(self, _: Call) -> None:
        """Show what the model sees, or hide it."""
        await self.action_model_view()

    @on(Meter.Clicked)
    async def _show_what_takes_room(self) -> None:
        await self.open_view()
        if self._view is not None and self._view.is_mounted:
            self._view.show_part("budget")

    async def open_view(self, turn: "StoredTurn | None" = None) -> None:
        """Show what the model sees: the message being written, or the conversation up to a turn."""
        if self._session is None:
            return
        from chat.tui.widgets.model_view import ModelView

        self._seen_turn = turn
        if self._view is None:
            self._view = view = ModelView()
            self._focus_before = self.focused
            self.add_class("-seeing")
            await self.query_one("#panes").mount(view)
            if view is not self._view:
                # Closed again meanwhile.
                return
        self._focus_in_view()
        self._look()

    async def close_view(self) -> None:
        """Hide it, and go back to where one was before."""
        view, self._view, self._seen_turn = self._view, None, None
        if view is None:
            return
        was_in_view = self.focused is None or view in self.focused.ancestors_with_self
        self.remove_class("-seeing")
        await view.remove()
        before = self._focus_before
        if was_in_view and before is not None and before.is_attached:
            self.set_focus(before, scroll_visible=False)
        elif was_in_view:
            self.composer.focus_text()

    def _focus_in_view(self) -> None:
        """Where the pane takes the whole window, the keys are its own."""
        if self._view is not None and self.app.size.width < NARROW and self.focused is not self._view:
            self._focus_before = self.focused or self._focus_before
            self._view.focus()

    async def on_resize(self, event: Resize) -> None:
        """The pane may take the whole window, or leave it."""
        self._focus_in_view()

    async def on_model_view_left(self) -> None:
        """Close it where it takes the whole window; else go back to the message."""
        if self.app.size.width < NARROW:
            await self.close_view()
        else:
            self.composer.focus_text()

    def on_model_view_copied(self, message: "ModelView.Copied") -> None:
        """Say that the prompt was copied."""
        self.notify(f"The prompt is copied: {message.characters:,} characters.", timeout=3)

    # Follow

    @on(Composer.Changed)
    def _follow_draft(self) -> None:
        self._seen_turn = None
        self.look_again()

    def count_context(self) -> None:
        """Count the context; what changes that changes what the model sees."""
        super().count_context()
        self.look_again()

    async def turns_changed(self) -> None:
        """See what else the model sees now."""
        await super().turns_changed()
        self.look_again()

    def look_again(self) -> None:
        """Bring the pane up to date in a moment, if it is open."""
        if self._view is None:
            return
        if self._look_timer is not None:
            self._look_timer.stop()
        self._look_timer = self.set_timer(LOOK_DELAY_S, self._look)

    def _look(self) -> None:
        # One that is being opened is looked at as soon as it has its parts.
        if self._view is None or self._session is None or not self._view.is_mounted:
            return
        self._looks += 1
        if self._generator is None:
            self._view.tell("No model is loaded: the prompt is written in its tokens. /load loads it.")
            return
        self._describe(self._looks, self._generator, self._asked(self._generator), self._view.manner)

    def _asked(self, generator: TextGenerator) -> Asked:
        from chat.session import conversation_of
        from chat.talk.shown import shown_turns

        session, facts = self.session, generator.facts
        known = tuple(image for stored in session.turns for image in stored.turn.images)
        before = 2 * session.left_out
        if self._seen_turn is not None and (place := session.place_of(self._seen_turn.id)) is not None:
            before = before if before < place else 0
            said = session.turns[: place + 1]
            shown = shown_turns(said, session.not_shown) if before or not session.left_out else said
            conversation = conversation_of(shown, system=session.system, facts=facts)
            about = f"up to turn {place + 1:,} of {len(session.turns):,}"
            return Asked(conversation, known, before, has_draft=False, about=about)
        draft = self.draft_for_model()
        if self.is_working or not draft:
            about = "" if not self.is_working else "what the model is at work on"
            return Asked(session.conversation(facts), known, before, has_draft=False, about=about)
        return Asked(session.conversation_with(draft, facts), (*known, *draft.images), before, has_draft=True)

    @work(thread=True, exclusive=True, group="looks", exit_on_error=False)
    def _describe(self, run: int, generator: TextGenerator, asked: Asked, manner: "Manner") -> None:
        from chat.talk.sights import seen_talk
        from chat.tui.prompt_lines import prompt_lines

        try:
            talk = seen_talk(
                generator,
                asked.conversation,
                asked.known,
                turns_before=asked.turns_before,
                has_draft=asked.has_draft,
            )
        except ModelError as error:
            self.post_message(Looked(run, problem=f"The prompt cannot be told: {error}"))
            return
        lines = prompt_lines(talk.shown, talk.numbers, manner)
        self.post_message(Looked(run, asked.about, talk, manner, lines))

    @on(Looked)
    def _show_look(self, message: Looked) -> None:
        if self._view is None or message.run != self._looks or not self._view.is_mounted:
            return
        if message.talk is None or message.manner is None or message.lines is None:
            self._view.tell(message.problem)
        else:
            self._view.show(message.talk, message.about, message.manner, message.lines)

    def on_model_view_picture_wanted(self, message: "ModelView.PictureWanted") -> None:
        """Find out what the model gets of a picture."""
        if self._generator is not None:
            self._preprocess(self._generator, message.image)

    @work(thread=True, exclusive=True, group="sights", exit_on_error=False)
    def _preprocess(self, generator: TextGenerator, image: Image) -> None:
        from chat.tui.model_pictures import drawn, size_in_words

        try:
            seen: SeenPicture = generator.preprocess(image)
            self.post_message(PictureSeen(image, drawn(seen, image.name), f"model {size_in_words(seen)}"))
        except ChatError as error:
            self.post_message(PictureSeen(image, None, f"not to be seen: {error}"))

    @on(PictureSeen)
    def _show_model_picture(self, message: PictureSeen) -> None:
        if self._view is not None:
            self._view.show_model_picture(message.image, message.drawn, message.caption)

    # Turns

    async def turn_prompt(self, turn: "SaidTurn") -> None:
        """Show what the model sees up to a turn."""
        await self.open_view(turn.stored)
