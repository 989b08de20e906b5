"""Runs the conversation line by line, from its first line to what is kept at its end."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from chat.conversation import Image
from chat.errors import ChatError, ContextFullError, StoreError
from chat.generation import GenerationSettings
from chat.loading import Loader
from chat.plain.attaching import take_line
from chat.plain.commands import available
from chat.plain.keyboard import Keyboard
from chat.plain.lines import Messages, PipedLines, TerminalLines, paths_begun
from chat.plain.model import Model, NotLoadedError
from chat.plain.output import Output
from chat.plain.signals import Ended, Signals
from chat.plain.talk import Talk
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.talk.offers import Catalogue

INTERRUPTED = 130
"""Exit code after ctrl+c."""


class PlainChat:
    """A conversation line by line."""

    def __init__(
        self,
        *,
        open_store: Callable[[], SessionStore],
        load: Loader,
        checkpoint: str,
        is_demonstration: bool,
        settings: GenerationSettings,
        environment: Mapping[str, str],
        session_id: str | None = None,
        continue_latest: bool = False,
        images: Sequence[Image] = (),
        samples: Callable[[], Sequence[Image]] = tuple,
        catalogue: Callable[[], Catalogue] | None = None,
    ) -> None:
        """Prepare it; nothing is opened or loaded yet.

        Args:
            open_store: Opens the store.
            load: Loads the checkpoint; called on another thread.
            checkpoint: Its name.
            is_demonstration: Whether it is the bundled one, which knows little.
            settings: How replies are generated.
            environment: Says what the terminal can do, and whether it is to be styled.
            session_id: The session to go on with; a prefix of its id will do.
            continue_latest: Go on with the session that was changed last.
            images: Pictures to attach to the first message.
            samples: Gives the sample pictures.
            catalogue: Opens what knows which checkpoints there are.
        """
        self._open_store = open_store
        self._load = load
        self._checkpoint = checkpoint
        self._is_demonstration = is_demonstration
        self._settings = settings
        self._session_id = session_id
        self._continue_latest = continue_latest
        self._images = images
        self._samples = samples
        self._catalogue = catalogue
        self._keyboard = Keyboard()
        self._signals = Signals(self._keyboard)
        self._output = Output(environment)
        is_terminal = sys.stdin is not None and sys.stdin.isatty()
        self._piped = None if is_terminal else PipedLines(self._signals)
        lines = self._piped or TerminalLines(self._signals, self._keyboard, self._output, environment, completed)
        self._messages = Messages(lines, self._signals)
        self._exit_code = 0

    def run(self) -> int:
        """Talk until the lines end or somebody leaves; gives the exit code.

        Of lines that failed at a terminal somebody has read; elsewhere the first of them gives the code.

        Raises:
            ChatError: There is no store, or no such session.
            OSError: Nobody takes what is said.
        """
        with self._signals.listen(), self._keyboard.kept():
            store = self._open_store()
            try:
                talk = self._opened(store)
                code = self._talk(talk)
                if talk.session.has_unsaved:
                    raise StoreError(f"not everything is saved: {talk.not_saved}")
                return code
            finally:
                store.close()

    def _opened(self, store: SessionStore) -> Talk:
        model = Model(self._load, self._checkpoint, self._signals, self._output)
        session_id = self._session_id
        if session_id is None and self._continue_latest and (latest := store.latest_session()):
            session_id = latest.id
        return Talk(
            store=store,
            model=model,
            output=self._output,
            settings=self._settings,
            samples=self._samples,
            catalogue=self._catalogue,
            is_interactive=self._piped is None,
            session_id=session_id,
        )

    def _talk(self, talk: Talk) -> int:
        unfinished = ""
        try:
            talk.model.load()
            self._greet(talk)
            talk.announce()
            if self._images:
                talk.attach(self._images)
            self._take_lines(talk)
        except KeyboardInterrupt:
            return INTERRUPTED
        except Ended as ended:
            # What comes after the program begins a line of its own; the terminal may be gone.
            with suppress(OSError):
                self._output.end_line()
            unfinished = self._messages.unfinished
            return ended.exit_code
        finally:
            talk.keep(unfinished, is_last=True)
        if talk.images:
            talk.output.notice("The attached pictures were not sent; they are kept.")
        if self._piped is not None and talk.is_stopped:
            return INTERRUPTED
        return self._exit_code

    def _greet(self, talk: Talk) -> None:
        if self._piped is not None:
            return
        name = short_line(self._checkpoint, 60)
        what = ", which knows coloured shapes and nothing else" if self._is_demonstration else ""
        self._output.notice(f"A conversation with {name}{what}.")
        self._output.notice("/help lists the commands; ctrl+c stops a reply; ctrl+d leaves and keeps it all.")
        if self._is_demonstration and not talk.session.turns and not self._images:
            self._output.notice("/sample attaches a picture that it knows; then ask about it.")

    def _take_lines(self, talk: Talk) -> None:
        while not talk.is_over:
            talk.model.look()
            before = talk.unsent
            try:
                text = self._next(talk)
                if text is None:
                    return
                take_line(talk, text)
            except ChatError as error:
                self._tell(error)
                if isinstance(error, NotLoadedError) and self._piped is not None:
                    # No line after it can be answered.
                    return
                if talk.unsent is not before and not isinstance(error, ContextFullError):
                    talk.tell_unsent()

    def _next(self, talk: Talk) -> str | None:
        """The next message. Pressed once, ctrl+c drops a line; twice with nothing typed in between, it leaves."""
        was_pressed = False
        while True:
            try:
                return self._messages.read()
            except KeyboardInterrupt:
                is_empty = not self._signals.unfinished.strip()
                if self._piped is not None or (was_pressed and is_empty):
                    raise
                was_pressed = True
                talk.output.notice("Ctrl+C once more leaves; /help lists the commands.")

    def _tell(self, error: ChatError) -> None:
        if self._piped is None:
            self._output.notice(short_line(str(error), 400))
        else:
            self._output.notice(f"idefics-chat: line {self._piped.number}: {short_line(str(error), 400)}")
            self._exit_code = self._exit_code or error.exit_code


def completed(text: str) -> list[str]:
    """What a line that was begun may become: a command, or one with the path of a file behind it."""
    if not text.startswith("/"):
        return []
    name, space, argument = text[1:].partition(" ")
    if not space:
        return [
            f"/{command.name}{' ' * bool(command.argument)}" for command in available() if command.name.startswith(name)
        ]
    takes_path = any(command.name == name and command.argument.startswith(("PATH", "FILE")) for command in available())
    return [f"/{name} {path}" for path in paths_begun(argument.lstrip())] if takes_path else []
