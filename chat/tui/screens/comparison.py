"""A recorded conversation beside what a model answers to it: as it did again, or as other checkpoints do."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from chat.conversation import assistant_turn
from chat.records import exchanges_of
from chat.replay.beside import differences_in_words, recorded_in_words, tally_in_words
from chat.replay.branch import RecordedBranch
from chat.replay.playback import Moment
from chat.safe_text import short_line
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.screens.column import Answered, Begun, Column, Ended, Failed, Working
from chat.tui.screens.played import PlayedScreen
from chat.tui.widgets.beside import ComparisonLog, Heads
from chat.tui.widgets.turn_window import Numbered

TWO_COLUMNS_FROM: Final = 100
"""Columns of the window."""


class ComparisonScreen(PlayedScreen):
    """Two columns, the recorded replies and the answers; or one, where there is little room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("comma", "slower", "Slower", show=False, tooltip="Play at a lower speed"),
        Binding("d", "difference(1)", "Difference", tooltip="Go to the next reply that differs"),
        Binding(
            "D", "difference(-1)", "Previous difference", show=False, tooltip="Go to the previous one that differs"
        ),
        Binding("w", "columns", "Columns", tooltip="Show one column, or two"),
        Binding("a", "only_differing", "Only differences", show=False, tooltip="Show only what differs, or all"),
        # Before Textual's own, which would look for something that takes the focus.
        Binding("tab", "column(1)", "Other", priority=True, tooltip="Show the answers of the next checkpoint"),
        *(
            Binding(
                str(number), f"show_column({number - 1})", f"Checkpoint {number}", show=False, id=f"column_{number}"
            )
            for number in range(1, 10)
        ),
        *PlayedScreen.LEAVING,
    ]

    def __init__(self, branch: RecordedBranch, names: Sequence[str], stop: threading.Event) -> None:
        """Wait for answers.

        Args:
            branch: What was recorded.
            names: What the answers of each checkpoint are called.
            stop: Set when nobody waits for them any more.
        """
        super().__init__(branch, is_playing=False)
        self._columns = [Column(name) for name in names]
        self._shown = 0
        self._stop = stop
        self._busy = "waiting for the model"
        self._is_stacked: bool | None = None
        """None until somebody has chosen."""
        self._only_differing = False
        self._exchanges = [
            (message, reply or replace(message, id=-message.id, turn=assistant_turn(""), generation=None))
            for message, reply in exchanges_of(branch.turns)
        ]
        """Each message with its reply; one that got none has a reply without a word."""
        self._places = {stored.id: place for place, stored in enumerate(branch.turns)}

    def compose_turns(self) -> ComposeResult:
        """What differs beforehand, what stands in the columns, and the columns."""
        yield Static("", id="beforehand", markup=False)
        with Vertical(id="heads"):
            yield Heads()
        yield ComparisonLog()

    async def on_mount(self) -> None:
        """Show what was recorded."""
        self._stack()
        await super().on_mount()
        self._show_column()

    @property
    def _log(self) -> ComparisonLog:
        return self.query_one(ComparisonLog)

    @property
    def _column(self) -> Column:
        return self._columns[self._shown]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that would do nothing is not there."""
        match action, parameters:
            case "column", _:
                return len(self._columns) > 1
            case "show_column", (int(number),):
                return 1 < len(self._columns) > number
            case _:
                return super().check_action(action, parameters)

    # What comes from the model

    @on(Working)
    def _tell_working(self, message: Working) -> None:
        if self.is_there and not self._stop.is_set():
            self._busy = message.words
            self.show_place()

    @on(Begun)
    def _begin_column(self, message: Begun) -> None:
        self._columns[message.column].begin(message.facts)
        self._show_column()

    @on(Answered)
    def _take_answer(self, message: Answered) -> None:
        column = self._columns[message.column]
        column.answers[message.beside.message] = message.beside
        column.figures = message.figures
        self._show_column()

    @on(Failed)
    def _take_problem(self, message: Failed) -> None:
        self._columns[message.column].problem = message.problem
        self._show_column()

    @on(Ended)
    async def _end(self) -> None:
        if not self.is_there:
            return
        is_stopped, self._busy = self._stop.is_set(), ""
        self._stop.set()
        words = "Stopped: what was answered stays here." if is_stopped else self._shown_in_words()
        self.say(words, is_problem=False)
        self._show_column()
        if self._only_differing:
            await self._show(force=True)

    # What is shown

    def _show_column(self) -> None:
        """Show the answers of one checkpoint, and what is known of them."""
        if not self.is_there:
            return
        column = self._column
        answers = column.shown
        by_id = {
            reply.id: answers[place]
            for message, reply in self._exchanges
            if (place := self._places[message.id]) in answers
        }
        name = "now" if len(self._columns) == 1 else f"{self._shown + 1}/{len(self._columns)}"
        self._log.show_answers(by_id, column.name, is_waiting=bool(self._busy) and not column.problem)
        now = column.facts or ("" if column.name == name else column.name)
        self.query_one(Heads).show(recorded_in_words(self._branch.turns), name, now, column.figures)
        self._marks = {place + 1: one.is_same for place, one in column.answers.items() if one.is_same is not None}
        self._show_beforehand()
        self.show_facts()
        self.show_place()

    def _show_beforehand(self) -> None:
        """Show in what the answers were computed with other things, or why there are none."""
        column = self._column
        differences = differences_in_words(column.answers.values())
        lines: list[Content] = []
        if column.problem:
            lines.append(Content.assemble((f"{GLYPHS.failed} ", "$text-error"), short_line(column.problem, 300)))
        if differences:
            lines.append(Content.assemble((f"{GLYPHS.warning} ", "$text-warning"), short_line(differences, 300)))
        beforehand = self.query_one("#beforehand", Static)
        beforehand.update(Content("\n").join(lines))
        beforehand.display = bool(lines)

    def facts(self) -> Content:
        """How many answers are the same, and what else they come to."""
        column = self._column
        same, differ, unknown = tally_in_words(column.answers.values())
        parts: list[tuple[str, str]] = []
        if same:
            parts.append((same, "$text-success"))
        if differ:
            parts.append((f"{GLYPHS.differs} {differ}", "$text-warning"))
        if unknown:
            parts.append((unknown, "$quiet"))
        if not column.answers:
            parts = [("no answers" if column.problem or not self._busy else "no answers yet", "$quiet")]
        return Content(" · ").join(Content.styled(*part) for part in parts)

    async def show_moment(self, before: Moment, *, force: bool) -> None:
        """Go to the turn that is played."""
        position = self._moment.shown - 1
        turn_id = self._branch.turns[position].id if 0 <= position < len(self._branch.turns) else None
        if force:
            await self._show_exchanges()
        await self._log.go_to(turn_id)

    async def _show_exchanges(self) -> None:
        entries: list[Numbered] = []
        messages = [message for message, _ in self._exchanges]
        number = 1
        for message, reply in self._exchanges:
            answer = self._column.answers.get(self._places[message.id])
            if not self._only_differing or (answer is not None and answer.is_same is False):
                entries += [(message, number), (reply, 0)]
            number += len(message.turn.images)
        sizes = [stored.generation.facts.image_size for stored in self._branch.turns if stored.generation]
        await self._log.show_exchanges(entries, messages, self._branch.system, sizes[-1] if sizes else None)

    # Keys

    def action_close(self) -> None:
        """Stop the model first; then leave."""
        if self._busy and not self._stop.is_set():
            self._stop.set()
            self._busy, self._is_stopping = "stopping", True
            self.show_place()
            return
        self._stop.set()
        self.dismiss()

    def action_difference(self, by: int) -> None:
        """Go to the next reply that differs, or to the previous one."""
        differing = sorted(place for place, is_same in self._marks.items() if not is_same)
        here = self._position
        beyond = [place for place in differing if (place > here if by > 0 else place < here)]
        if not beyond:
            self.say(f"Nothing differs {'below' if by > 0 else 'above'}.", is_problem=False)
            return
        self.say("")
        self.go_to(beyond[0] if by > 0 else beyond[-1])

    def action_columns(self) -> None:
        """Show one column, or two."""
        self._is_stacked = not self.has_class("-stacked")
        self._stack()

    async def action_only_differing(self) -> None:
        """Show only what differs, or all."""
        self._only_differing = not self._only_differing
        self.say(self._shown_in_words(), is_problem=False)
        await self._show(force=True)

    def _shown_in_words(self) -> str:
        """That not all is shown; nothing where it is."""
        if not self._only_differing:
            return ""
        return f"{'Only what differs' if False in self._marks.values() else 'Nothing differs'} · a shows all"

    def action_column(self, by: int) -> None:
        """Show the answers of the next checkpoint."""
        self.action_show_column((self._shown + by) % len(self._columns))

    def action_show_column(self, number: int) -> None:
        """Show the answers of a checkpoint."""
        self._shown = number
        self._show_column()

    def on_resize(self) -> None:
        """Two columns need room."""
        self._stack()

    def _stack(self) -> None:
        is_narrow = self.app.size.width < TWO_COLUMNS_FROM
        self.set_class(is_narrow if self._is_stacked is None else self._is_stacked, "-stacked")
