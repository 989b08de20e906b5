"""The prompt in lines of a pane, however narrow."""

import pytest

from chat.conversation import Conversation, user_turn
from chat.prompt import serialize
from chat.scripted import ScriptedGenerator
from chat.tui.prompt_lines import Manner, prompt_lines


@pytest.mark.parametrize("width", range(-1, 12))
@pytest.mark.parametrize("text", ["漢字漢字", "a漢b字c", "👩‍👧 family", "\u0301\u0301", "word " * 5])
def test_a_pane_of_any_width_shows_every_character(width: int, text: str) -> None:
    generator = ScriptedGenerator([])
    shown = generator.describe(serialize(Conversation((user_turn(text),)), generator.dialect))
    lines = prompt_lines(shown, (), Manner(width=width))
    told = "".join(piece for line in lines for piece, _ in line)
    assert set(text) - {" "} <= set(told)
