"""Running recorded replies again: the prompt, the settings and the seed of each once more, on a loaded checkpoint.

Every reply is asked for behind the recorded ones before it, so that one that differs makes no other one differ.
"""

import threading
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from chat.conversation import Role
from chat.errors import GenerationError, InputError, ModelLostError
from chat.generation import NO_REPLY, GenerationSettings, Reply, StopReason, TextGenerator
from chat.records import Generation, LeftOut, StoredTurn
from chat.replay.differences import differences
from chat.replay.rebuilding import Misfit, Rebuilding, Rebuilt, Spelled, is_reply, recorded_prompts
from chat.replay.tokens import parted, texts_of
from chat.replay.verified import Outcome, VerifiedTurn
from chat.session import continued

NOTHING_LEFT_OUT: Final = LeftOut()

_BROKEN_OFF: Final = {
    None: "it was interrupted",
    StopReason.CANCELLED: "it was stopped",
    StopReason.ERROR: "an error ended it",
}
"""Ends of replies that would have gone on, in words."""


def verify(
    turns: Sequence[StoredTurn],
    generator: TextGenerator,
    stop: threading.Event,
    *,
    system: str = "",
    left_out: LeftOut = NOTHING_LEFT_OUT,
    tolerance: float = 0.0,
    places: Container[int] | None = None,
) -> Iterator[VerifiedTurn]:
    """Run the replies of a branch again, one after the other.

    Args:
        turns: Of the branch, from the first.
        generator: The checkpoint to run them on, whichever gave them.
        stop: Ends it after the token at hand; nothing is yielded of the reply that it ended in.
        system: The text before the turns.
        left_out: What of the turns the model is not shown.
        tolerance: How far, in log-probability, the recorded token may be from the chosen one where the two replies
            part, for the reply to count as the same.
        places: Of the replies that are run, among the turns; all of them for None.

    What the model fails on is told of its reply, a picture that is gone among it, and the others are run.

    Raises:
        ModelLostError: The model is gone.
    """
    prompts = recorded_prompts(turns)

    @cache
    def spelled(token_ids: tuple[int, ...]) -> str:
        return "".join(texts_of(generator, token_ids))

    for place, stored in enumerate(turns):
        if stored.turn.role is Role.USER or not is_reply(stored) or (places is not None and place not in places):
            continue
        run = _Run(turns[: place + 1], generator, stop, tolerance, spelled)
        verified = run.verified(prompts.get(place), system, left_out)
        if verified is None:
            return
        yield verified


