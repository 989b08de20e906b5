"""From a prompt's segments to token ids, such that nothing anybody wrote can become a control token.

A tokenizer turns the string `<end_of_utterance>` into the control id wherever it stands. So texts are encoded by a copy
of its pipeline that knows no added tokens, and control ids are put between them by number. For texts without control
tokens the ids are those the reference processor gives for the joined string.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from tokenizers import Tokenizer

from chat.conversation import Image
from chat.errors import CheckpointError
from chat.prompt import (
    BEGIN_OF_SEQUENCE,
    END_OF_SEQUENCE,
    END_OF_UTTERANCE,
    FENCE,
    IMAGE,
    Control,
    Label,
    Picture,
    Prompt,
    Said,
    Words,
    written,
)

Key = tuple[int, str]
"""A token as a model's state knows it: its id, and for a picture's token the picture's digest, else an empty string."""

Encoded = tuple[tuple[int, ...], tuple[int, ...]]
"""A text's ids, and the place in the text at which each begins."""

_TEXTS_REMEMBERED: Final = 1024
_LONGEST_REMEMBERED: Final = 2_000
"""Characters. A conversation's prompt is made anew for every turn and every look at its length; its texts are not."""

_NEWLINE_AFTER_CONTROL: Final = ("▁", "<0x0A>")
"""What a tokenizer with the trained ("legacy") layout makes of a line end that follows a control token."""


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as token ids."""

    token_ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    """Start and end in `token_ids` of every segment of the prompt, in order.

    Neighbouring texts are encoded as one; a token that covers the border belongs to the text it begins in.
    """
    text_starts: tuple[int, ...]
    """Of every token the place at which it begins in the texts that it was encoded with; -1 if it is of no text."""


class Spaced(Enum):
    """Which texts a tokenizer puts a space before.

    A tokenizer that puts one anywhere takes one off when it decodes, and with it that between `Assistant:` and the
    reply.
    """

    EVERY = "every text that follows a control token, as Llama's first tokenizers do"
    FIRST = "the first of a prompt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Notation:
    """How the tokenizers of one family of checkpoints write what is not text."""

    control_tokens: tuple[str, ...]
    """What a prompt's control segments may be; a tokenizer without one of them is refused."""
    picture: Callable[[Image], tuple[Control | Label, ...]]
    """What stands for a picture, told from its size alone. No two labels are neighbours."""
    spaced: Spaced


def one_token(_: Image) -> tuple[Control | Label, ...]:
    """What stands for a picture where its place is a single token."""
    return (Control(IMAGE),)


IDEFICS_NOTATION: Final = Notation(
    (BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, FENCE, IMAGE, END_OF_UTTERANCE), one_token, Spaced.EVERY
)
IDEFICS_BASE_NOTATION: Final = replace(
    IDEFICS_NOTATION, control_tokens=(BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, FENCE, IMAGE)
)


