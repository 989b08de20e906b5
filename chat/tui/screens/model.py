"""What the conversation screen knows of the model: its loading and the status row."""

import time
from typing import TYPE_CHECKING, NamedTuple

from textual import on

from chat.generation import CheckpointFacts, GenerationSettings, ReadProgress, TextGenerator
from chat.loading import Loader, LoadProgress
from chat.safe_text import short_line
from chat.talk.wording import count_in_words, short_name
from chat.tui.messages import LoadAdvanced, LoadEnded, LoadFailed
from chat.tui.model_thread import ModelThread
from chat.tui.screens.keeping import KeepingScreen
from chat.tui.widgets.status_row import State, Status, StatusRow
from chat.tui.widgets.title_bar import TitleBar

# Imported with the widgets that come after the first frame, which need not wait for them.
if TYPE_CHECKING:
    from chat.tui.widgets.log import ConversationLog
    from chat.tui.widgets.notice import Notice


class Wanted(NamedTuple):
    """A checkpoint, and what loads it."""

    name: str
    is_demonstration: bool
    load: Loader


class ModelScreen(KeepingScreen):
    """Loads the checkpoint and shows what the program is doing."""

    def __init__(self, *, load: Loader, checkpoint: str, is_demonstration: bool, settings: GenerationSettings) -> None:
        super().__init__()
        self._loader = load
        self._checkpoint = checkpoint
        self._is_demonstration = is_demonstration
        self._settings = settings
        self._model: ModelThread | None = None
        self._generator: TextGenerator | None = None
        self._loading: State | None = None
        """What the program is doing about a checkpoint that is on its way; None where none is."""
        self._before: Wanted | None = None
        """What was loaded when another checkpoint was chosen, until that one is ready."""
        self._state = State.NOT_LOADED
        self._progress = LoadProgress("")
        self._is_checking = False
        self._is_held = False
        """Whether what waits is held back, since a reply or a ranking before it was stopped."""
        self._reply_not_saved = ""
        self._log_view: ConversationLog | None = None
        self._notice: Notice | None = None
        self._started = 0.0
        self._first_token_at = 0.0
        self._first_tokens = 0
        """That were there when the first ones were seen."""
        self._read: ReadProgress | None = None
        """How much of the prompt the model has read, where that takes long."""

    @property
    def log_view(self) -> "ConversationLog":
        """The transcript."""
        if self._log_view is None:
            raise RuntimeError("the transcript comes after the first frame")
        return self._log_view

    @property
    def facts(self) -> CheckpointFacts | None:
        """What is loaded, where something is."""
        return self._generator.facts if self._generator else None

    @property
    def is_loading(self) -> bool:
        """Whether a checkpoint is being loaded."""
        return self._loading is not None

    @property
    def is_working(self) -> bool:
        """Whether the model is at work on a message."""
        return self._is_checking or (self._session is not None and self._session.is_busy)

    @property
    def resting_state(self) -> State:
        """What the program is doing when the model is at work on nothing."""
        return self._loading or (State.READY if self._generator else State.NOT_LOADED)

    @property
    def is_saying(self) -> bool:
        """Whether something stands in the line above the composer."""
        return self._notice is not None and bool(self._notice.text)

    def say(self, text: str, *, is_problem: bool = True) -> None:
        """Say something in the line above the composer."""
        if self._notice is not None:
            self._notice.show(text, is_problem=is_problem)

    def say_nothing(self) -> None:
        """Clear the line above the composer."""
        if self._notice is not None:
            self._notice.clear()

    def start_loading(self) -> None:
        """Load the checkpoint."""
        if self._model is None:
            self._model = ModelThread(self.post_message)
        self._model.load(self._loader)
        self._loading, self._progress = State.LOADING, LoadProgress("")
        self._rest()
        self.log_view.begin_loading()
        self.query_one(TitleBar).show_loading(self._checkpoint, is_demonstration=self._is_demonstration)
        self.show_status()

    def change_checkpoint(self, wanted: Wanted, *, keeps: bool) -> None:
        """Load another checkpoint.

        Args:
            wanted: Which.
            keeps: Have the one that is loaded reply until the other one is ready; else it is let go of first. Where
                the loading fails or is cancelled, it stays or is loaded again.
        """
        if self._generator is not None:
            self._before = Wanted(self._checkpoint, self._is_demonstration, self._loader)
            if not keeps:
                self._let_go(self._generator)
                self._generator = None
                self.show_context(None)
        self._want(wanted)
        self.start_loading()

    def _let_go(self, generator: TextGenerator) -> None:
        if self._model is not None:
            self._model.let_go(generator)

    def _want(self, wanted: Wanted) -> None:
        self._checkpoint, self._is_demonstration, self._loader = wanted

    def _rest(self) -> None:
        """Show the state that the program has come to, unless the model is at work."""
        if not self._state.is_busy:
            self._state = self.resting_state

    def stop_checking(self) -> None:
        """Have what is being counted counted again."""

    def show_context(self, tokens: int | None) -> None:
        """Show how full the context is; None where no model can tell."""

    def count_context(self) -> None:
        """Count the conversation and the message being written, for the meter."""

    def prefill_draft(self) -> None:
        """Have the model compute the message being written, so that it is read when it is sent."""

    @on(LoadAdvanced)
    def _show_progress(self, message: LoadAdvanced) -> None:
        if message.progress.notice:
            self.say(message.progress.notice, is_problem=False)
        if not message.progress.stage:
            return
        self._progress = message.progress
        self.log_view.show_progress(message.progress)
        self.show_status()

    @on(LoadEnded)
    async def _take_generator(self, message: LoadEnded) -> None:
        if self._generator is not None:
            # A reply that it is writing comes to its end before; what is being counted is another prompt for the other.
            self.stop_checking()
            self._let_go(self._generator)
        self._generator, self._loading, self._before = message.generator, None, None
        facts = message.generator.facts
        self._rest()
        self.query_one(TitleBar).show_ready(facts)
        self.log_view.show_checkpoint(facts.name, facts.image_size)
        await self.log_view.hide_loading()
        self.show_status()
        self.count_context()
        self.go_on()
        self.prefill_draft()

    @on(LoadFailed)
    def _show_load_failure(self, message: LoadFailed) -> None:
        self._loading = None
        self._rest()
        if self._before is not None:
            self._return_to(self._before, message)
            return
        self.query_one(TitleBar).show_failed(self._checkpoint)
        problem = "The loading was cancelled" if message.was_cancelled else f"Could not load: {message.error}"
        cure = "/load tries again; what waits is kept"
        self.log_view.show_problem(problem, cure)
        if not self.session.waiting:
            self.say(f"{problem} · /load tries again")
        self.show_status()

    def _return_to(self, before: Wanted, message: LoadFailed) -> None:
        """Go on with the checkpoint that was loaded before."""
        failed = short_name(self._checkpoint)
        self._before = None
        self._want(before)
        if self._generator is not None:
            self.query_one(TitleBar).show_ready(self._generator.facts)
            self.show_status()
        else:
            self.start_loading()
        then = "stays" if self._generator is not None else "is loaded again"
        why = f"{failed} was not loaded" if message.was_cancelled else f"Could not load {failed}: {message.error}"
        self.say(f"{why} · {short_name(before.name)} {then}", is_problem=not message.was_cancelled)

    def close_model(self) -> None:
        """Tell the model's thread that nobody listens any more."""
        if self._model is not None:
            self._model.close()

    async def turns_changed(self) -> None:
        """The session has more turns than before."""

    def show_status(self) -> None:
        """Show what the program is doing."""
        self.query_one(StatusRow).show(self._status())

    def show_preparing(self, words: str) -> None:
        """Show what goes on before there is a session."""
        self.query_one(StatusRow).show(Status(State.LOADING, (words,)))

    def _status(self) -> Status:
        if problem := self._not_saved or self._reply_not_saved:
            return Status(State.NOT_SAVED, (problem,))
        waiting = len(self._session.waiting) if self._session else 0
        queued = (f"{waiting} queued",) if waiting and not (self._is_checking and waiting == 1) else ()
        match self._state:
            case State.LOADING:
                fraction, stage = self._progress.fraction, short_line(self._progress.stage, 32)
                percent = "" if fraction is None else f"{fraction * 100:.0f} %"
                # Where a message waits for it, the transcript tells the stage.
                return Status(State.LOADING, queued or ((stage,) if stage else ()), percent, "esc", "cancel")
            case State.READING:
                seconds = int(time.monotonic() - self._started)
                percent = f"{100 * self._read.done / self._read.total:.0f} %" if self._read else ""
                return Status(State.READING, ((f"{seconds} s",) if seconds else ()) + queued, percent, "esc", "stop")
            case State.WRITING:
                tokens = self.session.reply_tokens
                elapsed = time.monotonic() - self._first_token_at
                since = tokens - self._first_tokens
                speed = (f"{since / elapsed:.0f}/s",) if since and elapsed > 0.2 else ()
                # A server need not tell them.
                said = (count_in_words(tokens, "token"),) if tokens else ()
                return Status(State.WRITING, (*said, *speed, *queued), key="esc", key_word="stop")
            case State.CHOOSING:
                seconds = int(time.monotonic() - self._started)
                return Status(
                    State.CHOOSING, ((f"{seconds} s",) if seconds else ()) + queued, key="esc", key_word="stop"
                )
            case State.NOT_LOADED:
                return Status(State.NOT_LOADED, queued, key="/load", key_word="tries again")
            case state:
                left_out = self._session.left_out if self._session else 0
                facts = ((f"{count_in_words(left_out, 'message')} left out",) if left_out else ()) + queued
                is_held = self._is_held and bool(waiting)
                return Status(state, facts, key="enter" if is_held else "", key_word="sends" if is_held else "")
