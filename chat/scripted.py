"""A generator that speaks from a script: for tests, and for trying the UI without a model."""

import io
import re
import threading
import time
from collections.abc import Iterator, Sequence

from chat.conversation import Image
from chat.errors import GenerationError
from chat.generation import ALTERNATIVES, CheckpointFacts, Chunk, GenerationSettings, Reply, Score, StopReason
from chat.prompt import IDEFICS, Control, Dialect, Picture, Prompt, written
from chat.seen import Alternative, SeenPicture, SeenPrompt, View, WeighedToken, seen


class ScriptedGenerator:
    """Says what it is told to, word by word."""

    def __init__(
        self,
        replies: Sequence[str | Exception],
        *,
        facts: CheckpointFacts | None = None,
        pause_s: float = 0.0,
        context_length: int = 1024,
    ) -> None:
        """Give the replies in the order of the calls; an exception in their place fails after the first word.

        Args:
            replies: What is said, one for each call.
            facts: What the generator says it is.
            pause_s: Seconds between words.
            context_length: Used when no facts are given.
        """
        self._replies = list(replies)
        self._facts = facts or CheckpointFacts("scripted", context_length=context_length)
        self._pause_s = pause_s
        self.prompts: list[Prompt] = []
        """Every prompt that it replied to."""
        self.prefilled: list[Prompt] = []
        """Every prompt that it was given before its reply was asked for."""
        self.scored: list[Prompt] = []
        """Every prompt that texts were scored after."""
        self.weighed: list[tuple[Prompt, tuple[int, ...]]] = []
        """Every prompt that a reply was weighed after, and the reply's ids."""

    @property
    def facts(self) -> CheckpointFacts:
        """What it says it is."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """That of IDEFICS."""
        return IDEFICS

    def count_tokens(self, prompt: Prompt) -> int:
        """One token a word of the prompt's string."""
        return len(prompt.text.split())

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """Say the next reply of the script."""
        started = time.monotonic()
        self.prompts.append(prompt)
        if not self._replies:
            raise GenerationError("the script has no more replies")
        script = self._replies.pop(0)
        failure = script if isinstance(script, Exception) else None
        words = _words("Well, " if isinstance(script, Exception) else script)[: settings.max_new_tokens]
        said: list[str] = []
        for word in words:
            if self._pause_s:
                stop.wait(self._pause_s)
            if stop.is_set():
                break
            said.append(word)
            yield Chunk(word, len(said))
        if failure:
            raise failure
        is_cut = len(said) >= settings.max_new_tokens
        reason = StopReason.MAX_NEW_TOKENS if is_cut else StopReason.END_OF_UTTERANCE
        yield Reply(
            text="".join(said),
            token_ids=tuple(range(1, len(said) + 1)),
            stop_reason=StopReason.CANCELLED if stop.is_set() else reason,
            prompt_tokens=self.count_tokens(prompt),
            cached_tokens=0,
            seed=settings.seed,
            first_token_s=time.monotonic() - started,
            total_s=time.monotonic() - started,
        )

    def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
        """Note the prompt; there is nothing to compute."""
        self.prefilled.append(prompt)

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """The shorter a text, the likelier; one token a word."""
        self.scored.append(prompt)
        return None if stop.is_set() else tuple(Score(-float(len(text)), len(text.split())) for text in texts)

    def describe(self, prompt: Prompt) -> SeenPrompt:
        """A token for every control token and picture, and for every word of the texts with the space before it."""
        texts: list[str] = []
        spans: list[tuple[int, int]] = []
        for segment in prompt.segments:
            is_one = isinstance(segment, Control | Picture)
            pieces = [written(segment)] if is_one else re.findall(r"\s*\S+|\s+$", written(segment))
            spans.append((len(texts), len(texts) + len(pieces)))
            texts += pieces
        ids = range(1, len(texts) + 1)
        return seen(prompt, ids, texts, spans, looks_at_newest=self.dialect.looks_at_newest)

    def preprocess(self, image: Image) -> SeenPicture:
        """A grey square, whatever is in the picture."""
        import PIL.Image

        side, written_png = self.facts.image_size, io.BytesIO()
        PIL.Image.new("RGB", (side, side), "grey").save(written_png, "PNG")
        return SeenPicture(View(written_png.getvalue(), side, side))

    def weigh(
        self, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> tuple[WeighedToken, ...] | None:
        """Each token less likely than the one before it, and as its alternatives itself and its neighbours."""
        self.weighed.append((prompt, tuple(token_ids)))
        if stop.is_set():
            return None
        return tuple(
            WeighedToken(
                token_id,
                f" word{token_id}",
                -0.25 * place,
                1,
                tuple(
                    Alternative(token_id + further, f" word{token_id + further}", -0.25 * place - further)
                    for further in range(alternatives)
                ),
            )
            for place, token_id in enumerate(token_ids)
        )

    def generate_batch(
        self, requests: Sequence[tuple[Prompt, GenerationSettings]], stop: threading.Event
    ) -> Iterator[tuple[int, Reply]]:
        """Say the next replies of the script, one after the other."""
        for place, (prompt, settings) in enumerate(requests):
            *_, reply = self.generate(prompt, settings, stop)
            if isinstance(reply, Reply):
                yield place, reply

    def most_at_once(self, tokens: int, images: int) -> int:
        """Four."""
        return 4


def _words(text: str) -> list[str]:
    """The text cut after every space, so that the pieces joined are the text."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
