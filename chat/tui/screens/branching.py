"""How the conversation branches: replies asked for again or gone on with, branches switched, undo."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from chat.drafts import Draft
from chat.errors import UsageError
from chat.generation import CheckpointFacts
from chat.talk.commands import Call
from chat.tui.screens.editing import EditingScreen

# The widgets of turns come after the first frame.
if TYPE_CHECKING:
    from chat.records import StoredTurn
    from chat.talk.branches import AskedReply
    from chat.talk.open_session import OpenSession
    from chat.tui.widgets.turn import SaidTurn


class BranchingScreen(EditingScreen):
    """Makes branches and shows them; where it cannot, it says why in one line."""

    def read_last(self) -> bool:
        """Go to the last turn; tells whether there is one."""
        raise NotImplementedError

    async def turns_changed(self) -> None:
        """The turns show which version of how many they are."""
        await super().turns_changed()
        self.session.read_versions()
        self.log_view.show_places(self.session.places)

    # Branches

    async def command_branch(self, call: Call) -> None:
        """Show the tree, or another version of the last turn that has several."""
        number = _number(call, "/branch takes the number of a version: /branch 2; alone it shows the tree")
        if number is None:
            self._show_tree()
            return
        branching = self.session.last_branching()
        if branching is None:
            raise UsageError("there is one branch only: editing or asking again makes another")
        await self._show_version(branching, number)

    async def turn_older_version(self, turn: "SaidTurn") -> None:
        """Show the version before."""
        await self._show_beside(turn, -1)

    async def turn_newer_version(self, turn: "SaidTurn") -> None:
        """Show the version after."""
        await self._show_beside(turn, 1)

    async def turn_tree(self, _: "SaidTurn") -> None:
        """Show all branches as a tree."""
        await self.attempt(lambda: self.command_branch(Call("branch")))

    async def _show_beside(self, turn: "SaidTurn", by: int) -> None:
        stored = turn.stored
        if stored is None or (place := self.session.places.get(stored.id)) is None:
            return
        number, count = place[0] + by, place[1]
        if 1 <= number <= count:
            await self.attempt(lambda: self._show_version(stored, number))
        else:
            self.say(f"This is version {place[0]} of {count}; there is none {'after' if by > 0 else 'before'} it.")

    async def _show_version(self, stored: "StoredTurn", number: int) -> None:
        """Show another version of a turn, and what follows it."""
        turn_id = self.session.version_of(stored.id, number)
        if turn_id is None:
            count = self.session.places.get(stored.id, (1, 1))[1]
            raise UsageError(f"there is no version {number:,}: give a number from 1 to {count}")
        await self.show_branch(turn_id)

    async def show_branch(self, turn_id: int, *, is_found: bool = False) -> None:
        """Show the branch that a turn is in, and the turn; raises ChatError.

        Args:
            turn_id: Of the turn.
            is_found: It was looked for: it is marked, and what is typed goes on being a message.
        """
        from chat.talk.branches import version_in_words

        session = self.session
        if self.is_editing:
            raise UsageError("a message is being edited: escape leaves that first")
        if all(stored.id != turn_id for stored in session.turns):
            session.show_branch(turn_id)
            await self._show_shown(session)
        if session is not self._session:
            return
        await self._go_to_turn(turn_id, is_found=is_found)
        stored = next((stored for stored in session.turns if stored.id == turn_id), None)
        if is_found and self.is_saying:
            # What became of the conversation before matters more; the version stands beside the turn.
            return
        if stored is not None and (place := session.places.get(turn_id)):
            self.say(version_in_words(stored, *place), is_problem=False)

    async def _go_to_turn(self, turn_id: int, *, is_found: bool) -> None:
        turn = await self.log_view.turn_with(turn_id)
        if turn is not None:
            self.log_view.release_anchor()
            if is_found:
                self.log_view.mark_found(turn)
            else:
                turn.focus(scroll_visible=False)
            self.call_after_refresh(self.log_view.scroll_to_widget, turn, animate=False)

    async def _show_shown(self, session: "OpenSession") -> None:
        """Show the branch that the session has by now."""
        await self.composer.number_from(session.next_number)
        if session is self._session:
            await self.log_view.show_changed(session.entries(), session.system)
        if session is not self._session:
            return
        await self.turns_changed()
        self.show_status()
        self.count_context()
        self.prefill_draft()

    def _show_tree(self) -> None:
        from chat.tui.screens.tree import TreeScreen

        session, nodes = self.session, self.session.tree()
        if not nodes:
            raise UsageError("nothing was said yet: there are no branches")

        async def go(turn_id: int | None) -> None:
            if turn_id is not None and session is self._session:
                await self.attempt(lambda: self.show_branch(turn_id))

        self.app.push_screen(TreeScreen(nodes, session.title), go)

    # Undo

    async def command_undo(self, _: Call) -> None:
        """Take the last exchange out of the branch that is shown."""
        session = self.session
        session.undo()
        await self._show_shown(session)
        if session is self._session:
            self.composer.focus_text()
            self.say("The last exchange is taken out and kept · /redo brings it back", is_problem=False)

    async def command_redo(self, _: Call) -> None:
        """Bring back what was undone."""
        session = self.session
        session.redo()
        await self._show_shown(session)
        if session is self._session:
            await self.log_view.go_last()
            self.say("The exchange is shown again.", is_problem=False)

    async def turn_undo(self, _: "SaidTurn") -> None:
        """Take the last exchange out."""
        await self._ask(lambda: self.command_undo(Call("undo")))

    # Another reply, the rest of one, another message

    async def command_regenerate(self, call: Call) -> None:
        """Ask for another reply."""
        from chat.talk.branches import again_as_typed

        asked = again_as_typed(self.session.turns, call.argument)
        self._require_replied(asked)
        await self.enqueue(asked)

    async def command_continue(self, call: Call) -> None:
        """Go on with a reply that was cut."""
        from chat.talk.branches import message_at

        number = _number(call, "/continue takes the number of an exchange, from 1: /continue 2")
        await self._go_on_from(message_at(self.session.turns, number))

    async def command_edit(self, call: Call) -> None:
        """Put a message that was sent into the composer, to be changed."""
        from chat.talk.branches import message_at

        number = _number(call, "/edit takes the number of one of your messages, from 1: /edit 2")
        await self.edit(message_at(self.session.turns, number))

    async def turn_again(self, turn: "SaidTurn") -> None:
        """Ask for another reply to this message, or in the place of this reply."""
        if (place := self._place(turn)) is not None:
            await self._ask(lambda: self._ask_again(place))

    async def turn_go_on(self, turn: "SaidTurn") -> None:
        """Go on with this reply."""
        if (place := self._place(turn)) is not None:
            await self._ask(lambda: self._go_on_from(place))

    async def turn_edit(self, turn: "SaidTurn") -> None:
        """Put this message, or the one that this is the reply to, into the composer."""
        if (place := self._place(turn)) is not None:
            await self._ask(lambda: self.edit(place))

    async def _ask_again(self, place: int) -> None:
        from chat.talk.branches import again

        asked = again(self.session.turns, place)
        self._require_replied(asked)
        await self.enqueue(asked)

    async def _go_on_from(self, place: int) -> None:
        from chat.talk.branches import check_goes_on, more

        check_goes_on(self._generator)
        asked = more(self.session.turns, place)
        await self.enqueue(asked)

    def _require_replied(self, asked: "AskedReply") -> None:
        """Raise UsageError where the reply that another one is asked for beside is still being written."""
        if self.session.is_replying and asked.said is None and asked.path[-1] is self.session.turns[-1]:
            raise UsageError("the reply is still being written: escape stops it")

    def _place(self, turn: "SaidTurn") -> int | None:
        from chat.talk.branches import message_of

        return message_of(self.session.turns, turn.stored.id) if turn.stored is not None else None

    async def _ask(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do what a key asks of a turn, as far as no message is being edited."""
        if self.is_editing:
            self.say("A message is being edited: escape in it leaves that first.")
        else:
            await self.attempt(act)

    def tell_sent(self, draft: Draft, facts: CheckpointFacts) -> None:
        """Say so where another reply is not generated as replies are at large."""
        from chat.talk.branches import LIVELY, AskedAgain, AskedReply, would_repeat

        super().tell_sent(draft, facts)
        if isinstance(draft, AskedReply) and self.focused is not None and self.focused.id != "message":
            # The turn that had the focus gave its place to the reply that is being written.
            self.read_last()
        if isinstance(draft, AskedAgain) and would_repeat(draft, self._settings, facts):
            self.say(
                f"Sampled at temperature {LIVELY}, since greedy decoding has one reply only "
                "· /regenerate 1.2 strays further",
                is_problem=False,
            )

    def branch_commands(self) -> Iterator[tuple[str, str, Callable[[], Awaitable[None]]]]:
        """What the palette offers."""

        def runs(command: Callable[[Call], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            return lambda: self._ask(lambda: command(Call("")))

        yield "Branches", "Show all branches as a tree", runs(self.command_branch)
        yield "Edit", "Change your last message; that makes a branch", runs(self.command_edit)
        yield "Again", "Ask for another reply; that makes a branch", runs(self.command_regenerate)
        yield "Go on", "Go on with a reply that was cut", runs(self.command_continue)
        yield "Undo", "Take the last exchange out; it is kept", runs(self.command_undo)
        yield "Redo", "Bring back what was undone", runs(self.command_redo)


def _number(call: Call, usage: str) -> int | None:
    argument = call.argument.strip()
    if argument and not (argument.isascii() and argument.isdigit() and len(argument) < 10):
        raise UsageError(usage)
    return int(argument) if argument else None
