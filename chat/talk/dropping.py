"""The command that hides something from the model: what it takes, what it does, and what is said of it."""

import re

from chat.errors import UsageError
from chat.talk.said import SaidSession
from chat.talk.shown import left_out_pictures
from chat.talk.wording import left_out_in_words


def drop(session: SaidSession, argument: str) -> None:
    """Leave more of the oldest messages, or a picture, out of what the model sees; or nothing any more, for 0.

    Raises:
        UsageError: The argument is none of these, or there is no such picture; nothing has changed.
    """
    if picture := re.fullmatch(r"\[([0-9]{1,9})\]", argument):
        _drop_picture(session, int(picture[1]))
    elif not re.fullmatch("[0-9]{0,9}", argument):
        raise UsageError(
            "/drop takes the number of messages: /drop 2, or a picture: /drop [1]; "
            "/drop 0 shows the model everything again."
        )
    elif argument and not int(argument):
        session.show_all()
    else:
        session.leave_out(int(argument or 1))


def _drop_picture(session: SaidSession, number: int) -> None:
    for shown in session.shown_pictures():
        if shown.number == number:
            session.leave_picture_out(shown.turn_id, shown.place)
            return
    raise UsageError(f"The model sees no picture [{number}]: /drop takes the number of one that it sees.")


def dropped_in_words(session: SaidSession) -> str:
    """What the model does not see."""
    pictures = left_out_pictures(session.turns, session.not_shown)
    words = left_out_in_words(session.left_out, pictures)
    if not words:
        return "The model sees everything that was said."
    return f"The model does not see {words}; the session keeps all. /drop 0 shows the model everything again."
