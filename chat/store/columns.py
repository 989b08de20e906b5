"""Values as the tables hold them, and back; those of replies are in `chat.store.generations`."""

from datetime import UTC, datetime
from math import isfinite

from chat.safe_text import short_line

Column = str | bytes | int | float | None


def now() -> str:
    """The time as the tables hold it: in UTC, all of one length, so that sorting the text sorts the times."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_text(text: str) -> str | bytes:
    """A text for a column: as bytes where it holds lone surrogates, which SQLite's UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def text_from(column: object) -> str:
    """The text that `to_text` was given; raises TypeError or ValueError where the column holds none."""
    if isinstance(column, str):
        return column
    if isinstance(column, bytes):
        return column.decode("utf-8", "surrogatepass")
    raise TypeError(f"{_shown(column)} is no text")


def legible(column: object) -> str:
    """What can be read of a text, for places in which a column that holds none keeps nobody from the others."""
    try:
        return text_from(column)
    except TypeError:
        return ""
    except UnicodeDecodeError:
        return str(column, "utf-8", "replace") if isinstance(column, bytes) else ""


def whole_from(column: object) -> int:
    """The whole number of a column; raises TypeError where it holds none."""
    if isinstance(column, int):
        return column
    raise TypeError(f"{_shown(column)} is no whole number")


def number_from(column: object) -> float:
    """The number of a column; raises TypeError or ValueError where it holds none, or one without an end."""
    if not isinstance(column, float | int):
        raise TypeError(f"{_shown(column)} is no number")
    if not isfinite(column):
        raise ValueError(f"{column} is no number that a file can hold")
    return column


def time_from(column: object) -> str:
    """The time of a column, as it is written there, or empty; raises TypeError or ValueError where it holds none."""
    if not isinstance(column, str):
        raise TypeError(f"{_shown(column)} is no time")
    if column:
        try:
            datetime.fromisoformat(column)
        except ValueError as error:
            raise ValueError(f"{_shown(column)} is no time") from error
    return column


def _shown(column: object) -> str:
    """What a column holds, to stand in a line."""
    return "what is missing" if column is None else short_line(str(column), 40)
