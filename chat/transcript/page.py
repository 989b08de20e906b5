"""What every HTML page begins and ends with: it shows what is in it alone, and nothing in it runs."""

from html import escape
from importlib.resources import files
from typing import Final

from chat.safe_text import printable

END: Final = "</main>\n</body>\n</html>\n"

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser is told to hold to, whatever else might be in the page."""


def head(title: str, more_style: str = "") -> str:
    """The beginning of a page, up to its content.

    Args:
        title: In one line.
        more_style: Rules that are for this page alone.
    """
    style = files("chat.transcript").joinpath("page.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(printable(title, multiline=False))}</title>\n"
        f"<style>\n{style}{more_style}</style>\n</head>\n<body>\n<main>\n"
    )
