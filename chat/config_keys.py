"""The keys of the config file: their names, their kinds, their defaults and what they do in words.

Whatever tells of the keys is made from this table: what is refused, the example file, the README's table.
"""

from dataclasses import dataclass
from typing import Final

from chat.generation import GenerationSettings
from chat.models.request import APIS, DTYPES, IMAGE_DETAILS, QUANTIZATIONS

SETTINGS: Final = tuple(GenerationSettings.__dataclass_fields__)
"""Keys whose values `GenerationSettings` judges."""
REQUEST: Final = ("revision", "dtype", "quantize", "device", "image_detail", "base_url", "api")
"""Keys whose values `CheckpointRequest` judges."""
KEYS_TABLE: Final = "keys"
"""The name of the table that gives actions other keys."""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key that the file may have at its top."""

    name: str
    kind: type[str] | type[int] | type[float] | type[bool]
    words: str
    """What it does, for people."""
    default: str | float | bool | None = None
    """In force where nothing else is; None where there is none."""
    choices: tuple[str, ...] = ()
    """The only texts it may be; empty where any will do."""
    example: str | float | bool | None = None
    """A value to show where there is no default."""
    environment: tuple[str, ...] = ()
    """Variables that win over it, the first one that is set."""

    @property
    def shown_default(self) -> str:
        """The default in words."""
        return "none" if self.default is None else toml_value(self.default)


def toml_value(value: str | float | bool) -> str:
    """A value as a TOML file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A backslash is an escape in one kind of quotes alone; no value has the other kind in it that must be shown.
        return f"'{value}'" if "\\" in value or '"' in value else f'"{value}"'
    return str(value)


_DEFAULTS: Final = GenerationSettings()

KEYS: Final = (
    ConfigKey("checkpoint", str, "what to talk with: `shapes`, a hub name or a folder", "shapes"),
    ConfigKey("revision", str, "branch, tag or commit of a hub checkpoint", example="main"),
    ConfigKey("dtype", str, "of the weights", DTYPES[0], DTYPES),
    ConfigKey("quantize", str, "quantize the weights to save memory", QUANTIZATIONS[0], QUANTIZATIONS),
    ConfigKey("device", str, "`auto`, `cpu`, `cuda`, `cuda:N`, `mps` or `xpu`", "auto"),
    ConfigKey("image_detail", str, "how closely pictures are seen", IMAGE_DETAILS[0], IMAGE_DETAILS),
    ConfigKey("base_url", str, "a server that has the checkpoint", example="http://localhost:8000/v1"),
    ConfigKey("api", str, "what is spoken to that server", APIS[0], APIS),
    ConfigKey("max_new_tokens", int, "the longest reply, in tokens", _DEFAULTS.max_new_tokens),
    ConfigKey("temperature", float, "0 takes the likeliest; above 0, sampled", _DEFAULTS.temperature),
    ConfigKey("top_p", float, "sample from this share of likelihood", _DEFAULTS.top_p),
    ConfigKey("top_k", int, "sample from so many tokens; 0 from all", _DEFAULTS.top_k),
    ConfigKey("num_beams", int, "beams of a beam search; 1 is none", _DEFAULTS.num_beams),
    ConfigKey("repetition_penalty", float, "above 1 repeats less; 1 is none", _DEFAULTS.repetition_penalty),
    ConfigKey("seed", int, "of the sampling; drawn where there is none", example=7),
    ConfigKey("db", str, "the file that keeps the sessions", example="~/talks.db", environment=("IDEFICS_CHAT_DB",)),
    ConfigKey("theme", str, "`ink`, `paper`, or any that `/theme` lists", "ink"),
    ConfigKey(
        "glyphs",
        str,
        "the signs of the UI: `ascii` where a terminal has no others",
        "auto",
        ("auto", "unicode", "ascii"),
        environment=("IDEFICS_CHAT_GLYPHS",),
    ),
    ConfigKey(
        "pictures",
        str,
        "how pictures are drawn: pixels (`kitty`, `sixel`), half blocks, or in words",
        "auto",
        ("auto", "kitty", "sixel", "half", "text"),
        environment=("IDEFICS_CHAT_PICTURES",),
    ),
    ConfigKey("motion", bool, "whether anything moves by itself", True, environment=("TEXTUAL_ANIMATIONS",)),
    ConfigKey("mouse", bool, "whether the program takes the mouse; without it the terminal selects text", True),
    ConfigKey(
        "editor",
        str,
        "the command that `ctrl+g` writes a message with",
        example="nano",
        environment=("VISUAL", "EDITOR"),
    ),
)
"""Every key but those of the table `[keys]`."""
