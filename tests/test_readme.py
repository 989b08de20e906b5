"""The README: its pictures are those that the tests keep, and its table of settings has every key."""

import re
from pathlib import Path
from urllib.parse import unquote

from chat.config_keys import KEYS
from chat.talk.commands import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_picture_is_one_that_a_test_keeps() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) > 3
    for picture in pictures:
        assert "__snapshots__" in picture
        assert (ROOT / unquote(picture)).is_file()


def test_the_table_of_settings_has_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", README, re.MULTILINE))
    for key in KEYS:
        default = rows[key.name].strip("`")
        assert default == _shown(key.default), key.name


def _shown(default: object) -> str:
    if default is None:
        return "–"
    return f'"{default}"' if isinstance(default, str) else str(default).lower()


def test_every_command_that_it_names_is_there() -> None:
    known = {command.name for command in COMMANDS} | {"describe", "send", "forget"}
    named = set(re.findall(r"`/([a-z]+)(?: [^`]*)?`", README))
    assert named <= known
