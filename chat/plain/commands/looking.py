"""What was said and what the model is shown of it: history, prompt, tokens, and what is left out."""

import re

from chat.conversation import Conversation
from chat.errors import UsageError
from chat.generation import TextGenerator
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.words import choice_lines, ending_of, picture_in_words, quoted, said_in_words
from chat.records import Choice, Draft, StoredTurn
from chat.talk.commands import Call
from chat.talk.said import prompt_of
from chat.talk.wording import checkpoint_in_words, count_in_words


class LookingCommands(CommandGroup):
    """What is about this conversation as the model sees it."""

    def command_history(self, call: Call) -> None:
        """Tell what was said."""
        session = self.talk.session
        entries = session.entries()
        if not entries:
            self.say("Nothing was said yet.")
            return
        count = count_of(call, len(entries))
        if session.system and count >= len(entries):
            self.output.begin("System", session.system)
        for entry, number in entries[len(entries) - min(count, len(entries)) :]:
            if isinstance(entry, Choice):
                self._tell_choice(entry)
            else:
                self._tell_turn(entry, number)
        self.output.end_line()

    def _tell_turn(self, stored: StoredTurn, number: int) -> None:
        self.output.begin(*said_in_words(stored, number))
        for position, image in enumerate(stored.turn.images):
            self.say(picture_in_words(image, number + position))

    def _tell_choice(self, choice: Choice) -> None:
        self.output.begin("You", f"/choose {' | '.join(choice.ranking.labels)}")
        for line in choice_lines(choice):
            self.say(line)

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
        """Leave more of the oldest messages out of what the model sees, or none any more."""
        session = self.talk.session
        if not re.fullmatch("[0-9]{0,9}", call.argument):
            raise UsageError("/drop takes the number of messages: /drop 2; /drop 0 shows the model everything again.")
        if call.argument and not int(call.argument):
            session.left_out = 0
        else:
            session.leave_out(int(call.argument or 1))
        if not session.left_out:
            self.say("The model sees everything that was said.")
            return
        oldest = "oldest message with its reply"
        if session.left_out > 1:
            oldest = f"{session.left_out:,} oldest messages with their replies"
        self.say(
            f"The model does not see the {oldest} and pictures; the session keeps all. "
            "/drop 0 shows the model everything again."
        )
        self.talk.tell_unsent()

    def _shown(self, generator: TextGenerator) -> Conversation:
        """The conversation, with the attached pictures as the next message."""
        session = self.talk.session
        if self.talk.images:
            return session.conversation_with(Draft("", self.talk.images), generator.facts)
        return session.conversation(generator.facts)

    def command_prompt(self, _: Call) -> None:
        """Show exactly what the model is shown."""
        generator = self.talk.model.ready()
        conversation = self._shown(generator)
        if not conversation.turns:
            raise UsageError("The model is shown nothing yet: send a message or attach a picture first.")
        self.say(prompt_of(conversation, generator).text)
        before = 0
        for number, turn in enumerate(conversation.turns, start=1):
            part = Conversation(conversation.turns[:number], conversation.system)
            tokens = self.talk.count(part)
            pictures = f", {count_in_words(len(turn.images), 'picture')}" if turn.images else ""
            self.say(f"{number}. {turn.role.capitalize()}: {count_in_words(tokens - before, 'token')}{pictures}")
            before = tokens
        self._tell_used(before, generator)

    def command_tokens(self, _: Call) -> None:
        """Tell how much of the context is used."""
        generator = self.talk.model.ready()
        conversation = self._shown(generator)
        self._tell_used(self.talk.count(conversation) if conversation.turns else 0, generator)

    def _tell_used(self, tokens: int, generator: TextGenerator) -> None:
        self.say(f"{tokens:,} of {generator.facts.context_length:,} tokens of the context are used.")

    def command_details(self, _: Call) -> None:
        """Tell how the last reply came about."""
        replies = [stored for stored in self.talk.session.turns if stored.generation is not None]
        if not replies:
            raise UsageError("There is no reply yet.")
        generation = replies[-1].generation
        if generation is None:
            return
        name, runs_on = checkpoint_in_words(generation.facts)
        settings = generation.settings
        sampled = f"temperature {settings.temperature:g}, seed {generation.seed}" if settings.temperature else "greedy"
        ending = ending_of(replies[-1]) or str(generation.stop_reason).replace("_", " ")
        self.say(f"{name}, {runs_on.replace(' · ', ', ')}; {sampled}, at most {settings.max_new_tokens:,} tokens.")
        self.say(
            f"{count_in_words(generation.prompt_tokens, 'token')} of prompt, {generation.cached_tokens:,} of them kept "
            f"from before; {count_in_words(len(generation.token_ids), 'token')} of reply; {ending}."
        )
        self.say(f"First token after {generation.first_token_s:.2f} s, the whole in {generation.total_s:.2f} s.")
