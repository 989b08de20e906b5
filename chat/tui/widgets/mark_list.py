"""The pictures of the message being written, to choose the one that a mark in the text is to place."""

import re
from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.widgets.option_list import Option

from chat.conversation import Image
from chat.safe_text import printable
from chat.talk.wording import elided
from chat.tui.widgets.choices import Choices

_BEGUN: Final = re.compile(r"\[(\d{0,4})$")


def begun_mark(before: str) -> str | None:
    """The digits of a mark that the text before the cursor ends with, perhaps none yet; None where it is no mark."""
    match = _BEGUN.search(before)
    return match[1] if match else None


class MarkList(Choices, can_focus=False):
    """Shown above the text while a mark is typed; the keys come from there."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._numbers: tuple[int, ...] = ()

    @property
    def chosen(self) -> int | None:
        """The number the pointer is on; None where nothing is shown."""
        return self._numbers[self.highlighted] if self.display and self.highlighted is not None else None

    def show(self, images: Sequence[Image], first_number: int, digits: str) -> bool:
        """Show the pictures whose numbers begin so, the first one chosen; tells whether there are any."""
        numbered = [
            (number, image) for number, image in enumerate(images, first_number) if str(number).startswith(digits)
        ]
        numbers = tuple(number for number, _ in numbered)
        self.display = bool(numbers)
        if numbers != self._numbers:
            self._numbers = numbers
            self.clear_options()
            self.add_options(Option(_in_words(number, image)) for number, image in numbered)
        self.highlighted = 0 if numbers else None
        return bool(numbers)

    def hide(self) -> None:
        """Show nothing."""
        self.display, self._numbers = False, ()

    def move(self, by: int) -> None:
        """Choose the next or the previous one."""
        if by < 0:
            self.action_cursor_up()
        else:
            self.action_cursor_down()


def _in_words(number: int, image: Image) -> Content:
    name = elided(printable(image.name, multiline=False), 40)
    return Content.assemble((f"[{number}]", "bold $text-accent"), f" {name} ", ("stands here in the text", "$quiet"))
