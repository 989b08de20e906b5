"""The bytes of a document."""


def encoded(document: str) -> bytes:
    """The bytes of a text in JSON, whatever it holds."""
    try:
        return document.encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs: two that fit are one character, and one alone is written as JSON's escape for it.
        joined = document.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return joined.encode("utf-8", "backslashreplace")
