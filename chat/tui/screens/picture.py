"""A picture of the conversation as large as the window, and larger."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Static

from chat.conversation import Image
from chat.images import thumbnail
from chat.safe_text import printable
from chat.talk.wording import elided, size_in_words
from chat.tui.binding import Binding
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.screens.layer import Layer
from chat.tui.widgets.zoom import LARGEST, STEP, Part, ZoomView, fit

if TYPE_CHECKING:
    import PIL.Image

LARGEST_COPY: Final = 2_048
"""Dots on a side of the copy that is looked at; a larger one would take more memory than the program."""
MOST_COPIES: Final = 3
"""Copies that are kept, for going back and forth."""

Seen = Callable[[Image], "PIL.Image.Image"]
"""Gives what the model gets of a picture; called on another thread, raises ChatError."""


class Copies:
    """Pictures made small enough to be looked at quickly; safe from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, tuple[PIL.Image.Image, int]] = OrderedDict()
        self._lock = threading.Lock()

    def make(self, image: Image, seen: Seen | None) -> "tuple[PIL.Image.Image, int]":
        """The picture, or what the model gets of it, and the size of its file; raises ChatError."""
        key = (image.digest, seen is not None)
        # Two threads never decode at once: each picture may take hundreds of megabytes for a moment.
        with self._lock:
            if key not in self._kept:
                pixels = seen(image) if seen is not None else thumbnail(image, LARGEST_COPY, LARGEST_COPY)
                self._kept[key] = (pixels, len(image.read()))
                while len(self._kept) > MOST_COPIES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