class PromptEncoder:
    """Encodes prompts for one checkpoint, and decodes its replies. Safe to use from several threads."""

    def __init__(self, backend: Tokenizer, notation: Notation = IDEFICS_NOTATION) -> None:
        """Take over a checkpoint's tokenizer pipeline.

        Raises:
            CheckpointError: A control token is missing, or the pipeline lost the layout of the checkpoint's training.
        """
        self._backend = backend
        self._notation = notation
        self._remembered = lru_cache(_TEXTS_REMEMBERED)(self._encoded_anew)
        self._said = lru_cache(_TEXTS_REMEMBERED)(self._says_anew)
        self._spaced_texts = _without_added_tokens(backend)
        """Puts a space before a text where the checkpoint's tokenizer does so anywhere."""
        self._texts = self._spaced_texts if notation.spaced is Spaced.NONE else _without_spaces(self._spaced_texts)
        self.control_ids = {token: self._control_id(token) for token in notation.control_tokens}
        added = backend.get_added_tokens_decoder()
        self.added_ids = frozenset(added)
        """The ids of every token that is not made of text, those of `control_ids` and others."""
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        if notation.spaced is Spaced.EVERY and not has_trained_layout(backend):
            raise CheckpointError(
                "the tokenizer lost the space that the checkpoint was trained with after control tokens: "
                'set "legacy": true in tokenizer_config.json'
            )

    def _control_id(self, token: str) -> int:
        token_id = self._backend.token_to_id(token)
        if token_id is None:
            raise CheckpointError(
                f"the tokenizer has no {token}: this is not an instruct checkpoint of the IDEFICS kind"
            )
        return int(token_id)

    def picture_ids(self, image: Image) -> tuple[int, ...]:
        """The ids that stand for a picture; its bytes are not read."""
        ids: list[int] = []
        for part in self._notation.picture(image):
            if isinstance(part, Control):
                ids.append(self.control_ids[part.token])
            else:
                ids.extend(self.encode_text(part.text))
        return tuple(ids)

    def unsaid_ids(self, size: int, closing: Collection[int | None]) -> frozenset[int]:
        """The ids that a reply may never hold: they would be hidden in its text.

        Args:
            size: How many ids the model can give; some models have room for more tokens than their tokenizer has.
            closing: Control ids that a reply may end with.
        """
        nameless = (token_id for token_id in range(size) if self._backend.id_to_token(token_id) is None)
        return frozenset(nameless) | frozenset(
            token_id for token_id in self.added_ids if token_id < size and token_id not in closing
        )

    def is_byte(self, token_id: int) -> bool:
        """Whether a token is one byte, which may be part of a character."""
        token = self._backend.id_to_token(token_id)
        return token is not None and len(token) == 6 and token.startswith("<0x") and token.endswith(">")

    def is_hidden(self, token_id: int) -> bool:
        """Whether decoding leaves a token out: a control token, or an id that stands for none."""
        return token_id in self._special_ids or self._backend.id_to_token(token_id) is None

    def name(self, token_id: int) -> str:
        """What a token is called in the vocabulary; empty where there is no such token."""
        return self._backend.id_to_token(token_id) or ""

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """The token ids of a prompt and where each of its segments lies."""
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        starts: list[int] = []
        texts: list[str] = []
        follows_reply = False
        own: tuple[int, ...]
        for segment in prompt.segments:
            match segment:
                case Label(text) | Words(text):
                    texts.append(text)
                    continue
                case Control(token):
                    own = (self.control_ids[token],)
                case Picture(image):
                    own = self.picture_ids(image)
                case Said(text, token_ids) if self.says(token_ids, text):
                    own = token_ids
                case Said():
                    texts.append(written(segment))
                    continue
            starts += self._flush(texts, ids, spans, follows_reply)
            spans.append((len(ids), len(ids) + len(own)))
            ids.extend(own)
            starts += [-1] * len(own)
            follows_reply = isinstance(segment, Said)
        starts += self._flush(texts, ids, spans, follows_reply)
        return EncodedPrompt(tuple(ids), tuple(spans), tuple(starts))

    def says(self, token_ids: tuple[int, ...], text: str) -> bool:
        """Whether ids say nothing but this text; those of texts of an ordinary length are remembered."""
        return (self._said if len(text) <= _LONGEST_REMEMBERED else self._says_anew)(token_ids, text)

    def _says_anew(self, token_ids: tuple[int, ...], text: str) -> bool:
        """Those of a file may be anything, control tokens too."""
        size = self._backend.get_vocab_size()
        return (
            all(0 <= token_id < size for token_id in token_ids)
            and self.added_ids.isdisjoint(token_ids)
            and self.decode(token_ids) == text
        )

    def keys(self, prompt: Prompt) -> list[Key]:
        """The tokens of a prompt; of those that stand for a picture, every `<image>` carries its digest."""
        encoded = self.encode(prompt)
        keys = [(token_id, "") for token_id in encoded.token_ids]
        for segment, (start, end) in zip(prompt.segments, encoded.spans, strict=True):
            if isinstance(segment, Picture):
                for place in range(start, end):
                    if keys[place][0] == self.control_ids[IMAGE]:
                        keys[place] = (keys[place][0], segment.image.digest)
        return keys

    def _flush(
        self, texts: list[str], ids: list[int], spans: list[tuple[int, int]], follows_reply: bool
    ) -> tuple[int, ...]:
        """Encode the texts gathered so far as one, and give each the tokens that begin in it; tells where they do."""
        if not texts:
            return ()
        is_first = len(ids) == 1
        spaced = not follows_reply and (is_first or self._notation.spaced is Spaced.EVERY)
        own_ids, starts = self._encoded("".join(texts), spaced)
        end_of_text = 0
        token = 0
        for text in texts:
            end_of_text += len(text)
            start = token
            while token < len(own_ids) and starts[token] < end_of_text:
                token += 1
            spans.append((len(ids) + start, len(ids) + token))
        spans[-1] = (spans[-1][0], len(ids) + len(own_ids))
        ids.extend(own_ids)
        texts.clear()
        return starts

    def encode_text(self, text: str) -> tuple[int, ...]:
        """The ids of a text that follows a control token; never a control id."""
        return self._encoded(text, self._notation.spaced is Spaced.EVERY)[0]

    def _encoded(self, text: str, spaced: bool) -> Encoded:
        """A text's ids and where in it each begins; texts of an ordinary length are remembered."""
        return (self._remembered if len(text) <= _LONGEST_REMEMBERED else self._encoded_anew)(text, spaced)

    def _encoded_anew(self, text: str, spaced: bool) -> Encoded:
        pipeline = self._spaced_texts if spaced else self._texts
        # A lone surrogate, which no tokenizer takes, stands for a byte that was no character.
        encoding = pipeline.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False)
        return tuple(encoding.ids), tuple(start for start, _ in encoding.offsets)

    def reply_ids(self, text: str) -> tuple[int, ...]:
        """The ids of a reply's text as it stands after `Assistant:`, space included."""
        opened = self.encode_text("\nAssistant:")
        return self.encode_text(f"\nAssistant: {text}")[len(opened) :]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of a reply's ids, without control tokens and without the space that parts it from `Assistant:`."""
        text = self._backend.decode(list(token_ids), skip_special_tokens=True)
        return text.removeprefix(" ") if self._notation.spaced is Spaced.NONE else text


