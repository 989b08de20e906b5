"""Generated ids as text, piece by piece, such that the pieces joined are exactly the text of all ids together."""

from chat.models.tokens import PromptEncoder
from chat.prompt import USER_MARKER


class ReplyText:
    """The text of a reply as its tokens arrive.

    What later tokens could still change is held back: bytes that may be part of a character, and the beginning of the
    marker that means the model speaks for the user.
    """

    def __init__(self, encoder: PromptEncoder) -> None:
        self._decode = encoder.decode
        self._is_byte = encoder.is_byte
        self._ids: list[int] = []
        self._settled = 0
        self._given = 0
        self.text = ""
        """The text given so far."""
        self.has_turn_marker = False
        """Whether the model began to speak for the user; the text ends before that."""

    def add(self, token_id: int) -> str:
        """Take a token; gives the new text that nothing can change any more."""
        self._ids.append(token_id)
        if not self._is_byte(token_id):
            self._settled = len(self._ids)
        decoded = self._decode(self._ids)
        marker = decoded.find(USER_MARKER)
        if marker >= 0:
            self.has_turn_marker = True
            return self._give(decoded[:marker])
        if self._settled < len(self._ids):
            decoded = self._decode(self._ids[: self._settled])
        return self._give(decoded[: len(decoded) - _held_back(decoded)])

    def finish(self) -> str:
        """The rest of the text, now that no token follows."""
        return "" if self.has_turn_marker else self._give(self._decode(self._ids))

    def spoken(self, tokens: int) -> int:
        """How many of the tokens belong to the text; those of the user's marker do not."""
        if self.has_turn_marker:
            tokens = len(self._ids)
            while tokens and len(self._decode(self._ids[:tokens])) > len(self.text):
                tokens -= 1
        return tokens

    def _give(self, text: str) -> str:
        """The part of the text that was not given before."""
        piece = text[self._given :]
        self._given = max(self._given, len(text))
        self.text += piece
        return piece


def _held_back(text: str) -> int:
    """How many characters at the end may still change: an unfinished one, or the beginning of the user's marker."""
    unfinished = len(text) - len(text.rstrip("\ufffd"))
    if unfinished:
        return unfinished
    for length in range(min(len(USER_MARKER) - 1, len(text)), 0, -1):
        if USER_MARKER.startswith(text[-length:]):
            return length
    return 0
