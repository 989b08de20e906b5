"""A checkpoint as somebody asks for one among several: its name, and after commas how that one alone is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from chat.errors import UsageError
from chat.safe_text import short_line
from chat.talk.offers import AUTO, DTYPES, PRECISIONS, QUANTIZED, Offer, Way
from chat.talk.wording import short_name

OPTIONS: Final = ("revision", "dtype", "quantize", "device", "image-detail", "base-url", "api")
"""What may stand after the name."""
_OF_SERVERS: Final = ("base_url", "api")
_TO_SERVERS: Final = (*_OF_SERVERS, "image_detail")
"""What means something to a server, which has loaded its own."""
_LONGEST_LABEL: Final = 80
_PRECISIONS: Final = {dtype: precision for precision, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class AskedCheckpoint:
    """A checkpoint that is asked for."""

    label: str
    """What it is called: what was typed."""
    name: str
    options: Mapping[str, str]
    """What it alone is loaded with, by the names of `CheckpointRequest`."""

    @classmethod
    def chosen(cls, name: str, precision: str) -> "AskedCheckpoint":
        """One that was chosen from those that there are."""
        if precision == AUTO:
            return cls(name, name, {})
        return cls(f"{name} {precision}", name, _as_options(precision))

    @property
    def is_on_server(self) -> bool:
        """Whether a server has it."""
        return bool(self.options.get("base_url"))

    @property
    def short(self) -> str:
        """What to call it in few words."""
        if self.is_on_server:
            return short_name(self.name) or urlsplit(self.options["base_url"]).netloc
        return short_name(self.name) + self.label.removeprefix(self.name)

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that it may be loaded in, by what was said of it."""
        quantize, dtype = self.options.get("quantize", ""), self.options.get("dtype", AUTO)
        if quantize in QUANTIZED:
            return (quantize,)
        if dtype in _PRECISIONS:
            return (_PRECISIONS[dtype],)
        return tuple(one for one in PRECISIONS[1:] if not quantize or one not in QUANTIZED)

    def way(self, offer: Offer) -> Way | None:
        """The best way to load it as it is asked for; where none fits, the one that takes least; None for no way."""
        if offer.best in self.precisions:
            return offer.way(offer.best)
        ways = [way for way in offer.ways if way.precision in self.precisions]
        return min(ways, key=lambda way: (not way.device, way.memory), default=None)


def asked_in_words(words: str, *, option: str, base_url: str = "", takes_precision: bool = False) -> AskedCheckpoint:
    """The checkpoint that somebody typed: `NAME`, or `NAME,quantize=8bit`.

    Args:
        words: What was typed.
        option: What it was typed behind, for what is said of a mistake.
        base_url: The server of all that name none.
        takes_precision: Whether a name may have a precision behind a space: `NAME 8bit`.

    Raises:
        UsageError: An option is unknown, or means nothing to such a checkpoint.
    """
    where = f"{option} {short_line(words, 60)}"
    name, own = _parsed(words, where)
    before, _, last = name.rpartition(" ")
    if takes_precision and before and last in PRECISIONS:
        if own.keys() & {"dtype", "quantize"}:
            raise UsageError(f"{where}: its precision is said twice: leave {last} out")
        name, own = before.strip(), {**own, **_as_options(last)}
    _check(own, where, is_on_server=bool(own.get("base_url", base_url)))
    return AskedCheckpoint(short_line(words, _LONGEST_LABEL), name, own)


def loading_options(own: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint is loaded with, as far as it means something to it.

    Args:
        own: What was said of it alone.
        common: What holds for all that do not say otherwise.
    """
    chosen = {**common, **own}
    is_on_server = bool(chosen.get("base_url"))
    return {
        name: value
        for name, value in chosen.items()
        if (name in _TO_SERVERS if is_on_server else name not in _OF_SERVERS)
    }


def _check(own: Mapping[str, str], where: str, *, is_on_server: bool) -> None:
    if not is_on_server and "api" in own:
        raise UsageError(f"{where}: api says what is spoken to a server: give base-url")
    for name in own if is_on_server else ():
        if name not in _TO_SERVERS:
            raise UsageError(f"{where}: {name} is for checkpoints of this machine: leave it out, the server decides")


def _parsed(words: str, where: str) -> tuple[str, dict[str, str]]:
    """A checkpoint's name, which may have commas of its own, and its options."""
    name, *rest = words.split(",")
    own: dict[str, str] = {}
    for part in rest:
        option, equals, value = part.partition("=")
        if not equals and not own:
            name += f",{part}"
        elif option.strip() not in OPTIONS or not equals:
            raise UsageError(
                f"{where}: {short_line(part, 40)!r} is no option: "
                f"after the name come {', '.join(OPTIONS)}, each as option=value"
            )
        elif (known := option.strip().replace("-", "_")) in own:
            raise UsageError(f"{where}: {option.strip()} is said twice: leave one out")
        else:
            own[known] = value.strip()
    return name, own


def _as_options(precision: str) -> dict[str, str]:
    """A precision as what says how to load."""
    if precision in QUANTIZED:
        return {"quantize": precision}
    return {"dtype": DTYPES[precision]} if precision in DTYPES else {}
