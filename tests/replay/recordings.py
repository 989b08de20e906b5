"""Conversations recorded with a generator, as the program records them, and run again."""

import threading
from dataclasses import replace
from typing import Any

from chat.conversation import Image, assistant_turn, user_turn
from chat.generation import Chunk, GenerationSettings, Reply, TextGenerator
from chat.prompt import Said
from chat.prompt_ids import told, whole_prompts
from chat.records import Generation, LeftOut, StoredTurn
from chat.replay.verified import Outcome, VerifiedTurn
from chat.replay.verify import verify
from chat.session import ReplySoFar, conversation_of, ids_for
from chat.talk.branches import as_kept
from chat.talk.said import prompt_of
from chat.talk.shown import shown_turns

GREEDY = GenerationSettings()
LIVELY = GenerationSettings(temperature=8.0, top_k=50, seed=7, max_new_tokens=12)


class Recording:
    """A branch that grows by what is asked."""

    def __init__(self, generator: TextGenerator, system: str = "") -> None:
        self.generator = generator
        self.system = system
        self.turns: list[StoredTurn] = []

    def ask(
        self,
        *parts: Image | str,
        settings: GenerationSettings = GREEDY,
        left_out: LeftOut | None = None,
        words: str = "",
        stop_after: int | None = None,
    ) -> StoredTurn:
        """Ask, and record the reply; it begins with given words, and is stopped after so many pieces."""
        self.turns.append(StoredTurn(len(self.turns) + 1, user_turn(*parts), "", None))
        return self._reply(settings, left_out or LeftOut(), words, stop_after)

    def go_on(self, left_out: LeftOut | None = None, stop_after: int | None = None) -> StoredTurn:
        """Have the last reply go on where it was cut, in its own place."""
        cut = self.turns.pop()
        assert cut.generation is not None
        words = Said(cut.turn.text, ids_for(self.generator.facts, cut))
        return self._reply(replace(GREEDY, max_new_tokens=40), left_out or LeftOut(), words, stop_after)

    def _reply(
        self, settings: GenerationSettings, left_out: LeftOut, words: str | Said, stop_after: int | None
    ) -> StoredTurn:
        settings, stop = settings.seeded(), threading.Event()
        shown = shown_turns(self.turns, left_out)
        conversation = conversation_of(shown, system=self.system, facts=self.generator.facts)
        so_far = ReplySoFar(settings, words=words)
        for piece in self.generator.generate(prompt_of(conversation, self.generator, words), settings, stop):
            if isinstance(piece, Chunk):
                so_far.add(piece)
                if so_far.new_tokens == stop_after:
                    stop.set()
            elif isinstance(piece, Reply):
                return self._record(so_far, so_far.whole(piece), settings)
        raise AssertionError("no reply")

    def _record(self, so_far: ReplySoFar, reply: Reply, settings: GenerationSettings) -> StoredTurn:
        if not isinstance(so_far.words, str):
            settings = as_kept(settings, len(so_far.words.token_ids))
        generation = Generation.of(reply, self.generator.facts, settings)
        generation = replace(generation, prompt=told(reply.prompt_ids, self._before()))
        self.turns.append(StoredTurn(len(self.turns) + 1, assistant_turn(reply.text), "", generation))
        return self.turns[-1]

    def _before(self) -> tuple[int, ...]:
        generations = [turn.generation for turn in self.turns if turn.generation is not None]
        prompts = whole_prompts((generation.prompt, generation.token_ids) for generation in generations)
        return (*(prompts[-1] or ()), *generations[-1].token_ids) if generations else ()


def changed(reply: StoredTurn, **fields: Any) -> StoredTurn:
    """A reply with other fields of its generation."""
    assert reply.generation is not None
    return replace(reply, generation=replace(reply.generation, **fields))


def without_prompts(turns: list[StoredTurn]) -> list[StoredTurn]:
    """The turns as they were kept before the ids of prompts were."""
    return [changed(one, prompt=None) if one.generation else one for one in turns]


def with_token(reply: StoredTurn, place: int, token_id: int) -> StoredTurn:
    """A reply that says to have another token in a place."""
    assert reply.generation is not None
    ids = list(reply.generation.token_ids)
    ids[place] = token_id
    return changed(reply, token_ids=tuple(ids))


def run(turns: list[StoredTurn], generator: TextGenerator, **options: object) -> list[VerifiedTurn]:
    return list(verify(turns, generator, threading.Event(), **options))  # type: ignore[arg-type]


def outcomes(turns: list[StoredTurn], generator: TextGenerator, **options: object) -> list[Outcome]:
    return [turn.outcome for turn in run(turns, generator, **options)]
