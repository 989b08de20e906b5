"""Random conversations that hold no control token, and the list the reference recipe makes of them."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from chat.conversation import Conversation, Image, Role, Text, Turn, assistant_turn, user_turn
from chat.images import decode

WORDS = (
    "What colour is the star circle a an in the picture Where? there. two, three; (one) it's e-mail 3.14 Ünïcödé naïve "
    "日本語 Привет 🙂 👩‍👩‍👧 — … < > <b> /s s> _ __ \\n C:\\x #tag @me User: Assistant: 12 007 tab\tbed"
).split(" ")


def benign_text(rng: random.Random) -> str:
    """Words with spaces, line ends and stray spaces around them; never a bare URL, never a control token."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(1, 12))]
    joined = "".join(word + rng.choice((" ", " ", " ", "  ", "\n", "\n\n")) for word in words)
    return rng.choice(("", "", " ", "\n")) + joined.rstrip() + rng.choice(("", "", " ", "\n"))


def benign_conversation(rng: random.Random, images: Sequence[Image]) -> Conversation:
    """One to six turns; pictures before, between and after texts, or none at all; the user speaks last."""
    turns: list[Turn] = []
    for _ in range(rng.randint(0, 3)):
        turns += [_user(rng, images), assistant_turn(benign_text(rng).strip())]
    turns.append(_user(rng, images))
    return Conversation(tuple(turns), benign_text(rng).strip() if rng.random() < 0.15 else "")


def _user(rng: random.Random, images: Sequence[Image]) -> Turn:
    shape = rng.choice(("t", "t", "it", "ti", "iit", "iti", "i", "tit", "ii"))
    return user_turn(*(rng.choice(images) if part == "i" else benign_text(rng) for part in shape))


def reference_list(conversation: Conversation, picture: Callable[[Image], Any] = decode) -> list[Any]:
    """The strings and pictures that the model card's recipe hands to the processor for this conversation."""
    items: list[Any] = []
    text = conversation.system.strip()
    for number, turn in enumerate(conversation.turns):
        line_end = "\n" if number or text else ""
        if turn.role is Role.ASSISTANT:
            text += f"{line_end}Assistant:{' ' if turn.text else ''}{turn.text}<end_of_utterance>"
            continue
        text += f"{line_end}User:"
        for place, part in enumerate(turn.parts):
            if isinstance(part, Text):
                text += (" " if place == 0 else "") + part.text.strip(" ")
            else:
                # Even an empty string between two pictures would make the processor fence each of them apart.
                items += [text, picture(part)] if text else [picture(part)]
                text = ""
        text += "<end_of_utterance>"
    return [*items, text + "\nAssistant:"]
