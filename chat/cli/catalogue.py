"""What can be chosen to talk with: the bundled checkpoint, those on this machine, and well-known ones of the hub."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chat.checkpoints import BUNDLED, request
from chat.cli.compose import apart_loader
from chat.errors import ChatError, CheckpointError
from chat.generation import CheckpointFacts
from chat.loading import Loader
from chat.models.request import CheckpointRequest
from chat.safe_text import short_line
from chat.talk.checkpoint_words import loading_options
from chat.talk.offers import AUTO, DTYPES, NOTHING_SAID, QUANTIZED, Offer, Place, Way, guess
from chat.talk.wording import size_in_words

if TYPE_CHECKING:
    from chat.models.headers import TensorHeader
    from chat.models.survey import Choice, Device

WELL_KNOWN: Final = (
    ("HuggingFaceTB/SmolVLM-256M-Instruct", 0.5),
    ("HuggingFaceTB/SmolVLM-500M-Instruct", 1.0),
    ("HuggingFaceTB/SmolVLM-Instruct", 4.5),
    ("HuggingFaceTB/SmolVLM2-2.2B-Instruct", 0),
    ("HuggingFaceM4/idefics2-8b", 16),
    ("HuggingFaceM4/Idefics3-8B-Llama3", 17),
    ("HuggingFaceM4/idefics-9b-instruct", 18),
    ("HuggingFaceM4/idefics-80b-instruct", 160),
)
"""Instruct checkpoints of the hub with the GB to fetch, as their cards and documents tell; 0 where they do not."""

_SHORT: Final = {dtype: short for short, dtype in DTYPES.items()}


class MachineCatalogue:
    """A `Catalogue` of this machine."""

    def __init__(self, **options: Any) -> None:
        """Know no checkpoint yet.

        Args:
            options: `device` and `image_detail`, as every checkpoint is to be loaded with.
        """
        self._options = options

    def machine(self) -> str:
        """See `Catalogue.machine`."""
        *accelerators, main = self._devices
        found = [f"{device.name} {size_in_words(device.free)} free" for device in accelerators]
        processors = main.words.rpartition(", ")[2]
        return " · ".join([processors, f"{size_in_words(main.free)} free", *(found or ["no accelerator"])])

    def offers(self, loaded: CheckpointFacts | None) -> Sequence[Offer]:
        """See `Catalogue.offers`."""
        from chat.models.hub import cached_names

        # What is free may be another amount by now.
        self.__dict__.pop("_found", None)
        here = list(dict.fromkeys([BUNDLED, *_of_this_machine(loaded), *cached_names()]))
        known = [self._well_known(name, int(size * 1e9)) for name, size in WELL_KNOWN if name not in here]
        return [*(self._examined_or_problem(name, loaded) for name in here), *known]

    def examine(
        self,
        name: str,
        loaded: CheckpointFacts | None,
        *,
        asks_hub: bool,
        options: Mapping[str, str] = NOTHING_SAID,
    ) -> Offer:
        """See `Catalogue.examine`."""
        from chat.models.survey import choices, recommended

        asked = request(name, **loading_options(options, self._options))
        config, tensors, place = _described(asked, asks_hub=asks_hub)
        now = _usable(self._found, asked.device)
        then = _with_room(now, loaded)
        found = choices(config, tensors, then, name=name)
        best = recommended(found)
        beside = {_precision(choice): choice for choice in choices(config, tensors, now, name=name)}
        ways = tuple(self._way(choice, _is_whole(beside[_precision(choice)]), then) for choice in found)
        size = sum(tensor.bytes for tensor in tensors.values())
        return Offer(name, place, size, ways=ways, best=_precision(best) if best else "")

    def recorded_loader(self, recorded: CheckpointFacts, *, is_of_file: bool) -> Loader:
        """See `Catalogue.recorded_loader`."""
        from chat.cli.replay_wishes import NotAskedForError, as_recorded

        try:
            return apart_loader(as_recorded(recorded, is_of_file=is_of_file))
        except NotAskedForError as error:
            raise CheckpointError(f"{error}: /checkpoint {short_line(recorded.name, 60)} does") from error

    def loader(self, name: str, precision: str, options: Mapping[str, str] = NOTHING_SAID) -> Loader:
        """See `Catalogue.loader`."""
        how = {"quantize": precision} if precision in QUANTIZED else {"dtype": DTYPES.get(precision, AUTO)}
        return apart_loader(request(name, **loading_options(options, {**how, **self._options})))

    @functools.cached_property
    def _found(self) -> "list[Device]":
        """Everything that this machine can compute on, and main memory last."""
        from chat.apart.devices import devices_apart

        return devices_apart()

    @property
    def _devices(self) -> "list[Device]":
        """Those that may be computed on where nothing else is said."""
        return _usable(self._found, self._options.get("device", AUTO))

    def _well_known(self, name: str, size: int) -> Offer:
        """A checkpoint of the hub of which no more than its size is known, if that."""
        best = max(self._devices, key=lambda device: (device.name != "cpu", device.free))
        likely = guess(size, best.free, is_accelerated=best.name != "cpu") if size else None
        return Offer(name, Place.REMOTE, size, is_about=True, guess=likely)

    def _examined_or_problem(self, name: str, loaded: CheckpointFacts | None) -> Offer:
        try:
            return self.examine(name, loaded, asks_hub=False)
        except ChatError as error:
            return Offer(name, Place.FOLDER if Path(name).is_dir() else Place.CACHED, problem=str(error))

    def _way(self, choice: "Choice", is_whole_beside: bool, then: "Sequence[Device]") -> Way:
        need = choice.need
        most = max(device.free for device in then)
        return Way(
            precision=_precision(choice),
            weights=need.weights,
            state=need.state,
            pictures=need.pictures,
            working=need.working,
            tokens=need.tokens,
            device=choice.device,
            room=choice.tokens,
            is_spread=choice.is_spread,
            short=max(0, need.total - most),
            fits_beside=is_whole_beside,
        )


def _usable(found: "list[Device]", wanted: str) -> "list[Device]":
    """The devices that may be computed on, and main memory: all, or the one that is named."""
    named = [device for device in found if device.name in (wanted, f"{wanted}:0", "cpu")]
    return found if wanted == AUTO else named


def _described(asked: CheckpointRequest, *, asks_hub: bool) -> "tuple[dict[str, Any], dict[str, TensorHeader], Place]":
    """A checkpoint's config and the headers of its weights, and where it is."""
    from chat.models.hub import described, is_cached

    place = Place.BUNDLED if asked.is_demonstration else Place.REMOTE
    if place is Place.REMOTE:
        place = Place.CACHED if is_cached(asked) else Place.REMOTE
    config, tensors, commit = described(asked, asks_hub=asks_hub)
    return config, tensors, Place.FOLDER if place is Place.REMOTE and commit is None else place


def _of_this_machine(loaded: CheckpointFacts | None) -> list[str]:
    """The name of what is loaded, unless a server has it."""
    return [loaded.name] if loaded and not loaded.is_remote else []


def _precision(choice: "Choice") -> str:
    return choice.quantize if choice.quantize != "none" else _SHORT[choice.dtype]


def _is_whole(choice: "Choice") -> bool:
    """Whether it fits as it is, with all of its weights where they are computed with."""
    return bool(choice.device) and not choice.is_spread


def _with_room(now: "Sequence[Device]", loaded: CheckpointFacts | None) -> "list[Device]":
    """The devices as they are once what is loaded is let go of."""
    from chat.models.estimate import estimate

    if loaded is None:
        return list(now)
    try:
        config, tensors, _ = _described(request(loaded.name), asks_hub=False)
    except ChatError:
        # Its files are gone since: nobody can tell any more what it takes.
        return list(now)
    taken = estimate(config, tensors, dtype=loaded.dtype, quantize=loaded.quantization).weights
    return [replace(device, free=device.free + taken * (device.name == loaded.device)) for device in now]
