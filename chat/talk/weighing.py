"""A reply's tokens with their likelihoods, found with the prompt that the reply was given to."""

import threading
from typing import NamedTuple

from chat.conversation import Conversation
from chat.generation import TextGenerator
from chat.prompt import Prompt
from chat.records import StoredTurn
from chat.seen import WeighedToken
from chat.session import conversation_of
from chat.talk.said import SaidSession, prompt_of
from chat.talk.shown import shown_turns


class Weighed(NamedTuple):
    """The tokens of a reply."""

    tokens: tuple[WeighedToken, ...]
    prompt_tokens: int
    """Of the prompt that they were weighed after."""
    is_same_prompt: bool
    """Whether that has as many tokens as the one that the reply was given to."""


def why_not(reply: StoredTurn | None, generator: TextGenerator | None) -> str:
    """Why the tokens of a turn cannot be weighed with what is loaded; empty where they can be."""
    generation = reply.generation if reply else None
    if generation is None:
        return "There is no reply to list the tokens of."
    if generation.facts.is_remote or (generator is not None and generator.facts.is_remote):
        return "A remote server does not tell how likely the tokens of a reply were."
    if not generation.token_ids:
        return "This reply has no tokens."
    if generator is None:
        return "No model is loaded: a reply's probabilities are the model's · /load loads it"
    given, facts = generation.facts, generator.facts
    if (given.name, given.revision) != (facts.name, facts.revision):
        return f"{given.short_name} gave this reply; {facts.short_name}, which is loaded, has other tokens."
    return ""


def weigh(generator: TextGenerator, said: SaidSession, reply: StoredTurn, stop: threading.Event) -> Weighed | None:
    """Weigh the tokens of a reply; None when stopped.

    It was given to all that was said before it, or to what the model is shown of that: whichever has as many tokens.

    Args:
        generator: That gave it.
        said: The session that it is in; nothing else may change it meanwhile.
        reply: One of its turns, which `why_not` says nothing against.
        stop: Ends it.

    Raises:
        GenerationError: The model failed.
    """
    if reply.generation is None:
        raise ValueError("a turn of the user's has no tokens")
    wanted = reply.generation.prompt_tokens
    before = said.turns[: said.turns.index(reply)]
    shown = list(shown_turns(before, said.not_shown))
    conversation, *others = (
        conversation_of(turns, system=said.system, facts=generator.facts)
        for turns in ([before] if shown == before else [before, shown])
    )
    whole = prompt_of(conversation, generator)
    prompts = [whole, *(prompt_of(other, generator) for other in others)]
    prompt = next((one for one in prompts if generator.count_tokens(one) == wanted), whole)
    tokens = generator.weigh(prompt, reply.generation.token_ids, stop)
    if tokens is not None and generator.count_tokens(prompt) != wanted:
        begun = _begun(conversation, generator, reply.turn.text, tokens)
        if begun is not None and generator.count_tokens(begun) == wanted:
            prompt, tokens = begun, generator.weigh(begun, reply.generation.token_ids, stop)
    if tokens is None:
        return None
    taken = generator.count_tokens(prompt)
    return Weighed(tokens, taken, taken == wanted)


def _begun(
    conversation: Conversation, generator: TextGenerator, text: str, tokens: tuple[WeighedToken, ...]
) -> Prompt | None:
    """The prompt with the words that a reply was given to begin with, where it has some that it did not say."""
    said = "".join(token.text for token in tokens).strip()
    place = text.find(said[:20]) if said else -1
    words = text[:place].strip() if place > 0 else ""
    return prompt_of(conversation, generator, words) if words else None
