"""What the model is shown: the text before the first turn, what is left out, the exact prompt, and a reply's tokens."""

import math
from collections.abc import Iterator
from typing import Final

from chat.conversation import Conversation, Role
from chat.drafts import Draft
from chat.errors import UsageError
from chat.generation import TextGenerator
from chat.plain.commands.group import CommandGroup
from chat.plain.model import Stopped
from chat.plain.words import quoted
from chat.safe_text import short_line
from chat.seen import SeenPrompt, WeighedToken
from chat.talk.commands import Call
from chat.talk.dropping import drop, dropped_in_words
from chat.talk.sights import SeenTalk, seen_talk, sight_sentences
from chat.talk.weighing import weigh, why_not
from chat.talk.wording import count_in_words, sentence

TOKEN_CELLS: Final = 20
"""Columns of a token's text."""


class SeeingCommands(CommandGroup):
    """What is about the conversation as the model sees it."""

    def command_system(self, call: Call) -> None:
        """Show or set the text before the first turn."""
        session = self.talk.session
        if call.argument:
            session.system = "" if call.argument == "none" else call.argument
            self.talk.save()
        if session.system:
            self.say(f"The text before the first turn: {quoted(session.system, 400)}; /system none takes it away.")
        else:
            self.say("There is no text before the first turn; /system TEXT sets one.")

    def command_drop(self, call: Call) -> None:
        """Leave more of the oldest messages, or a picture, out of what the model sees, or nothing any more."""
        session = self.talk.session
        drop(session, call.argument)
        self.talk.save()
        self.say(dropped_in_words(session))
        if session.not_shown:
            self.talk.tell_unsent()

    def command_prompt(self, _: Call) -> None:
        """Show exactly what the model is shown, the attached pictures as the next message."""
        generator = self.talk.model.ready()
        conversation = self._shown(generator)
        if not conversation.turns:
            raise UsageError("The model is shown nothing yet: send a message or attach a picture first.")
        known = [image for _, image, _ in self.talk.pictures()]
        session = self.talk.session
        work = self.talk.model.begin(
            lambda _, __: seen_talk(generator, conversation, known, turns_before=2 * session.left_out)
        )
        seen = self.talk.model.wait(work)
        self.say("What the model is shown, set off by two spaces:")
        self.output.go_on(seen.shown.text)
        for line in (*_count_lines(seen), *map(sentence, sight_sentences(seen))):
            self.say(line)

    def _shown(self, generator: TextGenerator) -> Conversation:
        session = self.talk.session
        if self.talk.images:
            return session.conversation_with(Draft("", self.talk.images), generator.facts)
        return session.conversation(generator.facts)

    def command_context(self, _: Call) -> None:
        """Tell how much of the context is used."""
        generator = self.talk.model.ready()
        conversation = self._shown(generator)
        tokens = self.talk.count(conversation) if conversation.turns else 0
        if generator.facts.context_length:
            self.say(f"{tokens:,} of {generator.facts.context_length:,} tokens of the context are used.")
        else:
            self.say(
                "A remote server does not tell how many tokens the conversation takes, nor how many it has room for."
            )

    def command_tokens(self, _: Call) -> None:
        """List the last reply's tokens, each with its probability and the likeliest in its place."""
        session = self.talk.session
        generator = self.talk.model.ready()
        replies = [one for one in session.turns if one.turn.role is Role.ASSISTANT]
        reply = replies[-1] if replies else None
        problem = why_not(reply, generator)
        if problem or reply is None:
            raise UsageError(problem)
        said = session.as_it_is()
        work = self.talk.model.begin(lambda _, stop: weigh(generator, said, reply, stop))
        weighed = self.talk.model.wait(work)
        if weighed is None:
            raise Stopped("Stopped; nothing is listed.")
        self.say("Token, its probability, and the likeliest in its place, by the model itself, before temperature:")
        for token in weighed.tokens:
            self.say(_token_line(token))
        if not weighed.is_same_prompt:
            self.say(f"Weighed after {weighed.prompt_tokens:,} tokens; the reply was given after another prompt.")


def _count_lines(seen: SeenTalk) -> Iterator[str]:
    """The tokens of every turn, of control tokens, and of the whole."""
    shown = seen.shown
    if before := shown.count(0).text:
        yield f"The text before the first turn: {count_in_words(before, 'token')}"
    for turn, role in enumerate(shown.roles, start=1):
        speaker = "You" if role is Role.USER else seen.model
        yield f"Turn {turn + seen.turns_before}, {speaker}: {_tokens_in_words(shown, turn)}"
    whole = shown.count()
    left = seen.context_length - whole.total
    rest = f"{left:,} left" if left >= 0 else f"{-left:,} too many"
    yield f"Control tokens: {whole.control:,}"
    yield f"In all {whole.total:,} of {seen.context_length:,} tokens of the context, {rest}"


def _tokens_in_words(shown: SeenPrompt, turn: int) -> str:
    count = shown.count(turn)
    pictures = f", {count.pictures:,} more for pictures" if count.pictures else ""
    return f"{count_in_words(count.text, 'token')} of text{pictures}"


def _token_line(token: WeighedToken) -> str:
    others = ", ".join(f"{_named(one.text, one.token_id)} {_share(one.log_probability)}" for one in token.alternatives)
    shown = _named(token.text, token.token_id)
    return f"{shown:<{TOKEN_CELLS}} {_share(token.log_probability):>7}   {others}"


def _named(text: str, token_id: int) -> str:
    """A token's text in quotes, so that its spaces are seen; its number where it has none."""
    return quoted(text, TOKEN_CELLS - 2) if text else short_line(f"#{token_id}")


def _share(log_probability: float) -> str:
    return f"{100 * math.exp(log_probability):.1f} %"
