"""The prompt that a recorded reply was given to, built again from the turns before it.

What stood in it is not kept apart: messages and pictures may have been left out, the text before the turns may have
been another one, and the reply may have been begun with given words or with what was said before it was cut. Whichever
of these gives the recorded token ids is the prompt.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chat.conversation import Role, assistant_turn
from chat.generation import TextGenerator
from chat.prompt import END_OF_UTTERANCE, USER_MARKER, Prompt, Said
from chat.prompt_ids import whole_prompts
from chat.records import Generation, LeftOut, StoredTurn
from chat.replay.tokens import first_difference, texts_of
from chat.replay.verified import FirstDifference, TokenThere
from chat.session import conversation_of, ids_for
from chat.talk.said import prompt_of
from chat.talk.shown import shown_turns

_SLACK: Final = 8
"""Tokens that a text can have less with some letters more: those of a character's bytes, or of half a word."""
_SYSTEM_LABEL: Final = "System: "
_FIRST_IDS: Final = 64
"""Of a prompt, as many as are looked at first for the end of the text before its turns."""


Spelled = Callable[[tuple[int, ...]], str]
"""Gives the text of ids; empty where the checkpoint does not have all of them."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The prompt of a recorded reply."""

    prompt: Prompt
    words: str | Said = ""
    """What the reply begins with in the prompt itself."""
    begun: int = 0
    """How many of the reply's first ids are in the prompt."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """The recorded turns do not give the prompt that the reply was given to."""

    note: str
    """How that is known, in words."""
    first_difference: FirstDifference | None = None
    """From the prompt that comes nearest; None where the recorded ids are not known."""


def recorded_prompts(turns: Sequence[StoredTurn]) -> dict[int, tuple[int, ...]]:
    """The ids of the prompts of a branch, as far as they are known, each by the place of the reply to it.

    Args:
        turns: From the first.
    """
    places = [place for place, stored in enumerate(turns) if stored.turn.role is Role.ASSISTANT and is_reply(stored)]
    generations = [turns[place].generation for place in places]
    known = whole_prompts((None, ()) if one is None else (one.prompt, tuple(one.token_ids)) for one in generations)
    return {place: ids for place, ids in zip(places, known, strict=True) if ids is not None}


def is_reply(stored: StoredTurn) -> bool:
    """An empty turn with nothing to tell of it stands for a reply that never came."""
    return stored.generation is not None or bool(stored.turn.text)


class Rebuilding:
    """Looks for the prompt of one recorded reply."""

    def __init__(
        self,
        generator: TextGenerator,
        turns: Sequence[StoredTurn],
        generation: Generation,
        recorded: tuple[int, ...] | None,
        spelled: Spelled,
        stop: threading.Event,
    ) -> None:
        """Prepare.

        Args:
            generator: The prompt is for.
            turns: Up to the reply, which is the last of them.
            generation: The reply's.
            recorded: The ids of its prompt; where they are not known, a prompt of as many tokens is taken for it.
            spelled: What the ids of the replies before say.
            stop: Ends the looking.
        """
        self._generator = generator
        self._before, self._reply = list(turns[:-1]), turns[-1]
        self._generation = generation
        self._recorded = recorded
        self._said, self._stop = spelled, stop
        # A server counts a prompt of its own.
        counted = 0 if generation.facts.is_remote else generation.prompt_tokens
        self._count = counted if recorded is None else len(recorded)

    def find(self, system: str, left_out: LeftOut) -> Rebuilt | Misfit | None:
        """The prompt; None when stopped.

        Args:
            system: The text before the turns.
            left_out: What the model is not shown at present; it may have been something else at the time.
        """
        found = self._with_base(self._prompt(self._before, LeftOut(), system)) or self._bare()
        if found is not None:
            return found
        systems = [text for text in dict.fromkeys((system, self._recorded_system())) if text is not None]
        bases: list[Prompt] = []
        for before in self._histories():
            for shown in self._ways_to_show(before, left_out, systems):
                if self._stop.is_set():
                    return None
                ways = [self._prompt(before, shown, text) for text in systems]
                found = next(filter(None, map(self._with_base, ways)), None)
                if found is not None:
                    return found
                bases += ways
                # Whatever else is left out, it only gets shorter; a reply is no shorter than what it was begun with.
                if shown != left_out and min(map(self._missing, ways)) > len(self._reply.turn.text.encode()):
                    break
        return self._misfit(bases)

    def _bare(self) -> Rebuilt | None:
        """The prompt with no text before its turns, where that is as long as the recorded one is known to be."""
        if self._recorded is not None:
            return None
        # With a beginning of the reply in it, too short a prompt could be made as long as any.
        bare = self._prompt(self._before, LeftOut(), "")
        return Rebuilt(bare) if self._fits(bare) else None

    def _recorded_system(self) -> str | None:
        """The text before the turns that the recorded ids have, empty for none; None where that cannot be told."""
        ids = self._recorded or ()
        for count in (_FIRST_IDS, len(ids)):
            # The first id is that of the token that every prompt begins with.
            text, label, _ = "".join(texts_of(self._generator, ids[1:count])).partition(USER_MARKER)
            if text.lstrip().startswith(USER_MARKER.strip()):
                return ""
            if label:
                return text.strip().removeprefix(_SYSTEM_LABEL).removesuffix(END_OF_UTTERANCE)
        return None

    def _histories(self) -> Iterator[list[StoredTurn]]:
        """The turns before, and then with the texts that their ids say, where a file has other ones."""
        yield self._before
        if self._recorded is not None:
            spelled = [self._spelled(stored) for stored in self._before]
            if spelled != self._before:
                yield spelled

    def _spelled(self, stored: StoredTurn) -> StoredTurn:
        ids = ids_for(self._generation.facts, stored)
        text = self._said(tuple(ids)) if ids else ""
        return replace(stored, turn=assistant_turn(text)) if text else stored

    def _ways_to_show(self, before: list[StoredTurn], left_out: LeftOut, systems: Sequence[str]) -> Iterator[LeftOut]:
        """What may have been left out at the time, the likeliest first: nothing, what is now, the oldest messages."""
        yield LeftOut()
        if left_out:
            yield left_out
        messages = [stored.id for stored in before[:-1] if stored.turn.role is Role.USER]

        def is_short_enough(count: int) -> bool:
            shown = LeftOut(frozenset(messages[:count]), left_out.pictures)
            return any(self._missing(self._prompt(before, shown, text)) >= 0 for text in systems)

        # The more of them are left out, the shorter it is: of a thousand, few give a prompt of about that length.
        counts = range(1, len(messages) + 1)
        for count in counts[bisect_left(counts, True, key=is_short_enough) :]:
            oldest = frozenset(messages[:count])
            yield LeftOut(oldest)
            if left_out.pictures:
                yield LeftOut(oldest, left_out.pictures)

    def _prompt(self, before: list[StoredTurn], left_out: LeftOut, system: str) -> Prompt:
        turns = shown_turns(before, left_out)
        # The history is that of the checkpoint which gave the reply, also where another one is loaded in its place.
        return prompt_of(conversation_of(turns, system=system, facts=self._generation.facts), self._generator)

    def _with_base(self, base: Prompt) -> Rebuilt | None:
        if self._fits(base):
            return Rebuilt(base)
        missing = self._missing(base)
        if missing <= 0 or (self._recorded is not None and self._shared(base) < len(self._recorded) - missing):
            return None
        return next((one for one in self._begun(base, missing) if self._fits(one.prompt)), None)

    def _missing(self, prompt: Prompt) -> int:
        """How many tokens a prompt has less than the recorded one."""
        return self._count - self._generator.count_tokens(prompt)

    def _fits(self, prompt: Prompt) -> bool:
        if self._missing(prompt):
            # Of an imported reply nothing may be known.
            return not self._count
        return self._recorded is None or self._ids(prompt) == self._recorded

    def _begun(self, base: Prompt, missing: int) -> Iterator[Rebuilt]:
        """The prompt with a beginning of the reply that may have been given to the model.

        Args:
            base: The prompt without.
            missing: How many tokens that beginning has.
        """
        ids, text = self._generation.spoken_ids, self._reply.turn.text
        said = texts_of(self._generator, ids)
        cut = Said("".join(texts_of(self._generator, ids[:missing])), ids[:missing])
        if text.startswith(cut.text) if self._recorded is None else cut.token_ids == self._recorded[-missing:]:
            yield self._begun_with(base, cut, missing)
        # Words that the user gave are no part of the reply's ids.
        if self._recorded is None:
            yield self._begun_with(base, text.removesuffix("".join(said)).rstrip(" "), 0)
            return
        # Of a reply that was cut and went on behind such words, the ids before the cut are none of what came last.
        tails = {"".join(said[place:]).strip(): place for place in range(len(ids), -1, -1)}
        for end in range(1, len(text) + 1):
            if text[end - 1] != " ":
                count = tails.get(text[end:].strip(), 0)
                rebuilt = self._begun_with(base, Said(text[:end], ()) if count else text[:end], count)
                if self._missing(rebuilt.prompt) < -_SLACK:
                    return
                yield rebuilt

    def _begun_with(self, base: Prompt, words: str | Said, count: int) -> Rebuilt:
        from chat.prompt import begun

        return Rebuilt(begun(base, words), words, count)

    def _ids(self, prompt: Prompt) -> tuple[int, ...]:
        return self._generator.describe(prompt).token_ids

    def _shared(self, prompt: Prompt) -> int:
        """How many ids a prompt begins with that the recorded one begins with, too."""
        return first_difference(self._ids(prompt), self._recorded or ())

    def _misfit(self, bases: Sequence[Prompt]) -> Misfit:
        if self._recorded is None:
            now = self._generator.count_tokens(bases[0])
            return Misfit(f"its prompt had {self._count:,} tokens and has {now:,}")
        nearest = max(bases, key=self._shared)
        shown, place = self._generator.describe(nearest), self._shared(nearest)
        recorded, rebuilt = self._recorded[place : place + 1], shown.token_ids[place : place + 1]
        difference = FirstDifference(
            place,
            TokenThere(recorded[0], texts_of(self._generator, recorded)[0]) if recorded else None,
            TokenThere(rebuilt[0], shown.texts[place]) if rebuilt else None,
        )
        return Misfit(f"its prompt differs from token {place + 1:,} on", difference)
