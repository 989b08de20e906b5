"""A message's text with marks where its pictures stand."""

from textual.content import Content

from chat.conversation import Text, Turn
from chat.safe_text import printable
from chat.talk.wording import shown_part


def text_with_marks(turn: Turn, first_number: int) -> Content | None:
    """The turn's text; pictures that do not stand before all of it leave their marks where they stand."""
    number = first_number
    parts: list[str | tuple[str, str]] = []
    for part in turn.parts:
        if isinstance(part, Text):
            parts.append(shown_part(printable(part.text)))
        else:
            if parts:
                parts.append((f"[{number}]", "bold $text-accent"))
            number += 1
    return Content.assemble(*parts) if any(isinstance(part, str) for part in parts) else None
