"""Generated ids as text, piece by piece, such that the pieces joined are exactly the text of all ids together.

Only the tokens whose text is not settled yet are decoded when one arrives, behind those just before them: a decoder
changes the beginning of what it is given, and joins bytes of neighbouring tokens to characters.
"""

from collections.abc import Sequence
from typing import Final

from chat.models.tokens import PromptEncoder
from chat.prompt import USER_MARKER, Prompt, Said, whole_characters

_LONGEST_CHARACTER: Final = 4
"""Bytes of UTF-8, and so the most tokens that one character is made of."""


class SettlingText:
    """The text of tokens as they arrive, given as soon as no later token can change it."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self._encoder = encoder
        self._context: list[int] = []
        self._context_length = 0
        self._open: list[int] = []

    def take(self, token_id: int) -> str:
        """Take a token that is text; gives the text that is settled by it."""
        self._open.append(token_id)
        if not self._is_settled():
            return ""
        text = self.open_text
        self._settle()
        return text

    @property
    def open_text(self) -> str:
        """The text of the tokens that are not settled yet."""
        return self._encoder.decode(self._context + self._open)[self._context_length :]

    def _is_settled(self) -> bool:
        """Whether no later token can change the text of those so far."""
        if self._encoder.is_byte(self._open[-1]):
            return False
        return not self._encoder.decode(self._open[-_LONGEST_CHARACTER:]).endswith("\ufffd")

    def _settle(self) -> None:
        """Keep, of the tokens so far, those that the following ones are decoded behind.

        One is enough, or two where the text of one is the space that a decoder takes off the beginning: with a text
        before them, the following ones lose nothing of their own.
        """
        settled = self._context + self._open
        self._context = settled[-1:] if self._encoder.decode(settled[-1:]) else settled[-2:]
        self._context_length = len(self._encoder.decode(self._context))
        self._open = []


def token_texts(encoder: PromptEncoder, token_ids: Sequence[int]) -> list[str]:
    """The text of each of a reply's tokens: joined, `decode` of all of them.

    A character that is made of several tokens is the last one's. Tokens that decoding leaves out have no text.
    """
    settling = SettlingText(encoder)
    texts = ["" if encoder.is_hidden(token_id) else settling.take(token_id) for token_id in token_ids]
    if texts:
        texts[-1] += settling.open_text
    return texts


def begun_ids(encoder: PromptEncoder, prompt: Prompt) -> tuple[int, ...]:
    """The ids of the reply that a prompt ends in the middle of, as they stand there; else none."""
    last = prompt.segments[-1]
    if not isinstance(last, Said):
        return ()
    return last.token_ids if encoder.says(last.token_ids, last.text) else encoder.reply_ids(last.text)


class ReplyText(SettlingText):
    """The text of a reply as its tokens arrive.

    What later tokens could still change is held back: bytes that may be part of a character, and the beginning of the
    marker that means the model speaks for the user.
    """

    def __init__(self, encoder: PromptEncoder, begun: Sequence[int] = ()) -> None:
        """Begin.

        Args:
            encoder: Decodes.
            begun: Ids that the reply begins with; the pieces are what follows their text.
        """
        super().__init__(encoder)
        self._ids: list[int] = list(begun)
        self._begun = len(begun)
        self._text = whole_characters(encoder.decode(begun)) if begun else ""
        self._begun_length = len(self._text)
        self._marker_beginning = _marker_beginning(self._text)
        self._given = len(self._marker_beginning)
        """How many characters of the marker's beginning belong to the text given so far."""
        self.has_turn_marker = False
        """Whether the model began to speak for the user; the text ends before that."""
        if begun:
            self._go_on_from(list(begun))

    def _go_on_from(self, begun: list[int]) -> None:
        """Take ids whose text is given; those at the end that are part of a character are open still."""
        whole = len(begun)
        while whole and self._encoder.decode(begun[:whole]) != self._text:
            whole -= 1
        settled = whole
        while settled and self._encoder.is_byte(begun[settled - 1]):
            settled -= 1
        self._open = begun[:settled]
        self._settle()
        # Bytes next to each other are decoded as one: alone, the last of them would be no character.
        self._context += begun[settled:whole]
        self._context_length = len(self._encoder.decode(self._context))
        self._open = begun[whole:]

    @property
    def text(self) -> str:
        """The text given so far."""
        return self._text[self._begun_length :]

    def add(self, token_id: int) -> str:
        """Take a token; gives the new text that nothing can change any more."""
        self._ids.append(token_id)
        # Decoding leaves a hidden token out, so that bytes before it and behind it are neighbours.
        if self.has_turn_marker or self._encoder.is_hidden(token_id):
            return ""
        self._open.append(token_id)
        is_settled = self._is_settled()
        if not is_settled and USER_MARKER[-1] not in self._encoder.decode([token_id]):
            return ""
        text = self._marker_beginning + self.open_text
        before_marker, marker, _ = text.partition(USER_MARKER)
        if marker:
            self.has_turn_marker = True
            return self._give(before_marker[self._given :])
        if not is_settled:
            return ""
        self._settle()
        self._marker_beginning = _marker_beginning(text)
        certain = text.removesuffix(self._marker_beginning)
        given, self._given = self._given, max(0, self._given - len(certain))
        return self._give(certain[given:])

    def finish(self) -> str:
        """The rest of the text, now that no token follows."""
        return "" if self.has_turn_marker else self._give(self._encoder.decode(self._ids)[len(self._text) :])

    def spoken(self, tokens: int) -> int:
        """How many of the tokens that were added belong to the text; those of the user's marker do not."""
        if self.has_turn_marker:
            known = len(self._ids)
            while known > self._begun and len(self._encoder.decode(self._ids[:known])) > len(self._text):
                known -= 1
            return known - self._begun
        return tokens

    def _give(self, piece: str) -> str:
        self._text += piece
        return piece


def _marker_beginning(text: str) -> str:
    """What stands at the end of the text and may become the user's marker."""
    beginnings = (USER_MARKER[:length] for length in range(len(USER_MARKER) - 1, 0, -1))
    return next((beginning for beginning in beginnings if text.endswith(beginning)), "")