def has_trained_layout(backend: Tokenizer) -> bool:
    """Whether a text after a control token begins with a space, as it did in the checkpoint's training."""
    line = _without_added_tokens(backend).encode("\nAssistant:", add_special_tokens=False).tokens
    return tuple(line[:2]) == _NEWLINE_AFTER_CONTROL


def _without_added_tokens(backend: Tokenizer) -> Tokenizer:
    """A copy of the pipeline in which no string is a token of its own."""
    pipeline: dict[str, Any] = json.loads(backend.to_str())
    pipeline["added_tokens"] = []
    pipeline["post_processor"] = None
    pipeline["truncation"] = None
    pipeline["padding"] = None
    return Tokenizer.from_str(json.dumps(pipeline))


def _without_spaces(backend: Tokenizer) -> Tokenizer:
    """A copy of the pipeline that puts a space before no text."""
    pipeline: dict[str, Any] = json.loads(backend.to_str())
    normalizer = pipeline["normalizer"] or {}
    steps = normalizer.get("normalizers", [normalizer])
    pipeline["normalizer"] = {
        "type": "Sequence",
        "normalizers": [step for step in steps if step and step["type"] != "Prepend"],
    }
    splitter = pipeline["pre_tokenizer"] or {}
    for step in splitter.get("pretokenizers", [splitter]):
        if step.get("type") == "Metaspace":
            step["prepend_scheme"] = "never"
    return Tokenizer.from_str(json.dumps(pipeline))
