"""The checkpoints that can be chosen, with what each takes and whether it fits."""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from chat.errors import ChatError
from chat.generation import CheckpointFacts
from chat.safe_text import printable, short_line
from chat.talk.offers import AUTO, PRECISIONS, Catalogue, Fit, Offer, Way
from chat.talk.wording import elided, short_name, size_in_words
from chat.tui.binding import Binding
from chat.tui.glyphs import ASCII, GLYPHS
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.safe_input import SafeInput

WITH_SIZES_FROM: Final = 90
"""Columns from which the sizes of files are shown."""
NAME_CELLS: Final = 23
"""Of a checkpoint's name, and where there is room for sizes `WIDE_NAME_CELLS`."""
WIDE_NAME_CELLS: Final = 36
_SIZE, _MEMORY, _FITS, _STATE = 9, 13, 16, 14
"""Cells of the other columns."""

_SIGNS: Final = {
    Fit.YES: (GLYPHS.ready, "$text-success"),
    Fit.WITH_LIMITS: (GLYPHS.warning, "$text-warning"),
    Fit.NO: (GLYPHS.failed, "$text-error"),
    Fit.UNKNOWN: ("?", "$quiet"),
}


class Chosen(NamedTuple):
    """What was chosen."""

    offer: Offer
    precision: str


class OffersFound(Message):
    """What this machine has is known."""

    def __init__(self, machine: str, offers: Sequence[Offer], problem: str = "") -> None:
        super().__init__()
        self.machine = machine
        self.offers = offers
        self.problem = problem


class OfferFound(Message):
    """A checkpoint that was asked about is known, or cannot be loaded."""

    def __init__(self, name: str, offer: Offer | None, problem: str = "") -> None:
        super().__init__()
        self.name = name
        self.offer = offer
        self.problem = problem


