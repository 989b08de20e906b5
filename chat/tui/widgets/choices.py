"""A list of which the rows may change between a press of the mouse and its effect."""

from textual.events import Click
from textual.widgets import OptionList


class Choices(OptionList):
    """An `OptionList` that takes no click on a row that has gone since."""

    async def _on_click(self, event: Click) -> None:
        """Textual would look for the row, and fail."""
        place = event.style.meta.get("option")
        if place is not None and place >= self.option_count:
            event.prevent_default()

    def has(self, message: OptionList.OptionSelected) -> bool:
        """Whether the row that was chosen still stands where it stood."""
        place = message.option_index
        return place < self.option_count and self.get_option_at_index(place) is message.option
