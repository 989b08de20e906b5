"""What to talk with: the checkpoints that can be chosen, and changing to one."""

from collections.abc import Iterator

from chat.errors import UsageError
from chat.plain.commands.group import CommandGroup
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.offers import AUTO, Offer, Way, asked_checkpoint
from chat.talk.wording import checkpoint_in_words, short_name, size_in_words


class CheckpointCommands(CommandGroup):
    """What is about the model itself."""

    def command_load(self, _: Call) -> None:
        """Load the checkpoint, and wait for it."""
        self.talk.model.ready()
        self._tell_ready()

    def command_stop(self, _: Call) -> None:
        """Stop the loading."""
        model = self.talk.model
        if not model.is_loading:
            raise UsageError("There is nothing to stop; ctrl+c stops a reply while it is written.")
        model.stop_loading()
        self.say("The loading stops.")

    def command_checkpoint(self, call: Call) -> None:
        """Change to a checkpoint, or list those that can be chosen; what it takes is told before."""
        if not call.argument:
            self._list()
            return
        model, catalogue = self.talk.model, self.talk.catalogue
        model.settle()
        name, precision = asked_checkpoint(call.argument)
        loaded = model.facts
        offer = model.wait(model.begin(lambda _, __: catalogue.examine(name, loaded, asks_hub=True)))
        way = offer.way(precision)
        if way is None:
            raise UsageError(f"{short_name(offer.name)} cannot be loaded as {precision}: choose another precision.")
        if not way.device and self.talk.refused != call:
            self.talk.refused = call
            raise UsageError(
                f"{short_name(offer.name)} does not fit: as {way.precision} it takes {size_in_words(way.memory)}, "
                f"{size_in_words(way.short)} more than is free; the same command again tries it all the same."
            )
        self.talk.refused = None
        self.say(f"{short_name(offer.name)} takes about {size_in_words(way.memory)} of memory as {way.precision}.")
        if loaded is not None and not way.fits_beside:
            self.say(f"There is no memory for both: {loaded.short_name} is let go of first.")
        model.change(catalogue.loader(offer.name, way.precision), offer.name, keeps=way.fits_beside)
        self._tell_ready()

    def _tell_ready(self) -> None:
        facts = self.talk.model.facts
        if facts is not None:
            name, runs_on = checkpoint_in_words(facts)
            self.say(f"Ready: {short_line(name)}, {short_line(runs_on.replace(' · ', ', '))}.")

    def _list(self) -> None:
        model, catalogue = self.talk.model, self.talk.catalogue
        model.settle()
        loaded = model.facts
        machine, offers = model.wait(model.begin(lambda _, __: (catalogue.machine(), catalogue.offers(loaded))))
        self.say(f"This machine: {machine.replace(' · ', ', ')}.")
        for offer in offers:
            is_loaded = loaded is not None and loaded.is_of_machine(offer.name)
            self.say(", ".join(_parts(offer, offer.way(AUTO), is_loaded=is_loaded)))
        self.say("/checkpoint NAME loads one; 4bit, 8bit, bf16, fp16 or fp32 behind the name is its precision.")


def _parts(offer: Offer, way: Way | None, *, is_loaded: bool) -> Iterator[str]:
    yield short_line(offer.name, 100)
    yield f"{offer.size_in_words} of files"
    if offer.problem:
        yield short_line(offer.problem, 200)
    elif way is not None:
        yield f"{size_in_words(way.memory)} of memory as {way.precision}"
        yield f"fits: {way.fit_in_words}" if way.device else f"does not fit: {way.fit_in_words}"
    elif offer.guess is not None:
        yield f"about {size_in_words(offer.guess.memory)} of memory as {offer.guess.precision}"
        yield f"fits: {offer.guess.fit_in_words}"
    else:
        yield "memory not known yet"
    yield "loaded" if is_loaded else str(offer.place)
