"""What a recorded reply was given to, as its recording tells: what was left out of its prompt, and its given words."""

from collections.abc import Sequence
from itertools import pairwise

from chat.generation import CheckpointFacts, TextGenerator
from chat.prompt import Prompt
from chat.records import Generation, LeftOut, StoredTurn
from chat.replay.rebuilding import recorded_prompts
from chat.replay.tokens import texts_of


class RecordedPrompts:
    """The prompts of a branch, each by the place of the reply to it among the turns.

    A session keeps what is left out of it at present, and not since when.
    """

    def __init__(self, turns: Sequence[StoredTurn], left_out: LeftOut) -> None:
        """Read them.

        Args:
            turns: Of the branch, from the first.
            left_out: What of them a model is not shown at present.
        """
        self._turns, self._left_out = turns, left_out
        self._ids = recorded_prompts(turns)
        self._replies = {stored.id: place for place, stored in enumerate(turns, start=1)}
        """The places of the replies by the ids of the messages."""

    def left_out(self, place: int) -> LeftOut:
        """What of what is left out at present was not in a prompt either.

        A prompt that holds a message begins with the one that the message was asked in. Where ids are not known, every
        prompt in between that is longer than the one before is taken to hold that. Where nothing can be told, such as
        between two checkpoints, or of a message behind one that was left out earlier, it is left out, as it is at
        present. What was left out for a while and is shown again counts as shown.
        """
        kept = self._left_out
        ids = {*kept.messages, *(turn_id for turn_id, _ in kept.pictures)}
        missing = {turn_id for turn_id in ids if not self._holds(place, self._replies.get(turn_id, 0))}
        return LeftOut(kept.messages & missing, frozenset(one for one in kept.pictures if one[0] in missing))

    def _holds(self, place: int, earlier: int) -> bool:
        """Whether a prompt holds all of an earlier one."""
        ids, earlier_ids = self._ids.get(place), self._ids.get(earlier)
        first, last = self._generation(earlier), self._generation(place)
        if first is None or last is None:
            return False
        if ids is not None and earlier_ids is not None:
            length = len(earlier_ids) - first.begun_tokens
            return ids[:length] == earlier_ids[:length]
        between = [self._generation(one) for one in range(earlier, place + 1)]
        told = [one for one in between if one is not None and one.prompt_tokens]
        is_told = first.prompt_tokens > 0 and last.prompt_tokens > 0
        return is_told and all(_is_longer(*pair) for pair in pairwise(told))

    def _generation(self, place: int) -> Generation | None:
        return self._turns[place].generation if place < len(self._turns) else None

    def words(self, place: int, prompt: Prompt, generator: TextGenerator) -> str:
        """What a reply was begun with that its model did not say; empty where that is nothing, or cannot be told.

        It is the text that the reply's ids do not say, which a model with the same tokens alone can tell.

        Args:
            place: Of the reply among the turns.
            prompt: The reply's, without such words.
            generator: Whose prompt that is.

        Raises:
            ChatError: The model does not tell tokens, or failed.
        """
        generation = self._generation(place)
        if generation is None or not self._goes_on(place, generation, prompt, generator):
            return ""
        said = "".join(texts_of(generator, generation.spoken_ids)).strip()
        text = self._turns[place].turn.text.rstrip()
        is_told = bool(said or not generation.spoken_ids) and text.endswith(said)
        return text.removesuffix(said).rstrip() if is_told else ""

    def _goes_on(self, place: int, generation: Generation, prompt: Prompt, generator: TextGenerator) -> bool:
        """Whether a recorded prompt goes on behind this one."""
        count, recorded = generator.count_tokens(prompt), self._ids.get(place)
        if recorded is None:
            return _are_same(generation.facts, generator.facts) and count < generation.prompt_tokens
        return count < len(recorded) and generator.describe(prompt).token_ids == recorded[:count]


def _is_longer(before: Generation, after: Generation) -> bool:
    return _are_same(before.facts, after.facts) and after.prompt_tokens > before.prompt_tokens


def _are_same(one: CheckpointFacts, other: CheckpointFacts) -> bool:
    return (one.name, one.revision) == (other.name, other.revision)