@dataclass(frozen=True, slots=True)
class _Run:
    """One reply that is run again."""

    turns: Sequence[StoredTurn]
    """Up to the reply."""
    generator: TextGenerator
    stop: threading.Event
    tolerance: float
    spelled: Spelled

    def verified(self, prompt_ids: tuple[int, ...] | None, system: str, left_out: LeftOut) -> VerifiedTurn | None:
        """What comes of it; None when stopped."""
        try:
            return self._verified(prompt_ids, system, left_out)
        except ModelLostError:
            raise
        # Of the input, a picture may be gone from its file or from the store.
        except (GenerationError, InputError) as error:
            return None if self.stop.is_set() else self._ended(Outcome.NOT_VERIFIABLE, str(error))

    def _verified(self, prompt_ids: tuple[int, ...] | None, system: str, left_out: LeftOut) -> VerifiedTurn | None:
        generation = self.turns[-1].generation
        if generation is None:
            return self._ended(Outcome.NOT_VERIFIABLE, "nothing tells what gave it")
        if self.generator.facts.is_remote:
            return self._ended(Outcome.NOT_VERIFIABLE, "no server tells the tokens of a reply")
        if reason := _nothing_to_run(generation, self.turns[-1].turn.text):
            return self._ended(Outcome.NOTHING, reason)
        if generation.settings.temperature and generation.seed is None:
            return self._ended(Outcome.NOT_VERIFIABLE, "it was sampled with a seed that is not known")
        looking = Rebuilding(self.generator, self.turns, generation, prompt_ids, self.spelled, self.stop)
        rebuilt = looking.find(system, left_out)
        if rebuilt is None:
            return None
        if isinstance(rebuilt, Misfit):
            found = self._ended(Outcome.PROMPT_DIFFERS, rebuilt.note)
            return replace(found, first_difference=rebuilt.first_difference)
        if 0 < rebuilt.begun == len(generation.token_ids):
            return self._ended(Outcome.NOTHING, "it went on with no word")
        reply = self._regenerated(rebuilt, generation)
        return self._compared(rebuilt, generation, reply) if reply is not None else None

    def _ended(self, outcome: Outcome, note: str = "") -> VerifiedTurn:
        reply = self.turns[-1]
        found = differences(reply.generation.facts, self.generator.facts) if reply.generation else ()
        return VerifiedTurn(len(self.turns) - 1, reply, outcome, note=note, differences=found)

    def _regenerated(self, rebuilt: Rebuilt, generation: Generation) -> Reply | None:
        """What the model says this time; None when stopped."""
        reply: Reply | None = None
        for piece in self.generator.generate(rebuilt.prompt, _settings(rebuilt, generation), self.stop):
            if isinstance(piece, Reply):
                reply = piece
        if self.stop.is_set():
            return None
        if reply is None:
            raise GenerationError(NO_REPLY)
        return reply

    def _compared(self, rebuilt: Rebuilt, generation: Generation, reply: Reply) -> VerifiedTurn | None:
        text = _whole_text(rebuilt, reply)
        is_cut = generation.stop_reason in _BROKEN_OFF
        note = f"{_BROKEN_OFF[generation.stop_reason]}: verified as far as it goes" if is_cut else ""
        found = replace(self._ended(Outcome.SAME, note), regenerated=text)
        recorded_text = self.turns[-1].turn.text
        if not generation.token_ids:
            is_same = text.startswith(recorded_text) if is_cut else text == recorded_text
            outcome = Outcome.SAME if is_same else Outcome.DIFFERS
            return replace(found, outcome=outcome, note="by its text: the tokens are not known")
        recorded = tuple(generation.token_ids)[rebuilt.begun :]
        if recorded == reply.token_ids:
            if is_cut or text == recorded_text:
                return found
            return replace(found, outcome=Outcome.DIFFERS, note="its text is not what its tokens say")
        difference = parted(self.generator, rebuilt.prompt, recorded, reply.token_ids, self.stop)
        if difference is None:
            return None
        is_tie = difference.gap is not None and difference.gap <= self.tolerance
        difference = replace(difference, token=difference.token + rebuilt.begun)
        return replace(found, outcome=Outcome.TIE if is_tie else Outcome.DIFFERS, first_difference=difference)


def _nothing_to_run(generation: Generation, text: str) -> str:
    """Why no token of a reply can be expected to come again, in words; empty where some can."""
    is_broken_off = generation.stop_reason in _BROKEN_OFF
    if is_broken_off and generation.settings.num_beams > 1:
        return f"{_BROKEN_OFF[generation.stop_reason]}: a beam search that is broken off gives its best so far"
    if not generation.token_ids and not text:
        return "it has no word"
    return ""


def _settings(rebuilt: Rebuilt, generation: Generation) -> GenerationSettings:
    """Those that a reply was given with; one that was broken off goes no further than it went."""
    left = len(generation.token_ids) - rebuilt.begun
    most = generation.settings.max_new_tokens - rebuilt.begun
    if generation.stop_reason in _BROKEN_OFF and generation.token_ids:
        most = left
    return replace(generation.settings, seed=generation.seed, max_new_tokens=max(1, most))


def _whole_text(rebuilt: Rebuilt, reply: Reply) -> str:
    if isinstance(rebuilt.words, str):
        return continued(rebuilt.words, reply.text)
    return rebuilt.words.with_more(reply.text).text
