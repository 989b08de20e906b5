"""What the message being written costs: counted for the meter, and read by the model ahead of its sending."""

from typing import TYPE_CHECKING

from textual import on, work

from chat.drafts import Draft
from chat.generation import TextGenerator
from chat.talk.commands import is_command, parse
from chat.tui.messages import ContextCounted
from chat.tui.screens.model import ModelScreen
from chat.tui.widgets.status_row import StatusRow

# Imported after the first frame, with what opens a session.
if TYPE_CHECKING:
    from chat.talk.said import SaidSession


class ContextScreen(ModelScreen):
    """Keeps the context meter and has the model read what is being written."""

    def show_context(self, tokens: int | None, *, is_message: bool = False) -> None:
        """Show how full the context is, with the message being written, or with what was said alone."""
        from chat.context import reply_room

        limit = self.facts.context_length if self.facts else 0
        taken = (tokens or 0) + reply_room(limit, self._settings.max_new_tokens)
        self.query_one(StatusRow).show_context(tokens, limit, fits=not is_message or taken <= limit)

    def as_sent(self, draft: Draft) -> Draft:
        """A message as it would be sent."""
        return draft

    def draft_to_send(self) -> Draft:
        """The message being written as it would be sent, as far as it is the user's."""
        return self.draft_to_keep()

    def prefill_draft(self) -> None:
        """Have the model compute the message being written, so that it is read when it is sent."""
        if self._generator is None or self._model is None:
            return
        draft = self.draft_to_send()
        is_message = parse(draft.text) is None and (draft.text.strip() or draft.images)
        # Beam search begins with every prompt anew.
        is_of_use = not self.is_working and not self.session.waiting and self._settings.num_beams == 1
        if is_message and is_of_use:
            self._model.prefill(self._generator, self.session.conversation_with(draft, self._generator.facts))
        else:
            self.stop_prefill()

    def stop_prefill(self) -> None:
        """Let the model rest: what it computes is not what will be sent."""
        if self._model is not None:
            self._model.stop_prefill()

    def draft_for_model(self) -> Draft:
        """The message being written, as far as it would reach the model; empty where none of it would."""
        draft = self.composer.draft
        # A command never reaches it; its pictures may.
        draft = Draft("", draft.images) if is_command(draft.text) else draft
        return self.as_sent(draft) if draft.text.strip() or draft.images else Draft()

    def count_context(self) -> None:
        """Count the conversation and the message being written, for the meter."""
        if self._generator is None or self.is_working:
            return
        draft = self.draft_for_model()
        if draft or self.session.turns:
            self._count(self._generator, self.session.as_it_is(), draft or None)
        else:
            self.show_context(0)

    @work(thread=True, exclusive=True, group="context", exit_on_error=False)
    def _count(self, generator: TextGenerator, said: "SaidSession", draft: Draft | None) -> None:
        # A long conversation takes as long to put together as several keys.
        from chat.talk.said import prompt_of

        facts = generator.facts
        conversation = said.conversation_with(draft, facts) if draft is not None else said.conversation(facts)
        tokens = generator.count_tokens(prompt_of(conversation, generator)) if conversation.turns else 0
        self.post_message(ContextCounted(tokens, is_message=draft is not None))

    @on(ContextCounted)
    def _show_counted(self, message: ContextCounted) -> None:
        if not self.is_working:
            self.show_context(message.tokens, is_message=message.is_message)
