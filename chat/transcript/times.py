"""Times as documents and tables hold them."""

from datetime import UTC, datetime

from chat.errors import TranscriptError


def as_utc(moment: str, key: str = "created_at") -> str:
    """A time in UTC, in the one form by which texts of times sort like the times; an empty text stays one.

    Args:
        moment: As ISO 8601 writes it; in UTC where it does not say.
        key: What it is called, for the error.

    Raises:
        TranscriptError: It is no time.
    """
    if not moment:
        return ""
    try:
        read = datetime.fromisoformat(moment)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError) as error:
        raise TranscriptError(f"{key} is not a time as ISO 8601 writes it") from error
