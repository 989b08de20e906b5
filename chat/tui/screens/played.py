"""What every replay is: turns that are gone through in time, with a line that shows where one is."""

import asyncio
import time
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Static

from chat.replay.branch import RecordedBranch
from chat.replay.playback import Moment, Playback, faster, slower
from chat.safe_text import printable, short_line
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.screens.layer import Layer
from chat.tui.widgets.scrubber import Marks, Scrubber, ScrubLine
from chat.tui.widgets.turn_window import EarlierTurns, LaterTurns, TurnWindow

TICK_S: Final = 0.1
"""Seconds between two looks at what is to be shown."""


class PlayedScreen(Layer[None]):
    """Goes through the turns of a recorded branch by itself or by keys; how they are shown its subclasses know."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", tooltip="Go on, or pause"),
        Binding("space", "pause", "Pause", id="play", tooltip="Go on, or pause"),
        Binding("left", "turn(-1)", "Turn", key_display="←→", tooltip="Back by a turn"),
        Binding("right", "turn(1)", "Later", show=False, tooltip="On by a turn"),
        Binding("shift+left", "turn(-10)", "Ten back", show=False, tooltip="Back by ten turns"),
        Binding("shift+right", "turn(10)", "Ten on", show=False, tooltip="On by ten turns"),
        Binding("full_stop", "faster", "Faster", show=False, tooltip="Play at a higher speed"),
        Binding("home", "jump(-1)", "First", show=False, tooltip="Go to the beginning"),
        Binding("end", "jump(1)", "Last", show=False, tooltip="Go to the end"),
        Binding("pageup", "scroll(-1)", "Up", show=False, tooltip="Scroll up"),
        Binding("pagedown", "scroll(1)", "Down", show=False, tooltip="Scroll down"),
    ]
    LEAVING: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Leave; nothing is changed"),
        Binding("f1", "help", "Help", tooltip="Show these keys"),
    ]
    """What stands behind the keys of a subclass."""
    AUTO_FOCUS = ""

    def __init__(
        self, branch: RecordedBranch, *, speed: float = 1.0, seconds: float = 0.0, is_playing: bool = True
    ) -> None:
        """Go through a branch.

        Args:
            branch: What is shown.
            speed: 1 is the recorded one.
            seconds: Where to begin.
            is_playing: Whether it goes on by itself.
        """
        super().__init__()
        self._branch = branch
        self._playback = Playback(branch.turns)
        self._speed = speed
        self._seconds = seconds
        self._is_playing = self._was_playing = is_playing
        """Whether it goes on, and whether it did when that was shown last."""
        self._moment = Moment(0, None)
        self._marks: Marks = {}
        """What is known of the turns, by their places from 0."""
        self._busy = ""
        """What a model does about it, in words."""
        self._is_stopping = False
        """Whether it has been told to stop."""
        self._ticked_at = 0.0
        self._timer: Timer | None = None
        self._is_shown_soon = False
        """Whether what the last keys asked for is still to be shown."""
        self._changing = asyncio.Lock()
        """Held while turns come and go: keys are not handled where the ticks of the playback are."""

    def compose(self) -> ComposeResult:
        """Title, turns, where the playback is, keys."""
        with Horizontal(id="replay-title"):
            title = printable(self._branch.title, multiline=False) or "Conversation"
            yield Static(Content.assemble(("Replay", "bold"), " · ", title), id="title", markup=False)
            yield Static(self.facts(), id="checkpoint", markup=False)
        yield from self.compose_turns()
        with Vertical(id="replay-foot"):
            yield Static("", id="replay-notice", markup=False)
            yield Scrubber()
        yield Footer(show_command_palette=False)

    def compose_turns(self) -> ComposeResult:
        """The place where the turns are shown."""
        raise NotImplementedError

    def facts(self) -> Content:
        """What stands at the right of the title."""
        raise NotImplementedError

    async def show_moment(self, before: Moment, *, force: bool) -> None:
        """Show what is to be seen at the present moment.

        Args:
            before: What is shown.
            force: Show all of it anew.
        """
        raise NotImplementedError

    @property
    def is_there(self) -> bool:
        """Whether it is shown, perhaps behind another; what comes for one that is being left comes too late."""
        return self in self.app.screen_stack

    @property
    def turn_window(self) -> TurnWindow:
        """What scrolls."""
        return self.query_one(TurnWindow)

    async def on_mount(self) -> None:
        """Begin to play."""
        self.add_class("-talking")
        await self._show(force=True)
        self._ticked_at = time.monotonic()
        self._timer = self.set_interval(TICK_S, self._tick)

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Leave the keys to the playback: turns that are played back cannot be edited."""
        super().set_focus(None, scroll_visible, from_app_focus)

    def say(self, words: str, *, is_problem: bool = True) -> None:
        """Say something in the line above the scrubber; nothing where it is empty."""
        sign = ((f"{GLYPHS.warning} ", "$text-warning"),) if words and is_problem else ()
        notice = self.query_one("#replay-notice", Static)
        notice.update(Content.assemble(*sign, short_line(words, 400)))
        notice.display = bool(words)

    def show_facts(self) -> None:
        """Show at the right of the title what is known by now."""
        self.query_one("#checkpoint", Static).update(self.facts())

    @property
    def _is_over(self) -> bool:
        return self._seconds >= self._playback.duration_s

    @property
    def _position(self) -> int:
        """The turn that is shown last, from 0; -1 before the first."""
        return self._playback.position_at(self._seconds)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What plays can be paused, and nothing else."""
        match action:
            case "play":
                return not self._is_playing
            case "pause":
                return self._is_playing
            case _:
                return super().check_action(action, parameters)

    def action_play(self) -> None:
        """Go on; from the end it begins anew."""
        if self._is_over:
            self._seconds = 0.0
        self._is_playing = True
        self._show_soon()

    def action_pause(self) -> None:
        """Stay where it is."""
        self._is_playing = False
        self._show_soon()

    def action_turn(self, by: int) -> None:
        """Go so many turns on or back, and show all of that one."""
        is_in_part = self._playback.at(self._seconds).text is not None
        self.go_to(self._position if by == 1 and is_in_part else self._position + by)

    def go_to(self, position: int) -> None:
        """Show all of a turn, and nothing behind it."""
        self._seconds = self._playback.shown_s(position)
        if position >= len(self._playback.steps) - 1:
            self._seconds = self._playback.duration_s
        self._show_soon()

    def action_jump(self, to: int) -> None:
        """Go to the beginning or to the end."""
        self._seconds = 0.0 if to < 0 else self._playback.duration_s
        self._show_soon()

    def action_slower(self) -> None:
        """Play at the next lower speed."""
        self._speed = slower(self._speed)
        self._show_soon()

    def action_faster(self) -> None:
        """Play at the next higher speed."""
        self._speed = faster(self._speed)
        self._show_soon()

    def action_scroll(self, by: int) -> None:
        """Scroll what is shown."""
        if by < 0:
            self.turn_window.scroll_page_up()
        else:
            self.turn_window.scroll_page_down()

    def action_close(self) -> None:
        """Leave it."""
        self.dismiss()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def on_scrub_line_sought(self, message: ScrubLine.Sought) -> None:
        """Go to the place that was clicked."""
        self._seconds = message.share * self._playback.duration_s
        self._show_soon()

    async def on_earlier_turns_wanted(self, message: EarlierTurns.Wanted) -> None:
        """Show turns before those in view."""
        message.stop()
        async with self._changing:
            await self.turn_window.show_earlier()

    async def on_later_turns_wanted(self, message: LaterTurns.Wanted) -> None:
        """Show turns after those in view."""
        message.stop()
        async with self._changing:
            await self.turn_window.show_later()

    async def _tick(self) -> None:
        now = time.monotonic()
        elapsed, self._ticked_at = now - self._ticked_at, now
        if not self._is_playing or self._is_over or not self.is_current:
            return
        self._seconds = min(self._seconds + elapsed * self._speed, self._playback.duration_s)
        await self._show()

    def _show_soon(self) -> None:
        """Show it behind the keys that wait: a key that is held would otherwise go on long after it was let go."""
        if not self._is_shown_soon:
            self._is_shown_soon = True
            self.call_later(self._show_at_last)

    async def _show_at_last(self) -> None:
        self._is_shown_soon = False
        await self._show()

    async def _show(self, *, force: bool = False) -> None:
        """Bring what is shown to the present moment."""
        async with self._changing:
            before, self._moment = self._moment, self._playback.at(self._seconds)
            if self._is_over:
                self._is_playing = False
            self.show_place()
            if force or self._moment != before:
                await self.show_moment(before, force=force)

    def show_place(self) -> None:
        """Show where the playback is, and what space does there."""
        if self._is_playing != self._was_playing:
            self._was_playing = self._is_playing
            self.refresh_bindings()
        self.query_one(Scrubber).show(
            position=self._moment.shown,
            count=len(self._playback.steps),
            seconds=self._seconds,
            duration=self._playback.duration_s,
            speed=self._speed,
            is_playing=self._is_playing,
            marks=self._marks,
            busy=self._busy,
            is_stopping=self._is_stopping,
        )
