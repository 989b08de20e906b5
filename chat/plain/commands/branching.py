"""Commands that make branches and show them: edit, ask again, go on with a cut reply, switch, undo."""

import re

from chat.drafts import Draft
from chat.errors import UsageError
from chat.plain.commands.group import CommandGroup, count_of
from chat.talk.branch_tree import Row, rows_of
from chat.talk.branches import AskedEdit, again_as_typed, check_goes_on, message_at, more, version_in_words
from chat.talk.commands import Call
from chat.talk.labels import SET_OFF
from chat.talk.marks import renumbered
from chat.talk.tree_words import turn_in_words


class BranchingCommands(CommandGroup):
    """What makes a branch keeps everything that was said before."""

    def command_regenerate(self, call: Call) -> None:
        """Ask for another reply."""
        self.talk.send(again_as_typed(self.talk.session.turns, call.argument))

    def command_continue(self, call: Call) -> None:
        """Go on with a reply that was cut."""
        number = _number(call)
        check_goes_on(self.talk.model.generator)
        turns = self.talk.session.turns
        self.talk.send(more(turns, message_at(turns, number)))

    def command_edit(self, call: Call) -> None:
        """Say something else in a message's place; its pictures stay."""
        match = re.fullmatch(r"(?:([0-9]{1,9})\s+)?(\S.*)", call.argument, re.DOTALL)
        session = self.talk.session
        place = message_at(session.turns, int(match[1]) if match and match[1] else None)
        message, first_number = session.turns[place], 1 + sum(len(one.turn.images) for one in session.turns[:place])
        if match is None or match[2].isdigit():
            raise UsageError("/edit takes the words to say instead: /edit WORDS, or /edit 2 WORDS")
        edited = renumbered(Draft(match[2], message.turn.images), first_number, session.next_number)
        self.talk.send(AskedEdit(edited.text, edited.images, tuple(session.turns[:place]), message.id))

    def command_branch(self, call: Call) -> None:
        """Tell every branch, or show another version of the last turn that has several."""
        number = _number(call)
        session = self.talk.session
        session.read_versions()
        if number is None:
            self._tell_tree()
            return
        branching = session.last_branching()
        if branching is None:
            raise UsageError("There is one branch only: /edit or /regenerate makes another.")
        count = session.places[branching.id][1]
        turn_id = session.version_of(branching.id, number)
        if turn_id is None:
            raise UsageError(f"There is no version {number:,}: give a number from 1 to {count}.")
        session.show_branch(turn_id)
        shown = next(stored for stored in session.turns if stored.id == turn_id)
        self.talk.output.say(f"Version {version_in_words(shown, number, count)}. The end of its branch:")
        self.talk.tell_turns(2)

    def _tell_tree(self) -> None:
        rows: list[tuple[int, Row]] = [(1, row) for row in reversed(rows_of(self.talk.session.tree(), folds=False))]
        if not rows:
            raise UsageError("There are no branches: nothing was said yet.")
        self.talk.output.say("The turns of every branch:")
        while rows:
            depth, row = rows.pop()
            version = f"{row.number}. " if row.number else ""
            words = turn_in_words(row.turn) if row.turn is not None else "(beginning)"
            self.talk.output.say(f"{SET_OFF * depth}{version}{words}")
            rows += [(depth + 1, inside) for inside in reversed(row.inside)]

    def command_undo(self, _: Call) -> None:
        """Take the last exchange out of the branch that is shown."""
        self.talk.session.undo()
        self.talk.output.say("The last exchange is taken out and kept; /redo brings it back.")

    def command_redo(self, _: Call) -> None:
        """Bring back what was undone."""
        self.talk.session.redo()
        self.talk.tell_turns(2)


def _number(call: Call) -> int | None:
    return count_of(call, 0) if call.argument.strip() else None
