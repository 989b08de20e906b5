"""The text of a reply from a server that does not end it where the model begins to speak for the user."""

from chat.prompt import USER_MARKER


class UntilMarker:
    """Gives a reply's text as it comes, up to the marker and without the space that parts it from its label."""

    def __init__(self) -> None:
        self._held = ""
        """The beginning of a marker, it may be."""
        self._has_begun = False
        self._lengths: list[int] = []
        self._given = 0
        self.has_marker = False
        """Whether the marker has come; nothing is given any more."""

    def take(self, text: str) -> str:
        """Take a token's text; gives what no later one can take back."""
        if text and not self._has_begun:
            self._has_begun = True
            text = text.removeprefix(" ")
        self._lengths.append(len(text))
        if self.has_marker:
            return ""
        before, marker, _ = (self._held + text).partition(USER_MARKER)
        self.has_marker = bool(marker)
        self._held = "" if marker else _beginning(before)
        return self._give(before.removesuffix(self._held))

    def rest(self) -> str:
        """What was held back, where nothing follows."""
        held, self._held = self._held, ""
        return self._give(held)

    def unspoken(self) -> int:
        """How many tokens at the end have no part in the text that was given."""
        count, rest = 0, sum(self._lengths) - self._given
        for length in reversed(self._lengths):
            if rest <= 0 or length > rest:
                break
            count, rest = count + 1, rest - length
        return count

    def _give(self, text: str) -> str:
        self._given += len(text)
        return text


def _beginning(text: str) -> str:
    """The longest end of a text that the marker begins with."""
    lengths = range(min(len(USER_MARKER) - 1, len(text)), 0, -1)
    return next((USER_MARKER[:length] for length in lengths if text.endswith(USER_MARKER[:length])), "")
