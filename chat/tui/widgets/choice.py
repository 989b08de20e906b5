"""Labels that were ranked, as an exchange of the transcript: the command, and a bar for each label."""

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from chat.conversation import Image
from chat.records import Choice
from chat.safe_text import printable
from chat.talk.wording import basis_in_words, elided, label_of
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.queued_turn import picture_name
from chat.tui.widgets.turn import TurnView

BAR_CELLS: Final = 32
NARROW_BAR_CELLS: Final = 16
NARROW: Final = 100
"""Columns of the window below which bars are the shorter ones."""
LONGEST_LABEL: Final = 40
LEAST_LABEL: Final = 6
"""Cells of a label that are kept before its bar and its log-likelihood go."""


class ChoiceCommand(TurnView):
    """What was asked: the labels, and the pictures that came with them."""

    def __init__(self, labels: tuple[str, ...], images: tuple[Image, ...], number: int) -> None:
        super().__init__(Content.styled("You", "bold $text-primary"))
        self._labels = labels
        self._images = images
        self._number = number

    def compose_body(self) -> ComposeResult:
        """The command, then the pictures by name."""
        typed = " | ".join(printable(label, multiline=False) for label in self._labels)
        lines = [Content.assemble(("/choose", "bold $text-accent"), f" {typed}")]
        lines += [picture_name(image, number) for number, image in enumerate(self._images, start=self._number)]
        yield Static(Content("\n").join(lines), markup=False, classes="said")


class ChoiceTurn(TurnView):
    """What the model made of it; nothing yet while it ranks."""

    def __init__(self, checkpoint: str, choice: Choice | None = None) -> None:
        super().__init__(Content.styled(printable(label_of(checkpoint), multiline=False), "bold $quiet"))
        self._choice = choice

    @property
    def is_pending(self) -> bool:
        """Whether the labels are still being ranked."""
        return self._choice is None

    def compose_body(self) -> ComposeResult:
        """A row for each label, and what they were ranked by."""
        if self._choice is None:
            yield Static(Content.styled(GLYPHS.caret, "$accent"), markup=False)
            return
        yield RankedLabels(self._choice)
        yield Static(Content.styled(basis_in_words(self._choice), "$quiet"), markup=False, classes="said")


class RankedLabels(Static):
    """A row for each label, the likeliest first, as wide as there is room."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(markup=False, classes="said")
        self._ranking = choice.ranking

    def on_resize(self) -> None:
        """Fit the rows into the width."""
        width, is_narrow = self.size.width, self.app.size.width < NARROW
        if width:
            self.update(Content("\n").join(self._rows(width, NARROW_BAR_CELLS if is_narrow else BAR_CELLS)))

    def _rows(self, width: int, bar: int) -> list[Content]:
        ranking = self._ranking
        names = [printable(label, multiline=False) for label in ranking.labels]
        shares = _aligned([f"{100 * share:.1f} %" for share in ranking.probabilities])
        values = _aligned([f"{value:.2f}" for value in ranking.values])
        longest = min(LONGEST_LABEL, max(Content(name).cell_length for name in names))
        mark = len(f" {GLYPHS.chosen}  ")
        bar_room, value_room = bar + 2, len(values[0]) + 2
        # The parts that a narrow column can do without, the least needed first.
        room = width - mark - len(shares[0])
        least = min(longest, LEAST_LABEL)
        shows_bar, shows_value = room - bar_room - value_room >= least, room - value_room >= least
        room -= (bar_room if shows_bar else 0) + (value_room if shows_value else 0)
        label_width = max(1, min(longest, room))
        rows = []
        for place in ranking.order:
            is_best = place == ranking.order[0]
            style = "bold" if is_best else ""
            name = _cut(names[place], label_width) + (f" {GLYPHS.chosen}" if is_best else "")
            row = Content.styled(name + " " * (label_width + mark - Content(name).cell_length), style)
            if shows_bar:
                row += _bar(ranking.probabilities[place], bar)
            row += Content.styled(shares[place], style)
            if shows_value:
                row += Content.styled(f"  {values[place]}", "$quiet")
            rows.append(row)
        return rows


def _bar(share: float, cells: int) -> Content:
    filled = round(share * cells)
    return Content.assemble(
        (GLYPHS.meter * filled, "$primary"), (GLYPHS.meter_rest * (cells - filled), "$foreground 20%"), "  "
    )


def _cut(text: str, width: int) -> str:
    """A label in so many cells; characters of East Asia take two."""
    while Content(text).cell_length > width:
        text = elided(text, min(len(text) - 1, width))
    return text


def _aligned(numbers: Sequence[str]) -> list[str]:
    """Numbers with their last digits below each other."""
    width = max(len(number) for number in numbers)
    return [number.rjust(width) for number in numbers]
