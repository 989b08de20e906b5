"""The pane that shows what the model sees: its pictures, its prompt token by token, and what that takes."""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, Tab, Tabs

from chat.conversation import Image
from chat.safe_text import printable
from chat.talk.sights import SeenTalk, sight_sentences
from chat.talk.wording import count_in_words
from chat.tui.binding import Binding
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.prompt_lines import Line, Look, Manner, prompt_lines
from chat.tui.seen_talk import count_lines
from chat.tui.widgets.lines import LinesView
from chat.tui.widgets.picture import PictureView, fixed_box

BROAD_FROM: Final = 220
"""Columns of the window from which the pane is wider."""
BOX: Final = fixed_box(20, 10)
"""Of each of the two pictures."""
TABS: Final = ("prompt", "pictures", "budget")
"""The parts of the pane; where it fills the window, one of them is shown at a time."""


class ModelView(VerticalScroll, can_focus=True):
    """Shows one `SeenTalk`; where the window is narrow it takes all of it, and its parts are shown one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "copy", "Copy", tooltip="Copy the prompt exactly as the model gets it"),
        Binding("f", "fold", "Fold", tooltip="Show a picture's tokens as one sign, or all of them"),
        Binding("number_sign", "ids", "Ids", key_display="#", tooltip="Show or hide the ids of the tokens"),
        Binding("n", "picture(1)", "Next", tooltip="Show the next picture"),
        Binding("b", "picture(-1)", "Before", tooltip="Show the picture before"),
        Binding("left", "tab(-1)", show=False, tooltip="Show the part to the left, where one is shown at a time"),
        Binding("right", "tab(1)", show=False, tooltip="Show the part to the right, where one is shown at a time"),
        Binding("escape", "leave", "Back", tooltip="Back to the message"),
    ]

    class PictureWanted(Message):
        """What the model gets of a picture is to be shown."""

        def __init__(self, image: Image) -> None:
            super().__init__()
            self.image = image

    class Copied(Message):
        """The prompt was copied."""

        def __init__(self, characters: int) -> None:
            super().__init__()
            self.characters = characters

    class Left(Message):
        """Back to where one was before."""

    def __init__(self) -> None:
        super().__init__()
        self.talk: SeenTalk | None = None
        """What is shown."""
        self._about = ""
        self._picture: int | None = None
        """Which picture was chosen, from 0; None for the newest."""
        self._folds = self._has_ids = False

    def compose(self) -> ComposeResult:
        """Title, pictures, prompt, counts; nothing is in them yet."""
        tabs = Tabs(*(Tab(name.capitalize(), id=name) for name in TABS), id="seen-tabs")
        tabs.can_focus = False
        with Vertical(id="seen-head"):
            with Horizontal(id="seen-title"):
                yield Static("What the model sees", id="seen-name", markup=False)
                yield Static("", id="seen-number", markup=False)
            yield tabs
            yield Static("", id="seen-note", markup=False)
        with Horizontal(id="seen-pictures"):
            for side in ("original", "model"):
                with Vertical(id=f"seen-{side}"):
                    yield Static("", classes="caption", markup=False)
        yield LinesView(id="seen-prompt")
        with Vertical(id="seen-budget"):
            yield LinesView(id="seen-counts")
            yield Static("", id="seen-sights", markup=False)

    def on_mount(self) -> None:
        """Fit into the window."""
        self._fit()

    def on_resize(self) -> None:
        """Lay the prompt out for the new width."""
        self._fit()
        self._lay_out()

    def _fit(self) -> None:
        self.set_class(self.app.size.width >= BROAD_FROM, "-broad")

    @property
    def manner(self) -> Manner:
        """How the prompt is to be laid out here."""
        width = self.query_one("#seen-prompt").size.width or self.size.width
        return Manner(width, self._folds, self._has_ids)

    @property
    def image(self) -> Image | None:
        """The picture that is shown."""
        place = self._place
        return self.talk.images[place] if self.talk and place is not None else None

    @property
    def _place(self) -> int | None:
        count = len(self.talk.images) if self.talk else 0
        if not count:
            return None
        return count - 1 if self._picture is None or self._picture >= count else self._picture

    def show(self, talk: SeenTalk, about: str, manner: Manner, lines: Sequence[Line]) -> None:
        """Show a conversation.

        Args:
            talk: What the model is given.
            about: What part of the session it is, where it is not the message being written.
            manner: How its prompt was laid out.
            lines: Of the prompt in this manner.
        """
        # The message that is being written is at the end: it is followed unless somebody has scrolled away from it.
        if self.scroll_y >= self.max_scroll_y - 1:
            self.call_after_refresh(self.scroll_end, animate=False)
        is_other = self.talk is None or self.talk.images != talk.images
        self.talk, self._about = talk, about
        if is_other:
            self._picture = None
        self._say(about)
        if manner == self.manner:
            self.query_one("#seen-prompt", LinesView).show(lines)
        else:
            self._lay_out()
        self.query_one("#seen-counts", LinesView).show(count_lines(talk))
        self.query_one("#seen-sights", Static).update(Content("\n".join(sight_sentences(talk))))
        self._show_picture()

    def tell(self, words: str) -> None:
        """Say why there is nothing to show."""
        self.talk = None
        for lines in self.query(LinesView):
            lines.show(())
        self.query_one("#seen-sights", Static).update("")
        self._say(words)
        self._show_picture()

    def _say(self, words: str) -> None:
        note = self.query_one("#seen-note", Static)
        note.update(Content(printable(words)))
        note.display = bool(words)

    def _lay_out(self) -> None:
        if self.talk is not None and self.is_mounted:
            lines = prompt_lines(self.talk.shown, self.talk.numbers, self.manner)
            self.query_one("#seen-prompt", LinesView).show(lines)

    def _show_picture(self) -> None:
        place, image = self._place, self.image
        self.query_one("#seen-pictures").set_class(image is None, "-none")
        number = self.query_one("#seen-number", Static)
        if self.talk is None or place is None or image is None:
            number.update("")
            return
        shown = self.talk.numbers[place]
        number.update(
            Content.assemble(
                ("picture ", "$quiet"),
                (f"[{shown}]", "bold $text-accent"),
                (f" of {len(set(self.talk.numbers)):,}", "$quiet"),
            )
        )
        self._draw("original", image, f"original {image.width}×{image.height}")
        self.post_message(self.PictureWanted(image))

    def show_model_picture(self, image: Image, drawn: Image | None, caption: str) -> None:
        """Show what the model gets of a picture, if that one is still shown; None where it could not be told."""
        place = self._place
        if self.talk is not None and place is not None and image == self.image:
            tokens = self.talk.shown.tokens_of_picture(place + 1)
            self._draw("model", drawn, f"{caption} · {count_in_words(tokens, 'token')}")

    def _draw(self, side: str, image: Image | None, caption: str) -> None:
        place = self.query_one(f"#seen-{side}")
        place.query_one(".caption", Static).update(Content.styled(printable(caption, multiline=False), "$quiet"))
        views = list(place.query(PictureView))
        if image is None or picture_mode() is PictureMode.TEXT:
            for view in views:
                view.display = False
        elif views:
            views[0].display = True
            if views[0].image != image:
                views[0].show(image)
        else:
            place.mount(PictureView(image, BOX))

    def action_copy(self) -> None:
        """Copy the prompt as one string."""
        if self.talk is not None:
            text = self.talk.shown.text
            self.app.copy_to_clipboard(text)
            self.post_message(self.Copied(len(text)))

    def action_fold(self) -> None:
        """Show a picture's tokens as one sign, or all of them."""
        self._folds = not self._folds
        self._lay_out()

    def action_ids(self) -> None:
        """Show or hide the ids of the tokens."""
        self._has_ids = not self._has_ids
        self._lay_out()

    def action_picture(self, by: int) -> None:
        """Show the next picture, or the one before."""
        place = self._place
        if self.talk is not None and place is not None:
            self._picture = (place + by) % len(self.talk.images)
            self._show_picture()
            if "-prompt" in self.classes and self.query_one(Tabs).display:
                self.query_one(Tabs).active = "pictures"
            self.scroll_home(animate=False)

    def action_tab(self, by: int) -> None:
        """Show the part beside this one."""
        tabs = self.query_one(Tabs)
        here = TABS.index(tabs.active) if tabs.active in TABS else 0
        tabs.active = TABS[(here + by) % len(TABS)]

    def show_part(self, name: str) -> None:
        """Show one of `TABS`, where they are shown one at a time."""
        self.query_one(Tabs).active = name

    def action_leave(self) -> None:
        """Go back to where one was before."""
        self.post_message(self.Left())

    @on(Tabs.TabActivated)
    def _show_part(self, event: Tabs.TabActivated) -> None:
        event.stop()
        for name in TABS:
            self.set_class(event.tab.id == name, f"-{name}")
        self.scroll_home(animate=False)

    @on(LinesView.Clicked)
    def _choose_picture(self, event: LinesView.Clicked) -> None:
        text, look = event.piece
        found = re.search(r"\[(\d+)\]", text) if look in (Look.NUMBER, Look.IMAGE) else None
        if found and self.talk is not None and int(found[1]) in self.talk.numbers:
            self._picture = self.talk.numbers.index(int(found[1]))
            self._show_picture()
