"""Where in the transcript the model stops looking back."""

from typing import Final

from textual.widgets import Static

from chat.tui.glyphs import GLYPHS

WORDS: Final = "the model no longer sees what is above"


class LeftOutRule(Static):
    """Stands below the turns that somebody decided not to show the model."""

    def __init__(self) -> None:
        super().__init__(f"{GLYPHS.cut} {WORDS} {GLYPHS.cut}", markup=False)
