"""Asks in a conversation which of several labels fits; the labels are then ranked as the reply to it."""

from collections.abc import Sequence
from typing import Final

from chat.conversation import Conversation, Image, Role, assistant_turn, user_turn
from chat.tasks.prompts import classification_instruction

_ENDING: Final = "Category: \n\n"
"""The guide's last word and a blank line, without which the bundled checkpoint answers in a sentence where it did so
before, and a bare label is as unlikely as any other."""


def choice_conversation(conversation: Conversation, images: Sequence[Image], labels: Sequence[str]) -> Conversation:
    """A conversation with one user's turn more, which asks to choose among labels as IDEFICS's guide does.

    The picture that it is about stands in that turn, also where it was shown before.

    Args:
        conversation: All that was said. A message without a reply gets an empty one, so that roles alternate.
        images: New pictures to choose for; without any it is the conversation's newest, as far as there is one.
        labels: To choose among.
    """
    if conversation.turns and conversation.turns[-1].role is Role.USER:
        conversation = conversation.with_turn(assistant_turn(""))
    seen = tuple(images) or conversation.images[-1:]
    instruction = classification_instruction(labels)
    if not seen:
        return conversation.with_turn(user_turn(instruction + _ENDING))
    return conversation.with_turn(user_turn(instruction, *seen, _ENDING))
