"""What every screen of the program does, and those that come above the conversation and are left again."""

from textual.await_complete import AwaitComplete
from textual.events import Resize
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widget import Widget


class SizedScreen(Screen[ScreenResultType]):
    """A screen that is laid out for the size that the window has, and for no other."""

    async def _on_resize(self, event: Resize) -> None:
        """Pass over a size that the window has had before.

        Textual tells a screen its size again after each layout. Two different ones that are on their way at the same
        time would follow each other for ever, and nothing else would have its turn.
        """
        if event.size != self.app.size:
            event.prevent_default()

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """What stands at a place, in columns and rows; nothing where that is being taken away.

        Textual would begin a selection in the widget around it, which is none by then.
        """
        widget, offset = super().get_widget_and_offset_at(x, y)
        return (widget, offset) if widget is None or widget.is_attached else (None, None)


class Layer(SizedScreen[ScreenResultType]):
    """A screen that is left once, however many keys that leave it are on their way."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave the screen and give the result; nothing happens where it is left already or another is on top.

        Textual would take away whichever screen is on top, and fail on the last.
        """
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Dialog(ModalScreen[ScreenResultType], Layer[ScreenResultType]):
    """One that lets the screen below show through."""
