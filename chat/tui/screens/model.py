"""What the conversation screen knows of the model: its loading, the status row and the context meter."""

import time
from typing import TYPE_CHECKING, NamedTuple

from textual import on, work

from chat.drafts import Draft
from chat.generation import CheckpointFacts, GenerationSettings, Loader, LoadProgress, ReadProgress, TextGenerator
from chat.safe_text import short_line
from chat.talk.commands import is_command, parse
from chat.talk.wording import count_in_words, short_name
from chat.tui.messages import ContextCounted, LoadAdvanced, LoadEnded, LoadFailed
from chat.tui.model_thread import ModelThread
from chat.tui.screens.keeping import KeepingScreen
from chat.tui.widgets.status_row import State, Status, StatusRow
from chat.tui.widgets.title_bar import TitleBar

# Imported with the widgets that come after the first frame, which need not wait for them.
if TYPE_CHECKING:
    from chat.talk.said import SaidSession
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
                self._show_context(None)
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
                return Status(
                    State.WRITING, (count_in_words(tokens, "token"), *speed, *queued), key="esc", key_word="stop"
                )
            case State.CHOOSING:
                seconds = int(time.monotonic() - self._started)
                return Status(
                    State.CHOOSING, ((f"{seconds} s",) if seconds else ()) + queued, key="esc", key_word="stop"
                )
            case State.NOT_LOADED:
                return Status(State.NOT_LOADED, queued, key="/load", key_word="tries again")
            case state:
                left_out = self._session.left_out if self._session else 0
                return Status(
                    state, ((f"{count_in_words(left_out, 'message')} left out",) if left_out else ()) + queued
                )

    def _show_context(self, tokens: int | None, *, is_message: bool = False) -> None:
        """Show how full the context is, with the message being written, or with what was said alone."""
        from chat.context import reply_room

        limit = self.facts.context_length if self.facts else 0
        taken = (tokens or 0) + reply_room(limit, self._settings.max_new_tokens)
        self.query_one(StatusRow).show_context(tokens, limit, fits=not is_message or taken <= limit)

    def as_sent(self, draft: Draft) -> Draft:
        """A message as it would be sent."""
        return draft

    def draft_to_send(self) -> Draft:
        """The message being written as it would be sent, as far as it is the user's."""
        return self.draft_to_keep()

    def prefill_draft(self) -> None:
        """Have the model compute the message being written, so that it is read when it is sent."""
        if self._generator is None or self._model is None:
            return
        draft = self.draft_to_send()
        is_message = parse(draft.text) is None and (draft.text.strip() or draft.images)
        # Beam search begins with every prompt anew.
        is_of_use = not self.is_working and not self.session.waiting and self._settings.num_beams == 1
        if is_message and is_of_use:
            self._model.prefill(self._generator, self.session.conversation_with(draft, self._generator.facts))
        else:
            self.stop_prefill()

    def stop_prefill(self) -> None:
        """Let the model rest: what it computes is not what will be sent."""
        if self._model is not None:
            self._model.stop_prefill()

    def draft_for_model(self) -> Draft:
        """The message being written, as far as it would reach the model; empty where none of it would."""
        draft = self.composer.draft
        # A command never reaches it; its pictures may.
        draft = Draft("", draft.images) if is_command(draft.text) else draft
        return self.as_sent(draft) if draft.text.strip() or draft.images else Draft()

    def count_context(self) -> None:
        """Count the conversation and the message being written, for the meter."""
        if self._generator is None or self.is_working:
            return
        draft = self.draft_for_model()
        if draft or self.session.turns:
            self._count(self._generator, self.session.as_it_is(), draft or None)
        else:
            self._show_context(0)

    @work(thread=True, exclusive=True, group="context", exit_on_error=False)
    def _count(self, generator: TextGenerator, said: "SaidSession", draft: Draft | None) -> None:
        # A long conversation takes as long to put together as several keys.
        from chat.talk.said import prompt_of

        facts = generator.facts
        conversation = said.conversation_with(draft, facts) if draft is not None else said.conversation(facts)
        tokens = generator.count_tokens(prompt_of(conversation, generator)) if conversation.turns else 0
        self.post_message(ContextCounted(tokens, is_message=draft is not None))

    @on(ContextCounted)
    def _show_counted(self, message: ContextCounted) -> None:
        if not self.is_working:
            self._show_context(message.tokens, is_message=message.is_message)
