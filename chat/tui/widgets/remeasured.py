"""Widgets whose size follows from what they show."""

from typing import Self

from textual.geometry import Region
from textual.widget import Widget


class Remeasured(Widget):
    """Is measured anew whenever a layout is asked for.

    Textual keeps a size until the next time that a layout is asked for, and takes two times without a layout of the
    widget's own between them for one. Where the screen is laid out between them for something else, the size that it
    finds is that of what is not shown any more, and it stays.
    """

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As any widget's."""
        if layout:
            self._box_model_cache.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
