"""Lays the screen out once where Textual does it twice."""

from textual._compositor import Compositor, ReflowResult
from textual.geometry import Size
from textual.widget import Widget


class OnceCompositor(Compositor):
    """Knows that a layout of everything is one.

    As soon as a widget was mounted or a view scrolled, Textual's takes its map of all widgets to be out of date; after
    the next layout, which makes that map anew, it still does, and makes it a second time for the first widget drawn.
    """

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay everything out."""
        result = super().reflow(parent, size)
        self._full_map_invalidated = False
        return result
