"""A conversation played back as it was recorded: nothing is computed, nothing is changed, and no model is needed."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Static

from chat.conversation import Role
from chat.records import StoredTurn
from chat.replay.playback import Moment, Playback, faster, slower
from chat.safe_text import printable
from chat.talk.wording import checkpoint_in_words, time_in_words
from chat.tui.binding import Binding
from chat.tui.screens.layer import Layer
from chat.tui.widgets.log import ConversationLog
from chat.tui.widgets.scrubber import Scrubber, ScrubLine
from chat.tui.widgets.turn_window import EarlierTurns, LaterTurns

TICK_S: Final = 0.1
"""Seconds between two looks at what is to be shown."""


class ReplayScreen(Layer[None]):
    """Shows the turns one after the other at their recorded or a chosen speed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", tooltip="Go on, or pause"),
        Binding("left", "turn(-1)", "Earlier", key_display="←", tooltip="Back by a turn"),
        Binding("right", "turn(1)", "Later", key_display="→", tooltip="On by a turn"),
        Binding("comma", "slower", "Slower", key_display=",", tooltip="Play at a lower speed"),
        Binding("full_stop", "faster", "Faster", key_display=".", tooltip="Play at a higher speed"),
        Binding("home", "jump(-1)", "First", show=False, tooltip="Go to the beginning"),
        Binding("end", "jump(1)", "Last", show=False, tooltip="Go to the end"),
        Binding("pageup", "scroll(-1)", "Up", show=False, tooltip="Scroll up"),
        Binding("pagedown", "scroll(1)", "Down", show=False, tooltip="Scroll down"),
        Binding("escape", "close", "Back", tooltip="Back to the conversation"),
        Binding("f1", "help", "Help", tooltip="Show these keys"),
    ]
    AUTO_FOCUS = ""

    def __init__(
        self, title: str, turns: Sequence[StoredTurn], *, system: str = "", speed: float = 1.0, seconds: float = 0.0
    ) -> None:
        """Play turns back.

        Args:
            title: Of the conversation.
            turns: From the first.
            system: The text before them.
            speed: 1 is the recorded one.
            seconds: Where to begin.
        """
        super().__init__()
        self._title = title
        self._system = system
        self._playback = Playback(turns)
        self._speed = speed
        self._seconds = seconds
        self._is_playing = True
        self._moment = Moment(0, None)
        self._ticked_at = 0.0
        self._timer: Timer | None = None
        self._changing = asyncio.Lock()
        """Held while turns come and go: keys are not handled where the ticks of the playback are."""

    def compose(self) -> ComposeResult:
        """Title, turns, where the playback is, keys."""
        with Horizontal(id="replay-title"):
            title = printable(self._title, multiline=False) or "Conversation"
            yield Static(Content.assemble(("Replay", "bold"), " · ", title), id="title", markup=False)
            yield Static(Content.styled(self._recorded_with(), "$quiet"), id="checkpoint", markup=False)
        yield ConversationLog()
        with Vertical(id="replay-foot"):
            yield Scrubber()
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Begin to play."""
        self.add_class("-talking")
        await self._show(force=True)
        self._ticked_at = time.monotonic()
        self._timer = self.set_interval(TICK_S, self._tick)

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Leave the keys to the playback: turns that are played back cannot be edited."""
        super().set_focus(None, scroll_visible, from_app_focus)

    @property
    def _log(self) -> ConversationLog:
        return self.query_one(ConversationLog)

    @property
    def _is_over(self) -> bool:
        return self._seconds >= self._playback.duration_s

    async def action_play(self) -> None:
        """Pause, or go on; from the end it begins anew."""
        if self._is_over:
            self._seconds, self._is_playing = 0.0, True
        else:
            self._is_playing = not self._is_playing
        await self._show()

    async def action_turn(self, by: int) -> None:
        """Go to the next or the previous turn and show all of it."""
        position = self._playback.position_at(self._seconds)
        is_in_part = self._moment.text is not None
        target = position if by > 0 and is_in_part else position + by
        self._seconds = self._playback.shown_s(target)
        if target >= len(self._playback.steps) - 1:
            self._seconds = self._playback.duration_s
        await self._show()

    async def action_jump(self, to: int) -> None:
        """Go to the beginning or to the end."""
        self._seconds = 0.0 if to < 0 else self._playback.duration_s
        await self._show()

    async def action_slower(self) -> None:
        """Play at the next lower speed."""
        self._speed = slower(self._speed)
        await self._show()

    async def action_faster(self) -> None:
        """Play at the next higher speed."""
        self._speed = faster(self._speed)
        await self._show()

    def action_scroll(self, by: int) -> None:
        """Scroll what is shown."""
        if by < 0:
            self._log.scroll_page_up()
        else:
            self._log.scroll_page_down()

    def action_close(self) -> None:
        """Back to the conversation."""
        self.dismiss()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    async def on_scrub_line_sought(self, message: ScrubLine.Sought) -> None:
        """Go to the place that was clicked."""
        self._seconds = message.share * self._playback.duration_s
        await self._show()

    async def on_earlier_turns_wanted(self, message: EarlierTurns.Wanted) -> None:
        """Show turns before those in view."""
        message.stop()
        async with self._changing:
            await self._log.show_earlier()

    async def on_later_turns_wanted(self, message: LaterTurns.Wanted) -> None:
        """Show turns after those in view."""
        message.stop()
        async with self._changing:
            await self._log.show_later()

    async def _tick(self) -> None:
        now = time.monotonic()
        elapsed, self._ticked_at = now - self._ticked_at, now
        if not self._is_playing or self._is_over or not self.is_current:
            return
        self._seconds = min(self._seconds + elapsed * self._speed, self._playback.duration_s)
        await self._show()

    async def _show(self, *, force: bool = False) -> None:
        """Bring what is shown to the present moment."""
        async with self._changing:
            await self._bring_on(force=force)

    async def _bring_on(self, *, force: bool) -> None:
        """Change what is shown by as little as it takes."""
        before, moment = self._moment, self._playback.at(self._seconds)
        self._moment = moment
        if self._is_over:
            self._is_playing = False
        self._show_place()
        if moment == before and not force:
            return
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
        await self._log.show_entries(entries, self._system)
        if moment.text is not None:
            await self._begin_reply(self._playback.steps[whole].stored)
            self._log.stream_reply(moment.text, calmly=False)
        self._log.anchor()

    def _show_place(self) -> None:
        self.query_one(Scrubber).show(
            position=self._moment.shown,
            count=len(self._playback.steps),
            seconds=self._seconds,
            duration=self._playback.duration_s,
            speed=self._speed,
            is_playing=self._is_playing,
        )

    def _recorded_with(self) -> str:
        """What gave the replies, and when, as far as it is known."""
        from datetime import datetime

        recorded = [step.stored for step in self._playback.steps if step.stored.generation is not None]
        if not recorded or recorded[-1].generation is None:
            return ""
        name, detail = checkpoint_in_words(recorded[-1].generation.facts)
        when = time_in_words(recorded[-1].created_at, datetime.now().astimezone())
        return printable(" · ".join(part for part in (f"recorded with {name}", detail, when) if part), multiline=False)