class CheckpointsScreen(Dialog[Chosen | None]):
    """Gives what was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the conversation"),
        Binding("space", "precision", "Precision", tooltip="Another precision of the weights"),
        Binding("i", "count", "What is counted", tooltip="What the memory is counted of"),
    ]
    AUTO_FOCUS = "DataTable"

    def __init__(self, catalogue: Catalogue, loaded: CheckpointFacts | None) -> None:
        """Show what there is to choose.

        Args:
            catalogue: Knows it.
            loaded: The checkpoint in use.
        """
        super().__init__()
        self._catalogue = catalogue
        self._loaded = loaded
        self._offers: list[Offer] = []
        self._precision = AUTO
        self._is_counting = False
        self._refused: Chosen | None = None
        """What does not fit and was asked for all the same."""

    def compose(self) -> ComposeResult:
        """The table, what is said of the row in it, and another name."""
        with Vertical(classes="dialog", id="checkpoints"):
            with Horizontal(id="checkpoints-head"):
                yield Static(Content.styled("Checkpoints", "bold"), markup=False)
                yield Static("", id="machine", markup=False)
            yield DataTable(cursor_type="row", zebra_stripes=False)
            yield Static("Looking at this machine …", id="about-row", markup=False)
            with Horizontal(id="checkpoints-foot"):
                yield Static("", id="precision", markup=False)
                yield SafeInput(placeholder="other name or folder", id="other", compact=True)
            yield Static(self._keys(), markup=False, id="checkpoints-keys")

    def on_mount(self) -> None:
        """Look at this machine, on a thread of its own."""
        self._show_precision()
        self._find()

    @on(Resize)
    def _fit(self) -> None:
        if self._offers:
            self._show_offers()

    def action_close(self) -> None:
        """From the name to the table, and from there back without a change."""
        if self.query_one("#other", Input).has_focus:
            self.query_one(DataTable).focus()
        else:
            self.dismiss(None)

    def action_precision(self) -> None:
        """Take the next precision for all rows."""
        self._precision = PRECISIONS[(PRECISIONS.index(self._precision) + 1) % len(PRECISIONS)]
        self._refused = None
        self._show_precision()
        self._show_offers()

    def action_count(self) -> None:
        """Show what the memory is counted of, or its sum alone."""
        self._is_counting = not self._is_counting
        self._show_about()

    @work(thread=True, exclusive=True, group="offers")
    def _find(self) -> None:
        try:
            offers = self._catalogue.offers(self._loaded)
            self.post_message(OffersFound(self._catalogue.machine(), offers))
        except ChatError as error:
            self.post_message(OffersFound("", (), str(error)))

    @on(OffersFound)
    def _take_offers(self, message: OffersFound) -> None:
        self._offers = list(message.offers)
        self.query_one("#machine", Static).update(Content(printable(message.machine, multiline=False)))
        self._show_offers()
        if message.problem:
            self._say(message.problem)

    @work(thread=True, exclusive=True, group="offer")
    def _examine(self, name: str) -> None:
        try:
            self.post_message(OfferFound(name, self._catalogue.examine(name, self._loaded, asks_hub=True)))
        except ChatError as error:
            self.post_message(OfferFound(name, None, str(error)))

    @on(OfferFound)
    def _take_offer(self, message: OfferFound) -> None:
        if message.offer is None:
            self._say(message.problem)
            return
        places = [place for place, offer in enumerate(self._offers) if offer.name == message.name]
        place = places[0] if places else 0
        self._offers[place : place + len(places)] = [message.offer]
        self._show_offers()
        table = self.query_one(DataTable)
        table.move_cursor(row=place)
        table.focus()

    @on(Input.Submitted, "#other")
    def _take_name(self, message: Input.Submitted) -> None:
        if name := message.value.strip():
            self._say(f"Asking about {short_line(name, 60)} …", is_problem=False)
            self._examine(name)

    @on(DataTable.RowHighlighted)
    def _take_highlighted(self) -> None:
        self._show_about()

    @on(DataTable.RowSelected)
    def _choose(self, message: DataTable.RowSelected) -> None:
        offer = self._offers[message.cursor_row]
        way = offer.way(self._precision)
        chosen = Chosen(offer, way.precision if way else self._precision)
        if offer.problem:
            self._say(offer.problem)
        elif not offer.ways:
            self._say(f"Asking the hub what {short_name(offer.name)} takes …", is_problem=False)
            self._examine(offer.name)
        elif way is None or (not way.device and self._refused != chosen):
            self._refused = chosen
            self._say(f"{self._about(offer, way)} · space tries another precision, enter again loads it all the same")
        else:
            self.dismiss(chosen)

    def _show_offers(self) -> None:
        table = self.query_one(DataTable)
        row = table.cursor_row
        table.clear(columns=True)
        has_sizes = self.size.width >= WITH_SIZES_FROM
        name_cells = WIDE_NAME_CELLS if has_sizes else NAME_CELLS
        columns = {"  name": name_cells + 2, f"{'size':>9}": _SIZE, "  memory": _MEMORY, "fits": _FITS, "state": _STATE}
        for label, width in columns.items():
            if has_sizes or width != _SIZE:
                table.add_column(label, width=width)
        for offer in self._offers:
            name, size, *rest = self._cells(offer, name_cells)
            table.add_row(name, *([size] if has_sizes else []), *rest)
        if self._offers:
            table.move_cursor(row=min(row, len(self._offers) - 1))
        self._show_about()

    def _cells(self, offer: Offer, name_cells: int) -> list[Content]:
        way = offer.way(self._precision)
        is_loaded = self._loaded is not None and self._loaded.is_of_machine(offer.name)
        known = way or offer.guess
        sign, style = _SIGNS[Fit.NO if offer.problem else known.fit if known else Fit.UNKNOWN]
        fits = "cannot load" if offer.problem else known.fit_in_words if known else "not known"
        memory = f"{'' if way else '~'}{size_in_words(known.memory)}" if known else ""
        name = elided(printable(short_name(offer.name), multiline=False), name_cells)
        return [
            Content.assemble((f"{GLYPHS.here} " if is_loaded else "  ", "$accent"), name),
            Content(offer.size_in_words.rjust(_SIZE)),
            Content(f"{memory.rjust(8)} {known.precision}" if known else ""),
            Content.assemble((sign, style), f" {fits}"),
            Content.styled("loaded" if is_loaded else str(offer.place), "$quiet"),
        ]

    def _show_about(self) -> None:
        if self._offers:
            offer = self._offers[self.query_one(DataTable).cursor_row]
            self._say(self._about(offer, offer.way(self._precision)), is_problem=False)

    def _about(self, offer: Offer, way: Way | None) -> str:
        name = short_line(offer.name, 60)
        if offer.problem:
            return offer.problem
        if way is None:
            return f"{name}: {offer.size_in_words} to fetch · enter asks the hub what it takes of memory"
        if self._is_counting:
            return f"{name} · {way.counted_in_words}"
        if not way.device:
            return f"{name} does not fit: {way.fit_in_words}"
        both = "" if way.fits_beside or self._loaded is None else " · not beside the one that is loaded"
        fetch = "" if offer.is_here else f" · {offer.size_in_words} to fetch"
        return f"{name}: {size_in_words(way.memory)} on {way.device}, {way.fit_in_words}{fetch}{both}"

    def _say(self, words: str, *, is_problem: bool = True) -> None:
        text = Content(short_line(words, 400))
        said = Content.assemble((f"{GLYPHS.failed} ", "$text-error"), text) if is_problem else text
        self.query_one("#about-row", Static).update(said)

    def _show_precision(self) -> None:
        left, right = "<>" if GLYPHS is ASCII else "‹›"
        self.query_one("#precision", Static).update(
            Content.assemble(("precision ", "$quiet"), f"{left} ", (self._precision, "bold"), f" {right}")
        )

    def _keys(self) -> Content:
        keys = (("enter", "load"), ("space", "precision"), ("i", "what is counted"), ("tab", "other"), ("esc", "back"))
        return Content("   ").join(Content.assemble((key, "bold"), (f" {word}", "$quiet")) for key, word in keys)
