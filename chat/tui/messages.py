"""What the model's thread tells the conversation screen."""

from typing import TYPE_CHECKING

from textual.message import Message

from chat.errors import ModelError, ModelLostError
from chat.generation import Reply, Score, TextGenerator
from chat.loading import LoadProgress

if TYPE_CHECKING:
    from chat.context import Overflow
    from chat.talk.remedies import Remedy


class LoadMessage(Message):
    """Something happened while a checkpoint was loaded."""


class LoadAdvanced(LoadMessage):
    """Loading went on."""

    def __init__(self, progress: LoadProgress) -> None:
        super().__init__()
        self.progress = progress


class LoadEnded(LoadMessage):
    """A checkpoint is loaded."""

    def __init__(self, generator: TextGenerator) -> None:
        super().__init__()
        self.generator = generator


class LoadFailed(LoadMessage):
    """A checkpoint could not be loaded, or its loading was cancelled."""

    def __init__(self, error: ModelError, *, was_cancelled: bool) -> None:
        super().__init__()
        self.error = error
        self.was_cancelled = was_cancelled


class ModelLost(Message):
    """A loaded model is gone."""

    def __init__(self, generator: TextGenerator, error: ModelLostError) -> None:
        super().__init__()
        self.generator = generator
        """The one that is of no use any more."""
        self.error = error


class RunMessage(Message):
    """Something happened to a message that was sent to the model."""

    def __init__(self, run: int) -> None:
        super().__init__()
        self.run = run
        """Which sending it belongs to; one that was given up is not the screen's any more."""


class PromptCounted(RunMessage):
    """The prompt of a message that waits to be sent was counted."""

    def __init__(self, run: int, tokens: int, overflow: "Overflow | None", remedies: "tuple[Remedy, ...]" = ()) -> None:
        super().__init__(run)
        self.tokens = tokens
        self.overflow = overflow
        """What does not fit into the context; None where everything does."""
        self.remedies = remedies
        """What can be done about it."""


class ReplyEnded(RunMessage):
    """The reply is complete, cut or stopped."""

    def __init__(self, run: int, reply: Reply) -> None:
        super().__init__(run)
        self.reply = reply


class RunFailed(RunMessage):
    """The model failed while it counted or replied."""

    def __init__(self, run: int, error: ModelError) -> None:
        super().__init__(run)
        self.error = error


class ChoiceEnded(RunMessage):
    """The labels are ranked, or their ranking was stopped."""

    def __init__(self, run: int, scores: tuple[Score, ...] | None) -> None:
        super().__init__(run)
        self.scores = scores
        """In the labels' order; None where it was stopped."""


class ChoiceFailed(RunMessage):
    """The model failed while it ranked labels."""

    def __init__(self, run: int, error: ModelError) -> None:
        super().__init__(run)
        self.error = error


class SavingTold(RunMessage):
    """The reply being written could not be saved as far as it has come, or it can be again."""

    def __init__(self, run: int, problem: str) -> None:
        super().__init__(run)
        self.problem = problem
        """Empty where it is saved again."""


class ContextCounted(Message):
    """The conversation with the message being written was counted, for the meter."""

    def __init__(self, tokens: int, *, is_message: bool) -> None:
        super().__init__()
        self.tokens = tokens
        self.is_message = is_message
        """Whether there is a message being written."""


class QuitWanted(Message):
    """The program is to end, in turn with what was typed before."""
