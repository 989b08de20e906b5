"""What a line is: a command, pictures to attach, or a message, which pictures may begin."""

from pathlib import Path

from chat.attachments import dropped_paths, leading_pictures, missing_picture
from chat.drafts import Draft
from chat.errors import ImageError
from chat.images import open_image
from chat.plain.talk import Talk
from chat.safe_text import short_line
from chat.talk.commands import parse


def take_line(talk: Talk, text: str) -> None:
    """Do what a command says, attach the pictures that a line names, or send it.

    Raises:
        ChatError: It could not be done; nothing of the line was done then, or it is kept.
    """
    from chat.plain.commands import run_command

    call = parse(text)
    if call is not None:
        run_command(talk, call)
    elif text.strip():
        take_message(talk, text)


def take_message(talk: Talk, text: str) -> None:
    """Attach the pictures that a message names, and send what else it says, if anything."""
    if parse(text) is not None:
        take_line(talk, text)
        return
    paths, rest = named_pictures(text)
    if paths:
        talk.attach([open_image(path) for path in paths])
    if rest.strip():
        talk.send(Draft(rest, talk.take_images()))
    elif not paths:
        talk.send(Draft("", talk.take_images()))


def named_pictures(text: str) -> tuple[list[Path], str]:
    """The pictures that a message is or begins with, and the text behind them.

    Raises:
        ImageError: It names a picture that is not there.
    """
    # A space in front says that it is meant as a text.
    if text.startswith(" "):
        return [], text
    paths, rest = (dropped_paths(text) if "\n" not in text.strip() else []), ""
    if not paths:
        paths, rest = leading_pictures(text)
    if missing := missing_picture(rest):
        raise ImageError(
            f"{short_line(str(missing), 60)}: there is no such file; a space in front of the line sends it as text."
        )
    return paths, rest