class PictureScreen(Layer[None]):
    """Shows one of several pictures."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(1)", "Larger", key_display="+", tooltip="Make the picture larger"),
        Binding("minus", "smaller", "Smaller", key_display="-", tooltip="Make the picture smaller"),
        Binding("0", "fit", "Fit", tooltip="Show all of the picture"),
        Binding("left,h", "pan(-1, 0)", "Left", show=False, tooltip="Show what is further left"),
        Binding("right,l", "pan(1, 0)", "Right", show=False, tooltip="Show what is further right"),
        Binding("up,k", "pan(0, -1)", "Up", show=False, tooltip="Show what is further up"),
        Binding("down,j", "pan(0, 1)", "Down", show=False, tooltip="Show what is further down"),
        Binding("n", "next", "Next", tooltip="Show the next picture"),
        Binding("b", "previous", "Before", tooltip="Show the picture before"),
        Binding("s", "swap", "Model's view", tooltip="Show what the model gets of the picture, or the picture"),
        Binding("escape,q", "close", "Back", key_display="esc", tooltip="Go back to the conversation"),
    ]

    class Measured(Message):
        """A picture was read."""

        def __init__(self, shown: tuple[int, bool], size: tuple[int, int], byte_count: int) -> None:
            super().__init__()
            self.shown = shown
            self.size = size
            self.byte_count = byte_count

    def __init__(self, pictures: Sequence[Image], place: int, seen: Seen | None = None) -> None:
        """Show a picture.

        Args:
            pictures: Those of the conversation, in their order.
            place: Which of them comes first, from 0.
            seen: Gives what the model gets of one, where that is known.
        """
        super().__init__()
        self._pictures = pictures
        self._place = place
        self._seen = seen
        self._shows_seen = False
        self._part = Part()
        self._copies = Copies()
        self._copy_size: tuple[int, int] | None = None
        """Of the copy that is shown, once it is there."""
        self._byte_count = 0

    def compose(self) -> ComposeResult:
        """Name and zoom, the picture, the keys."""
        with Horizontal(id="picture-title"):
            yield Static(id="picture-name", markup=False)
            yield Static(id="picture-zoom", markup=False)
        yield ZoomView()
        yield Static(id="picture-problem", markup=False)
        yield Footer()

    @property
    def image(self) -> Image:
        """The picture that is shown."""
        return self._pictures[self._place]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing here are none."""
        if action == "swap":
            return self._seen is not None
        return len(self._pictures) > 1 if action in ("next", "previous") else True

    @on(ZoomView.Fitted)
    def _fit_window(self) -> None:
        self._show()

    def action_zoom(self, steps: int) -> None:
        """Make the picture larger, or smaller."""
        if self._copy_size is not None:
            most = LARGEST / fit(self._copy_size, self._view.window())
            self._look_at(self._part.zoomed(STEP**steps, most))

    def action_smaller(self) -> None:
        """Make the picture smaller, down to all of it."""
        self.action_zoom(-1)

    def action_fit(self) -> None:
        """Show all of the picture."""
        self._look_at(Part())

    def action_pan(self, columns: int, rows: int) -> None:
        """Show what is beside the part in view."""
        self._look_at(self._part.moved(columns, rows))

    def action_next(self) -> None:
        """Show the next picture; after the last comes the first."""
        self._turn_to(self._place + 1)

    def action_previous(self) -> None:
        """Show the picture before; before the first comes the last."""
        self._turn_to(self._place - 1)

    def action_swap(self) -> None:
        """Show what the model gets of the picture, or the picture itself again."""
        self._shows_seen = not self._shows_seen
        self._begin()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()

    @property
    def _view(self) -> ZoomView:
        return self.query_one(ZoomView)

    def _turn_to(self, place: int) -> None:
        self._place = place % len(self._pictures)
        self._begin()

    def _begin(self) -> None:
        self._part, self._copy_size, self._byte_count = Part(), None, 0
        self._say("")
        self._show()

    def _look_at(self, part: Part) -> None:
        if self._copy_size is not None:
            self._part = part.within(self._copy_size, self._view.window())
            self._show()

    def _show(self) -> None:
        self._show_title()
        if picture_mode() is PictureMode.TEXT:
            self._say(f"[picture {self._place + 1}: {self.image.name}] cannot be drawn in this terminal.")
            return
        shown = (self._place, self._shows_seen)
        self._view.show(partial(self._make, shown, self.image, self._part, self._view.window()))

    def _make(self, shown: tuple[int, bool], image: Image, part: Part, window: tuple[int, int]) -> "PIL.Image.Image":
        """The part of a picture as it fits the window; runs beside the UI."""
        from PIL.Image import Resampling

        copy, byte_count = self._copies.make(image, self._seen if shown[1] else None)
        self.post_message(self.Measured(shown, copy.size, byte_count))
        box = part.box(copy.size, window)
        scale = fit(copy.size, window) * part.zoom
        size = (
            max(1, min(window[0], round((box[2] - box[0]) * scale))),
            max(1, min(window[1], round((box[3] - box[1]) * scale))),
        )
        return copy.resize(size, Resampling.BOX if scale < 1 else Resampling.NEAREST, box=box)

    @on(Measured)
    def _take_size(self, message: Measured) -> None:
        if message.shown == (self._place, self._shows_seen):
            self._copy_size, self._byte_count = message.size, message.byte_count
            self._say("")
            self._show_title()

    @on(ZoomView.Unreadable)
    def _show_problem(self, message: ZoomView.Unreadable) -> None:
        self._say(message.problem)

    def _say(self, problem: str) -> None:
        # Its lines are the picture's room, and other room has it drawn anew: they must not go with that.
        said = self.query_one("#picture-problem", Static)
        said.update(Content.styled(printable(problem, multiline=False), "$text-error"))
        said.display = bool(problem)

    def _show_title(self) -> None:
        image = self.image
        facts = [elided(printable(image.name, multiline=False), 40), f"{image.width}×{image.height}"]
        if self._byte_count:
            facts.append(size_in_words(self._byte_count))
        if self._shows_seen and self._copy_size is not None:
            facts.append(f"as the model gets it: {self._copy_size[0]}×{self._copy_size[1]}")
        number = Content.styled(f"[{self._place + 1}]", "bold $text-accent")
        self.query_one("#picture-name", Static).update(Content.assemble(number, f" {' · '.join(facts)}"))
        count = f"{self._place + 1:,} of {len(self._pictures):,}"
        zoom = "fit" if self._part.zoom == 1 else f"×{self._part.zoom:.3g}"
        self.query_one("#picture-zoom", Static).update(Content.styled(f"{count} · {zoom}", "$quiet"))
