"""A list of which the rows may change between a press and its effect, and which may have no room at all."""

from textual.events import Click
from textual.widgets import OptionList


class Choices(OptionList):
    """An `OptionList` that takes no click on a row that has gone since, and no page where it shows none."""

    async def _on_click(self, event: Click) -> None:
        """Textual would look for the row, and fail."""
        place = event.style.meta.get("option")
        if place is not None and place >= self.option_count:
            event.prevent_default()

    def action_page_up(self) -> None:
        """Go up by what is shown; Textual would look for rows that have no place yet, and fail."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Go down by what is shown."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]

    def has(self, message: OptionList.OptionSelected) -> bool:
        """Whether the row that was chosen still stands where it stood."""
        place = message.option_index
        return place < self.option_count and self.get_option_at_index(place) is message.option
