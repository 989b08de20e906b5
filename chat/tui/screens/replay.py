"""A conversation played back as it was recorded: nothing is computed, nothing is changed, and no model is needed."""

from datetime import datetime
from typing import ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Key
from textual.message import Message

from chat.conversation import Role
from chat.errors import ChatError
from chat.records import StoredTurn
from chat.replay.branch import RecordedBranch, missing_pictures
from chat.replay.playback import Moment, Playback
from chat.safe_text import printable
from chat.talk.wording import checkpoint_in_words, count_in_words, time_in_words
from chat.tui.binding import Binding
from chat.tui.screens.played import PlayedScreen
from chat.tui.widgets.log import ConversationLog


class Comparer(Protocol):
    """Has a recorded branch answered anew by a model, on a screen of its own."""

    async def verify_branch(self, branch: RecordedBranch) -> str:
        """Run the recorded turns again; gives why that cannot be, or nothing."""

    async def compare_branch(self, branch: RecordedBranch) -> str:
        """Ask which checkpoint is to answer the recorded messages; gives why none can, or nothing."""


class PicturesMissed(Message):
    """Some of the pictures are not there."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


class ReplayScreen(PlayedScreen):
    """Shows the turns one after the other at their recorded or a chosen speed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Not named below the turns: at 80 columns there is no room for it beside the others.
        Binding("comma", "slower", "Slower", show=False, tooltip="Play at a lower speed"),
        Binding("t,b", "tree", "Branches", tooltip="Choose another branch"),
        Binding("left_square_bracket", "branch(-1)", "Earlier branch", show=False, tooltip="Show the branch before"),
        Binding("right_square_bracket", "branch(1)", "Later branch", show=False, tooltip="Show the branch after"),
        Binding("v", "verify", "Verify", tooltip="Run the recorded turns again and see what differs"),
        Binding("c", "compare", "Compare", tooltip="Have another checkpoint answer the same messages"),
        *PlayedScreen.LEAVING,
    ]

    def __init__(
        self, branch: RecordedBranch, *, speed: float = 1.0, seconds: float = 0.0, comparer: Comparer | None = None
    ) -> None:
        """Play a branch back.

        Args:
            branch: What is shown.
            speed: 1 is the recorded one.
            seconds: Where to begin.
            comparer: Has it answered anew; None where there is no model.
        """
        super().__init__(branch, speed=speed, seconds=seconds)
        self._comparer = comparer

    def compose_turns(self) -> ComposeResult:
        """The conversation, to be read."""
        yield ConversationLog()

    async def on_mount(self) -> None:
        """Look for the pictures, beside the playing."""
        await super().on_mount()
        if not self._branch.turns:
            self.say("There is nothing to play back: nothing was said.", is_problem=False)
        self._count_missing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that would do nothing is not named."""
        return False if self._why_not(action) else super().check_action(action, parameters)

    def _why_not(self, action: str) -> str:
        """Why something cannot be done in this replay, in words; empty where it can."""
        match action:
            case "tree" | "branch" if len(self._branch.ends) < 2:
                return "This conversation has one branch."
            case "verify" if self._comparer is None:
                return "No model is here: `idefics-chat replay --verify` runs the recorded replies again."
            case "compare" if self._comparer is None:
                return "No model is here: `idefics-chat replay --checkpoint NAME` has another one answer."
            case _:
                return ""

    def on_key(self, event: Key) -> None:
        """Say why a key does nothing here."""
        bound = self._bindings.key_to_bindings.get(event.key, [])
        if words := next(filter(None, (self._why_not(one.action.partition("(")[0]) for one in bound)), ""):
            self.say(words, is_problem=False)

    @property
    def _log(self) -> ConversationLog:
        return self.query_one(ConversationLog)

    # Pictures

    @work(thread=True, group="missing")
    def _count_missing(self) -> None:
        if count := len(missing_pictures(self._branch.turns)):
            self.post_message(PicturesMissed(count))

    @on(PicturesMissed)
    def _tell_missing(self, message: PicturesMissed) -> None:
        if not self.is_there:
            return
        verb = "is" if message.count == 1 else "are"
        self.say(f"{count_in_words(message.count, 'picture')} {verb} missing: a placeholder stands where one was.")

    # Branches

    def action_tree(self) -> None:
        """Choose a branch."""
        from chat.tui.screens.tree import TreeScreen

        self.app.push_screen(TreeScreen(self._branch.shown_tree, self._branch.title), self._show_chosen)

    async def action_branch(self, by: int) -> None:
        """Show the branch before, or the one after."""
        ends, place = self._branch.ends, self._branch.place + by
        if 0 <= place < len(ends):
            await self._switch(ends[place], to_turn=False)
        else:
            self.say(f"There is no branch {'after' if by > 0 else 'before'} this one.", is_problem=False)

    async def _show_chosen(self, turn_id: int | None) -> None:
        if turn_id is not None:
            await self._switch(turn_id, to_turn=True)

    async def _switch(self, turn_id: int, *, to_turn: bool) -> None:
        """Show the branch that a turn is in: all of that turn, or as much as was shown of the other."""
        position = self._position
        try:
            self._branch = self._branch.branch_with(turn_id)
        except ChatError as error:
            self.say(str(error))
            return
        self._playback = Playback(self._branch.turns)
        if to_turn:
            ids = [stored.id for stored in self._branch.turns]
            position = ids.index(turn_id)
        self._seconds = self._playback.shown_s(min(position, len(self._playback.steps) - 1))
        self.say("")
        self.show_facts()
        await self._show(force=True)
        self._count_missing()

    # Models

    async def action_verify(self) -> None:
        """Run the recorded turns again."""
        if self._comparer is not None:
            self._is_playing = False
            self.say(await self._comparer.verify_branch(self._branch))
            self.show_place()

    async def action_compare(self) -> None:
        """Have another checkpoint answer the same messages."""
        if self._comparer is not None:
            self._is_playing = False
            self.say(await self._comparer.compare_branch(self._branch))
            self.show_place()

    # Turns

    async def show_moment(self, before: Moment, *, force: bool) -> None:
        """Change what is shown by as little as it takes."""
        moment = self._moment
        is_next = moment.shown == before.shown + 1 and before.text is None
        if moment.shown == before.shown and moment.text is not None and before.text is not None and not force:
            self._log.stream_reply(moment.text, calmly=False)
        elif moment.shown == before.shown and before.text is not None and moment.text is None and not force:
            await self._log.finish_reply(self._playback.steps[moment.shown - 1].stored)
        elif is_next and not force:
            await self._add(moment)
        else:
            await self._show_all(moment)

    async def _add(self, moment: Moment) -> None:
        step = self._playback.steps[moment.shown - 1]
        if step.stored.turn.role is Role.USER:
            await self._log.add_user_turn(step.stored, step.number)
        else:
            await self._begin_reply(step.stored)
            if moment.text is None:
                await self._log.finish_reply(step.stored)
            else:
                self._log.stream_reply(moment.text, calmly=False)
        self._log.anchor()

    async def _begin_reply(self, stored: StoredTurn) -> None:
        facts = stored.generation.facts if stored.generation else None
        self._log.show_checkpoint(facts.name if facts else "", facts.image_size if facts else None)
        await self._log.begin_reply()

    async def _show_all(self, moment: Moment) -> None:
        whole = moment.shown if moment.text is None else moment.shown - 1
        entries = [(step.stored, step.number) for step in self._playback.steps[:whole]]
        await self._log.show_entries(entries, self._branch.system)
        if moment.text is not None:
            await self._begin_reply(self._playback.steps[whole].stored)
            self._log.stream_reply(moment.text, calmly=False)
        self._log.anchor()

    def facts(self) -> Content:
        """Which branch it is, what gave the replies, and when, as far as it is known."""
        count, place = len(self._branch.ends), self._branch.place
        # An exchange that was undone is behind the end of the branch.
        branch = f"branch {place + 1} of {count}" if place >= 0 else f"{count} branches"
        recorded = [stored for stored in self._branch.turns if stored.generation is not None]
        parts = [branch if count > 1 else ""]
        if recorded and recorded[-1].generation is not None:
            name, detail = checkpoint_in_words(recorded[-1].generation.facts)
            when = time_in_words(recorded[-1].created_at, datetime.now().astimezone())
            parts += [f"recorded with {name}" if name else "", detail if name else "", when]
        return Content.styled(printable(" · ".join(part for part in parts if part), multiline=False), "$quiet")
