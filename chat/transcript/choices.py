"""Labels that were ranked, as a document holds them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

from chat.conversation import Image
from chat.errors import TranscriptError
from chat.generation import CheckpointFacts, Score
from chat.ranking import Ranking, check_labels
from chat.records import Choice
from chat.transcript.pictures import PictureObject, picture_from, picture_object, require_time


@dataclass(frozen=True, slots=True)
class LabelObject:
    """A label with what the model found."""

    label: str
    log_likelihood: float
    token_count: int

    def __post_init__(self) -> None:
        if self.token_count < 1:
            raise TranscriptError("token_count is below 1")


@dataclass(frozen=True, slots=True)
class ChoiceObject:
    """A choice; its keys are called like the attributes of `Choice`, but for the turn, which is named by its number."""

    labels: tuple[LabelObject, ...]
    facts: CheckpointFacts
    after_turn: int = 0
    """From 1; 0 before the first."""
    per_token: bool = False
    created_at: str = ""
    images: tuple[PictureObject, ...] = ()
    number: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        check_labels([one.label for one in self.labels])
        require_time(self.created_at)
        if min(self.after_turn, self.number, self.left_out) < 0:
            raise TranscriptError("after_turn, number and left_out cannot be below 0")

    @classmethod
    def of(cls, choice: Choice, files: Mapping[str, str]) -> Self:
        """A choice of a transcript, whose turns have their numbers for ids."""
        scored = zip(choice.ranking.labels, choice.ranking.scores, strict=True)
        return cls(
            labels=tuple(LabelObject(label, score.log_likelihood, score.token_count) for label, score in scored),
            facts=choice.facts,
            after_turn=choice.turn_id or 0,
            per_token=choice.ranking.per_token,
            created_at=choice.created_at,
            images=tuple(picture_object(image, files) for image in choice.images),
            number=choice.number,
            left_out=choice.left_out,
        )

    def written(self) -> dict[str, object]:
        """The choice as JSON has it."""
        written = asdict(self)
        del written["facts"]["environment"]
        return written

    def choice(self, open_picture: Callable[[str], Image]) -> Choice:
        """The choice that this stands for."""
        scores = tuple(Score(one.log_likelihood, one.token_count) for one in self.labels)
        return Choice(
            turn_id=self.after_turn or None,
            ranking=Ranking(tuple(one.label for one in self.labels), scores, per_token=self.per_token),
            facts=self.facts,
            created_at=self.created_at,
            images=tuple(picture_from(image, open_picture) for image in self.images),
            number=self.number,
            left_out=self.left_out,
        )
