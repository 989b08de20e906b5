"""How a message that was sent is edited: it stands in the composer, and what was being written comes back."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from chat.conversation import Role
from chat.drafts import NOTHING, Draft, joined
from chat.errors import ChatError, UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.marks import draft_of, renumbered
from chat.tui.screens.tasks import TaskScreen

# The first frame does without.
if TYPE_CHECKING:
    from chat.talk.branches import AskedEdit

_NOT_MEANWHILE: Final = frozenset(
    ("choose", "caption", "story", "each", "regenerate", "continue", "edit", "branch", "undo", "redo")
)
"""Commands that send something, or change what is edited."""


class Editing(NamedTuple):
    """A message that was sent and is being edited."""

    asked: "AskedEdit"
    """What it says where nothing is changed; empty where it waited, and every word of it is a change."""
    before: Draft
    """The message that was being written."""
    first_number: int
    """The number of the first picture of both, at that time."""

    @property
    def number(self) -> int:
        """Which of the user's messages it is, from 1."""
        return 1 + sum(stored.turn.role is Role.USER for stored in self.asked.path)

    def edit(self, draft: Draft) -> "AskedEdit":
        """What is sent in the message's place."""
        from chat.talk.branches import AskedEdit

        return AskedEdit(draft.text, draft.images, self.asked.path, self.asked.message_id)

    def is_changed(self, written: Draft) -> bool:
        """Whether the message is not as it was; with the numbers of that time."""
        return bool(written) and written != Draft(self.asked.text, self.asked.images)


class EditingScreen(TaskScreen):
    """Lets a message be edited in the composer; sent, it makes a branch."""

    _editing: Editing | None = None
    _left_edits: dict[int, Draft] | None = None
    """Changed messages whose editing was left, by the id of the message; pictures are numbered from 1."""

    async def edit(self, place: int) -> None:
        """Put the message that stands there into the composer; raises UsageError."""
        from chat.talk.branches import AskedEdit

        if self.is_reading:
            raise UsageError("a picture is still being read for your message: wait until it is attached")
        turns, next_number = self.session.turns, self.session.next_number
        message, first_number = turns[place], 1 + sum(len(stored.turn.images) for stored in turns[:place])
        original = renumbered(draft_of(message.turn, first_number), first_number, next_number)
        asked = AskedEdit(original.text, original.images, tuple(turns[:place]), message.id)
        left = (self._left_edits or {}).pop(message.id, None)
        await self._begin_edit(asked, renumbered(left, 1, next_number) if left else original)

    async def _begin_edit(self, asked: "AskedEdit", draft: Draft) -> None:
        # A picture that is attached to begin with is nobody's draft.
        before, first_number = super().draft_to_keep(), self.session.next_number
        self.say_nothing()
        editing = self._editing = Editing(asked, before, first_number)
        self.composer.show_purpose(f"editing your message {editing.number} · escape leaves it")
        await self.composer.show_draft(draft, first_number)
        self.composer.focus_text()
        self.keep_draft()

    async def leave_edit(self) -> bool:
        """Put what was being written before back; tells whether a message was being edited."""
        editing = self._editing
        if editing is None:
            return False
        written, number = self.composer.draft, self.session.next_number
        is_changed = editing.is_changed(renumbered(written, number, editing.first_number))
        if is_changed:
            self._left_edits = {**(self._left_edits or {}), editing.asked.message_id: renumbered(written, number, 1)}
        self._end_edit()
        await self.composer.show_draft(self._written_before(editing), number)
        self.keep_draft()
        if is_changed:
            self.say(f"Not sent · /edit {editing.number} goes on with your change", is_problem=False)
        return True

    def _end_edit(self) -> None:
        self._editing = None
        self.composer.show_purpose("")

    def _written_before(self, editing: Editing) -> Draft:
        """What was being written, with the numbers that its pictures have by now."""
        return renumbered(editing.before, editing.first_number, self.session.next_number)

    @property
    def is_editing(self) -> bool:
        """Whether the composer has a message that was sent before."""
        return self._editing is not None

    def check_call(self, call: Call) -> None:
        """Raise UsageError for a command that cannot be run while a message is edited."""
        if self._editing is not None and call.name in _NOT_MEANWHILE:
            raise UsageError(
                f"your message {self._editing.number} is being edited: escape leaves it, then /{call.name}"
            )

    async def submit(self, *drafts: Draft) -> None:
        """Send messages, or let them wait; what is edited takes the place of what it was."""
        editing = self._editing
        if editing is None:
            await super().submit(*drafts)
            return
        # Until it waits, what was being written before is kept as the edit's; both are of this session.
        await super().submit(*map(editing.edit, drafts))
        if self._editing is not editing:
            return
        self._end_edit()
        if editing.before:
            await self.composer.put_back(self._written_before(editing), self.session.next_number)

    def as_sent(self, draft: Draft) -> Draft:
        """A message as it would be sent."""
        return self._editing.edit(draft) if self._editing is not None else super().as_sent(draft)

    def draft_to_send(self) -> Draft:
        """The message being written as it would be sent, as far as it is the user's."""
        return self.as_sent(super().draft_to_keep())

    def draft_to_keep(self) -> Draft:
        """The message being written; while one is edited, the one before it and the change, if there is one."""
        written, editing = super().draft_to_keep(), self._editing
        if editing is None:
            return written
        before, number = self._written_before(editing), self.session.next_number
        if not editing.is_changed(renumbered(written, number, editing.first_number)):
            return before or NOTHING
        return joined([before, renumbered(written, number, number + len(before.images))])

    async def take_back(self, position: int | None, *, to_edit: bool) -> None:
        """Take back what waits: an edited message is edited again, a further reply is not asked for."""
        from chat.talk.branches import AskedEdit, AskedReply

        session, waiting = self.session, self.session.waiting
        if not to_edit or position is None or not -len(waiting) <= position < len(waiting):
            await super().take_back(position, to_edit=to_edit)
            return
        draft, number = waiting[position], session.number_of(position % len(waiting))
        # What is taken back has the composer to itself.
        await self.leave_edit()
        is_in_the_way = isinstance(draft, AskedReply) and bool(self.composer.draft)
        is_edit = isinstance(draft, AskedEdit)
        await super().take_back(position, to_edit=not is_edit and not is_in_the_way)
        if isinstance(draft, AskedEdit) and session is self._session:
            asked = AskedEdit("", (), draft.path, draft.message_id)
            text = renumbered(Draft(draft.text, draft.images), number, session.next_number)
            await self._begin_edit(asked, text)

    def put_away(self) -> None:
        """Keep everything as it is; a change that was not sent is part of the draft."""
        super().put_away()
        if self._editing is not None:
            self._end_edit()

    async def attempt(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do what a key asks; where it cannot be done, say why."""
        try:
            await act()
        except ChatError as error:
            self.say(short_line(str(error), 400))
