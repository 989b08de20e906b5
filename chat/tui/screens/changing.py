"""How another checkpoint is chosen while the program runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.message import Message

from chat.errors import ChatError, UsageError
from chat.generation import CheckpointFacts
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.wording import short_name, size_in_words
from chat.tui.binding import Binding
from chat.tui.messages import LoadEnded
from chat.tui.screens.model import Wanted
from chat.tui.screens.tasks import TaskScreen

# What is known of checkpoints comes with the first question for it.
if TYPE_CHECKING:
    from chat.talk.offers import Catalogue, Offer
    from chat.tui.screens.checkpoints import Chosen


class Examined(Message):
    """A checkpoint that was named is known, or cannot be loaded."""

    def __init__(self, call: Call, precision: str, offer: "Offer | None", problem: str = "") -> None:
        super().__init__()
        self.call = call
        self.precision = precision
        self.offer = offer
        self.problem = problem


class ChangingScreen(TaskScreen):
    """Shows what can be chosen, and loads it; what it takes of memory is said before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "checkpoints", "Checkpoints", show=False, tooltip="Choose another checkpoint")
    ]

    open_catalogue: "Callable[[], Catalogue] | None" = None
    """Opens what knows which checkpoints there are."""
    _catalogue: "Catalogue | None" = None
    _refused: Call | None = None
    """What was asked for last and does not fit; asked for once more it is tried."""

    @property
    def catalogue(self) -> "Catalogue":
        """Knows which checkpoints there are; raises UsageError where there is none to choose."""
        if self.open_catalogue is None:
            raise UsageError("There is no other checkpoint here.")
        if self._catalogue is None:
            self._catalogue = self.open_catalogue()
        return self._catalogue

    def action_checkpoints(self) -> None:
        """Show the checkpoints."""
        from chat.tui.screens.checkpoints import CheckpointsScreen

        try:
            self.app.push_screen(CheckpointsScreen(self.catalogue, self.facts), self._take_chosen)
        except UsageError as error:
            self.say(str(error))

    def _take_chosen(self, chosen: "Chosen | None") -> None:
        if chosen is not None:
            try:
                self._change_checkpoint(chosen.offer, chosen.precision)
            except ChatError as error:
                self.say(str(error))

    @on(LoadEnded)
    def _show_model(self) -> None:
        self.welcome.show_model(is_demonstration=self._is_demonstration)

    async def command_checkpoint(self, call: Call) -> None:
        """Choose a checkpoint, or load one by its name."""
        if not call.argument:
            self.action_checkpoints()
            return
        from chat.talk.offers import asked_checkpoint

        self._require_free()
        self.say(f"Looking at {short_line(call.argument, 60)} …", is_problem=False)
        self._examine(call, *asked_checkpoint(call.argument), self.catalogue)

    @work(thread=True, exclusive=True, group="checkpoint")
    def _examine(self, call: Call, name: str, precision: str, catalogue: "Catalogue") -> None:
        try:
            offer = catalogue.examine(name, self.facts, asks_hub=True)
        except ChatError as error:
            self.post_message(Examined(call, precision, None, str(error)))
        else:
            self.post_message(Examined(call, precision, offer))

    @on(Examined)
    def _take_examined(self, message: Examined) -> None:
        offer, call = message.offer, message.call
        if offer is None:
            self.say(short_line(message.problem, 400))
            return
        way = offer.way(message.precision)
        is_known = way is not None and way.device
        if way is not None and not is_known and self._refused != call:
            self._refused = call
            self.say(
                f"{short_name(offer.name)} does not fit: as {way.precision} it takes {size_in_words(way.memory)}, "
                f"{size_in_words(way.short)} more than is free · the same command again tries it all the same"
            )
            return
        try:
            self._change_checkpoint(offer, message.precision)
        except ChatError as error:
            self.say(str(error))

    def _require_free(self) -> None:
        if self.is_loading:
            raise UsageError(f"{short_name(self._checkpoint)} is being loaded: esc cancels it first.")

    def _change_checkpoint(self, offer: "Offer", precision: str) -> None:
        """Load a checkpoint, and say what it takes and what becomes of the one that is loaded."""
        self._require_free()
        way = offer.way(precision)
        if way is None:
            raise UsageError(f"{short_name(offer.name)} cannot be loaded as {precision}: choose another precision.")
        loaded = self.facts
        if loaded is not None and not way.fits_beside and self.is_working:
            raise UsageError(
                f"There is no memory for both: stop the reply (esc), or wait, then load {short_name(offer.name)}."
            )
        self._refused = None
        load = self.catalogue.loader(offer.name, way.precision)
        wanted = Wanted(offer.name, offer.is_demonstration, load)
        self.change_checkpoint(wanted, keeps=way.fits_beside)
        words = f"{short_name(offer.name)} takes about {size_in_words(way.memory)} of memory as {way.precision}"
        self.say(f"{words}{_what_of(loaded, is_kept=way.fits_beside)}", is_problem=False)


def _what_of(loaded: CheckpointFacts | None, *, is_kept: bool) -> str:
    """What becomes of the checkpoint that is loaded."""
    if loaded is None:
        return ""
    name = loaded.short_name
    return (
        f" · {name} answers until it is ready · esc keeps {name}"
        if is_kept
        else f" · there is no memory for both: {name} was let go of · esc loads it again"
    )
