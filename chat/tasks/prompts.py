"""What the guide of IDEFICS writes for every task, as prompts.

IDEFICS goes on from the guide's strings and pictures as they are. Its successors, whose prompts are those of a chat
template, get the same words as a message. Pure: opens no file, knows no model.
"""

from collections.abc import Sequence
from typing import Final

from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.errors import InputError
from chat.prompt import Dialect, Prompt, continuation, serialize
from chat.requests import CAPTION_REQUEST
from chat.tasks.recipes import Recipe

_LABELS: Final = ("User:", "Assistant:")
_ANSWER_INSTRUCTION: Final = "Instruction: Provide an answer to the question. Use the image to answer.\n"
_STORY_INSTRUCTION: Final = "Instruction: Use the image to write a story. \n"

WORKED_EXAMPLES: Final = (
    ("What is the man holding?", "an umbrella"),
    ("What colour is the bus?", "red"),
)
"""Questions with short answers, whose pictures nobody sees: they show how long an answer is to be."""


def caption_prompt(image: Image, dialect: Dialect, *, prefix: str = "", raw: bool = False) -> Prompt:
    """Asks for a caption.

    Args:
        image: What it is of.
        dialect: Of the checkpoint; one that closes its turns is asked in words.
        prefix: What the caption begins with. The model goes on from the picture and this.
        raw: Let the model go on from the picture, also where it could be asked.
    """
    if raw or prefix or not dialect.closes_turns:
        return continuation([image, prefix], dialect)
    return _message(dialect, image, CAPTION_REQUEST)


def question_prompt(
    question: str, image: Image, dialect: Dialect, *, raw: bool = False, priming: bool = False
) -> Prompt:
    """Asks a question about a picture.

    Args:
        question: In words.
        image: What it is about.
        dialect: Of the checkpoint; one that closes its turns is asked in one.
        raw: Write the guide's instruction, also where a turn could be asked.
        priming: Show two questions with their answers, without pictures, before it.
    """
    examples = WORKED_EXAMPLES if priming else ()
    if raw or not dialect.closes_turns:
        shown = "".join(f"Question: {asked} Answer: {answer}\n" for asked, answer in examples)
        return continuation([_ANSWER_INSTRUCTION + shown, image, f"Question: {question} Answer:"], dialect)
    turns = [turn for asked, answer in examples for turn in (user_turn(asked), assistant_turn(answer))]
    return serialize(Conversation((*turns, user_turn(image, question))), dialect)


def classification_prompt(labels: Sequence[str], image: Image, dialect: Dialect) -> Prompt:
    """Asks which of several labels a picture has."""
    return _instructed(dialect, [classification_instruction(labels), image], "Category: ")


def classification_instruction(labels: Sequence[str]) -> str:
    """What stands before the picture that is to get one of the labels."""
    names = [str(label) for label in labels]
    return f"Instruction: Classify the following image into a single category from the following list: {names}.\n"


def story_prompt(images: Sequence[Image], dialect: Dialect) -> Prompt:
    """Asks for a story about pictures."""
    return _instructed(dialect, [_STORY_INSTRUCTION, *images], "Story: \n")


def few_shot_prompt(recipe: Recipe, image: Image, dialect: Dialect, *, turns: bool | None = None) -> Prompt:
    """Asks of a picture what examples show.

    Args:
        recipe: The examples, and what is asked.
        image: The new picture.
        dialect: Of the checkpoint.
        turns: Close every turn as in a conversation; left to the dialect when None. IDEFICS follows examples better
            as the guide writes them, in lines.

    Raises:
        InputError: In lines, a text or an answer would look like turns of its own.
    """
    if dialect.system_is_turn if turns is None else turns:
        said: list[Turn] = []
        for example in recipe.examples:
            said += [user_turn(*example.images, *_unless_blank(example.text)), assistant_turn(example.answer)]
        said.append(user_turn(image, *_unless_blank(recipe.text)))
        return serialize(Conversation(tuple(said)), dialect)
    _check_lines(recipe)
    parts: list[Image | str] = []
    for example in recipe.examples:
        parts += _line(example.images, f"{example.text}\nAssistant: {example.answer}\n")
    return continuation([*parts, *_line((image,), f"{recipe.text}\nAssistant:")], dialect)


def _check_lines(recipe: Recipe) -> None:
    """Refuse what the guide's lines cannot tell from a turn, since nothing closes one there."""
    texts = [("the text", recipe.text)]
    for number, example in enumerate(recipe.examples, start=1):
        texts += [(f"the text of example {number}", example.text), (f"the answer of example {number}", example.answer)]
    for name, text in texts:
        for label in _LABELS:
            if f"\n{label}" in text:
                words = f"{name} has a line that begins with {label}, which would be a turn of its own"
                raise InputError(f"{words}: reword it, or give --turns")


def _message(dialect: Dialect, *parts: Image | str) -> Prompt:
    return serialize(Conversation((user_turn(*parts),)), dialect)


def _instructed(dialect: Dialect, parts: Sequence[Image | str], ending: str) -> Prompt:
    """The guide's words, in a message where every prompt of the family is a chat template's."""
    if dialect.system_is_turn:
        return _message(dialect, *parts, ending.strip())
    return continuation([*parts, ending], dialect)


def _line(images: Sequence[Image], text: str) -> list[Image | str]:
    """A user's line and the reply to it; a space parts the label from a text, but from no picture."""
    return ["User:", *images, text] if images else [f"User: {text}"]


def _unless_blank(text: str) -> list[str]:
    return [text] if text.strip() else []
