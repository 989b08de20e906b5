"""What becomes of a message that does not fit, and of what the model is not shown: the user decides."""

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from chat.drafts import Draft
from chat.talk.commands import Call
from chat.talk.marks import renumbered
from chat.talk.wording import overflow_in_words
from chat.tui.screens.tasks import TaskScreen

# They come with the first message that does not fit.
if TYPE_CHECKING:
    from chat.context import Overflow
    from chat.talk.open_session import OpenSession
    from chat.talk.remedies import Remedy


class OverflowingScreen(TaskScreen):
    """Asks what to leave out, and shows it."""

    _dialog: Screen[Any] | None = None
    """That asks, or has asked before."""

    def _prompt(self, remedy: "Remedy | None") -> str:
        """The prompt of the message that waits, as a way out would make it."""
        from chat.talk.said import prompt_of
        from chat.talk.ways_out import conversation_after

        if self._generator is None or not self.session.waiting:
            return ""
        conversation = conversation_after(self.session, self.session.waiting[0], remedy, self._generator.facts)
        return prompt_of(conversation, self._generator).text

    def send_next(self) -> None:
        """Begin with the first message that waits; nothing is sent while somebody is asked what to do with it."""
        if self._dialog not in self.app.screen_stack:
            super().send_next()

    async def tell_overflow(self, overflow: "Overflow", remedies: "tuple[Remedy, ...]") -> None:
        """Ask what is to be left out. Whoever is typing or looking at something else is told it in a line instead."""
        is_elsewhere = not self.is_active or bool(self.composer.draft)
        if not remedies or is_elsewhere:
            await super().tell_overflow(overflow, remedies)
            return
        from chat.talk.ways_out import ways_out
        from chat.tui.screens.overflow import OverflowScreen

        session, asked = self.session, self.session.waiting[0]
        await self.show_waiting()
        if session is not self._session or session.waiting[:1] != [asked]:
            return
        if not self.is_active:
            await super().tell_overflow(overflow, remedies)
            return
        ways = [one for one in ways_out(session, overflow, remedies) if _is_possible(one.remedy, asked)]
        self._dialog = dialog = OverflowScreen(overflow, ways, self._prompt)
        self.app.push_screen(dialog, partial(self._decide, session, overflow))

    async def _decide(self, session: "OpenSession", overflow: "Overflow", remedy: "Remedy | None") -> None:
        self._dialog = None
        if session is not self._session or not session.waiting:
            return
        from chat.talk.remedies import Kind
        from chat.talk.ways_out import take

        if remedy is None:
            await self._do_not_send(overflow)
            return
        if remedy.kind is Kind.SUMMARIZE:
            await self._begin_with_summary(remedy.summary)
            return
        take(session, remedy)
        await self._left_out_changed()

    async def _do_not_send(self, overflow: "Overflow") -> None:
        """Give the message back; where others wait behind it, it stays before them."""
        if len(self.session.waiting) > 1:
            self.say(overflow_in_words(overflow))
        else:
            await self.take_back(0, to_edit=True)
        self.composer.focus_text()

    async def _begin_with_summary(self, summary: str) -> None:
        """Begin a session with the summary and the message that waits, both to be seen and changed before they go."""
        from chat.talk.ways_out import with_summary

        before = self.session
        system, message = before.system, renumbered(before.waiting[0], before.number_of(0), 1)
        await self.take_back(0, to_edit=False)
        await self.change_session(None)
        if self._session is None or self._session is before or self.session.id is not None:
            # It could not be begun, and why is said: then nothing has changed.
            next_number = self.session.next_number
            await self.composer.put_back(renumbered(message, 1, next_number), next_number)
            return
        self.session.system = system
        await self.log_view.show_system(system)
        await self.composer.put_back(with_summary(summary, message), self.session.next_number)
        self.composer.focus_text()
        self.say(
            "A new session: change the summary if you like, then send it. The other one is kept.", is_problem=False
        )

    async def command_drop(self, call: Call) -> None:
        """Leave more of the oldest messages, or a picture, out of what the model sees, or nothing any more."""
        from chat.talk.dropping import drop

        drop(self.session, call.argument)
        await self._left_out_changed()

    async def _left_out_changed(self) -> None:
        """Show and keep what is left out, and go on."""
        from chat.talk.dropping import dropped_in_words

        session = self.session
        self.say(dropped_in_words(session), is_problem=False)
        self.save()
        await self.log_view.show_left_out(session.not_shown)
        if session is not self._session:
            return
        self.stop_checking()
        self.send_next()
        self.show_status()
        self.count_context()


def _is_possible(remedy: "Remedy | None", asked: Draft) -> bool:
    """Labels that wait with the pictures of a message have no place in a new session."""
    from chat.talk.said import AskedChoice

    return remedy is None or not remedy.summary or not isinstance(asked, AskedChoice)
