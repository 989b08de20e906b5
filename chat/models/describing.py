"""The tokens of a prompt in words: the very ids that a reply is generated from, each with the text it stands for."""

from collections.abc import Sequence

from chat.models.decoding import token_texts
from chat.models.tokens import EncodedPrompt, PromptEncoder
from chat.prompt import Control, Picture, Prompt, Said, written
from chat.seen import SeenPrompt, seen


class TokenNames:
    """What single tokens of a checkpoint stand for, wherever they stand."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self._encoder = encoder
        # Behind another token, a decoder takes no space off the beginning.
        self._before = encoder.encode_text(":")[-1:]
        self._length = len(encoder.decode(self._before))

    def of(self, token_id: int) -> str:
        """A token's text; its name in the vocabulary where it is no text by itself, such as a byte of a character."""
        if token_id in self._encoder.added_ids:
            return self._encoder.name(token_id)
        text = self._encoder.decode((*self._before, token_id))[self._length :]
        return text if text and "\ufffd" not in text else self._encoder.name(token_id)


def describe(encoder: PromptEncoder, prompt: Prompt, *, looks_at_newest: bool) -> SeenPrompt:
    """A prompt with all its tokens, their texts, and what each belongs to."""
    encoded = encoder.encode(prompt)
    texts = _texts(encoder, prompt, encoded)
    return seen(prompt, encoded.token_ids, texts, encoded.spans, looks_at_newest=looks_at_newest)


def _texts(encoder: PromptEncoder, prompt: Prompt, encoded: EncodedPrompt) -> list[str]:
    names = TokenNames(encoder)
    texts: list[str] = []
    run: list[str] = []

    def end_run(end: int) -> None:
        """Share out the text of neighbouring segments, which were encoded as one."""
        starts = encoded.text_starts[len(texts) : end]
        # As the encoder takes it: half a character, which no tokenizer takes, is a question mark.
        text = "".join(run).encode("utf-8", "replace").decode()
        ends = [*starts[1:], len(text)]
        texts.extend(text[begin:until] for begin, until in zip((0, *starts[1:]), ends, strict=True) if starts)
        run.clear()

    for segment, (start, end) in zip(prompt.segments, encoded.spans, strict=True):
        ids = encoded.token_ids[start:end]
        is_in_ids = isinstance(segment, Said) and start < end and encoded.text_starts[start] < 0
        if not is_in_ids and not isinstance(segment, Control | Picture):
            run.append(written(segment))
            continue
        end_run(start)
        texts += _said_texts(encoder, ids) if is_in_ids else [names.of(token_id) for token_id in ids]
    end_run(len(encoded.token_ids))
    return texts


def _said_texts(encoder: PromptEncoder, token_ids: Sequence[int]) -> list[str]:
    """Those of a reply as it stands in a prompt, the space that parts it from `Assistant:` before it."""
    first, *rest = token_texts(encoder, token_ids)
    return [f" {first}", *rest]
