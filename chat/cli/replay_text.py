"""Playing back as text: turn by turn at their speed on a terminal, all of it at once into a pipe."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from chat.conversation import Role
from chat.images import is_there
from chat.plain.keyboard import Keyboard
from chat.plain.output import Output
from chat.plain.words import ending_of, picture_in_words, said_in_words, speaker_of
from chat.replay.branch import Named, missing_pictures
from chat.replay.playback import Playback, Step
from chat.safe_text import printable
from chat.talk.wording import count_in_words, shown_part

TICK_S: Final = 0.1
"""Seconds between two looks at what is to be told."""
MOST_ENDS: Final = 20
"""Branches that are named."""
KEYS: Final = "space pauses, n goes to the next turn, b back, q leaves"


class Keys(Protocol):
    """What somebody types while it plays."""

    def next_within(self, seconds: float) -> str:
        """The next character; empty where none comes in so many seconds."""


class TypedKeys:
    """The characters of stdin, read on a thread of its own."""

    def __init__(self) -> None:
        self._typed: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, name="keys", daemon=True).start()

    def next_within(self, seconds: float) -> str:
        """The next character; empty where none comes in so many seconds."""
        try:
            return self._typed.get(timeout=seconds)
        except Empty:
            return ""

    def _read(self) -> None:
        # Not by sys.stdin, whose lock a thread that waits for ever would hold when the program ends.
        while typed := os.read(sys.stdin.fileno(), 64):
            for character in typed.decode(errors="replace").lower():
                self._typed.put(character)


def tell(named: Sequence[Named], speed: float | None) -> None:
    """Tell conversations one after the other.

    Args:
        named: The conversations.
        speed: 1 is the recorded one; None tells everything at once.
    """
    output = Output(os.environ)
    if speed is None:
        for place, one in enumerate(named):
            _begin(output, one, place).tell_all()
        return
    keyboard, keys = Keyboard(), TypedKeys()
    # Keys are taken as they are pressed, and not seen.
    keyboard.shows_later = True
    with keyboard.kept():
        output.notice(KEYS)
        try:
            for place, one in enumerate(named):
                if not _begin(output, one, place).play(speed, keys):
                    return
        except KeyboardInterrupt:
            output.end_line()
            raise


def _begin(output: Output, named: Named, place: int) -> "Teller":
    """Tell what comes before the turns."""
    name, branch = named
    if place:
        output.say()
    output.say(f"Conversation “{printable(branch.title or name, multiline=False)}”")
    if branch.system:
        output.begin("System", branch.system)
    if not branch.turns:
        output.notice(f"idefics-chat: there is nothing to play back in {name}: nothing was said")
    if count := len(missing_pictures(branch.turns)):
        verb = "is" if count == 1 else "are"
        output.notice(f"idefics-chat: {count_in_words(count, 'picture')} of {name} {verb} missing")
    if len(branch.ends) > 1:
        more = len(branch.ends) - MOST_ENDS
        ends = ", ".join([*map(str, branch.ends[:MOST_ENDS]), *([f"and {more:,} more"] if more > 0 else [])])
        output.notice(f"idefics-chat: one of {len(branch.ends):,} branches; --branch takes their last turns: {ends}")
    return Teller(Playback(branch.turns), output)


class Teller:
    """Tells the turns of one conversation. What was told is never taken back: going back tells a turn again."""

    def __init__(self, playback: Playback, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin before the first turn.

        Args:
            playback: What is told when.
            output: Takes it.
            clock: Gives the seconds.
        """
        self._playback = playback
        self._output = output
        self._clock = clock
        self._told = 0
        """Turns that were told whole."""
        self._written: int | None = None
        """Characters of the turn after them that were told; None before its first."""

    def tell_all(self) -> None:
        """Tell every turn."""
        self._tell_until(len(self._playback.steps), None)
        self._output.end_line()

    def play(self, speed: float, keys: Keys) -> bool:
        """Tell the turns at a speed, as the keys that are pressed meanwhile ask; False where one asks to leave."""
        seconds, is_paused, before = 0.0, False, self._clock()
        while self._told < len(self._playback.steps):
            key = keys.next_within(TICK_S)
            elapsed, before = self._clock() - before, self._clock()
            seconds += 0.0 if is_paused else elapsed * speed
            match key:
                case "q":
                    self._output.end_line()
                    return False
                case "n":
                    seconds = max(seconds, self._playback.shown_s(self._told))
                case "b":
                    seconds = self._go_back()
                case " " | "\n":
                    is_paused = not is_paused
                    self._interrupt("paused, space goes on" if is_paused else "goes on")
            moment = self._playback.at(seconds)
            whole = moment.shown if moment.text is None else moment.shown - 1
            self._tell_until(whole, None if is_paused else moment.text)
        self._output.end_line()
        return True

    def _go_back(self) -> float:
        """Begin the turn anew of which some words were told, or else the one told last; gives its time."""
        self._told = max(self._told - (0 if self._written else 1), 0)
        self._interrupt(f"back to turn {self._told + 1}")
        return self._playback.start_s(self._told)

    def _interrupt(self, words: str) -> None:
        """Say something between the words of a turn, which begins anew behind it."""
        self._output.notice(words)
        self._written = None

    def _tell_until(self, whole: int, text: str | None) -> None:
        """Tell so many turns whole, and of the next one its beginning, as far as that was not done."""
        while self._told < whole:
            self._finish(self._playback.steps[self._told])
            self._told, self._written = self._told + 1, None
        if text is not None and self._told == whole:
            if self._written is None:
                self._output.begin(speaker_of(self._playback.steps[whole].stored))
                self._written = 0
            self._output.go_on(text[self._written :])
            self._written = len(text)

    def _finish(self, step: Step) -> None:
        speaker, said = said_in_words(step.stored, step.number)
        if self._written is None:
            self._output.begin(speaker, said)
        elif not self._written:
            self._output.go_on(said)
        else:
            self._output.go_on(shown_part(step.stored.turn.text)[self._written :])
            if ending := ending_of(step.stored):
                self._output.end_line()
                self._output.go_on(f"({ending})")
        if step.stored.turn.role is Role.USER:
            for at, image in enumerate(step.stored.turn.images):
                missing = "" if is_there(image) else ", not found by digest"
                self._output.say(f"{picture_in_words(image, step.number + at)}{missing}")
