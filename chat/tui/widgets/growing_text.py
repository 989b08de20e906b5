"""Text that grows while it is read."""

import math
import time
from typing import Final

from textual.content import Content
from textual.widgets import Static

GROW_S: Final = 0.3
"""Seconds between two growths by lines. Laying the screen out takes as long as several keys; the words of the lines
that are there take as long as one, and may be shown at any time."""
CALM_GROW_S: Final = 0.8
"""The same while there are keys that would have to wait."""


class GrowingText(Static):
    """Shows a text that is set often and mostly has as many lines as before."""

    def __init__(self, content: Content, *, classes: str | None = None) -> None:
        super().__init__(content, markup=False, classes=classes)
        self._grew_at = -math.inf

    def grow(self, content: Content, *, calmly: bool = False) -> bool:
        """Show this in the place of what was shown; False if it takes further lines too soon and is not shown yet.

        Args:
            content: All of the text.
            calmly: Let more time go by between two growths.
        """
        if not self.content_size.width:
            # Not laid out yet, or in a window too narrow for it.
            return False
        lines = content.get_height({}, self.content_size.width)
        is_taller = lines != self.content_size.height
        if is_taller:
            now = time.monotonic()
            if now - self._grew_at < (CALM_GROW_S if calmly else GROW_S):
                return False
            self._grew_at = now
        self.update(content, layout=is_taller)
        return True
