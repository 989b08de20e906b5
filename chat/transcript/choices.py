"""Labels that were ranked, as a document holds them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from chat.conversation import Image
from chat.environment import Environment
from chat.errors import TranscriptError
from chat.generation import CheckpointFacts, Score
from chat.ranking import Ranking, check_labels
from chat.records import Choice
from chat.transcript.pictures import PictureNames, PictureObject, written_picture
from chat.transcript.replies import Environments, facts_in, written_facts
from chat.transcript.times import as_utc


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
    environment: int = 0
    """Of the checkpoint, by its number among those of the document; 0 where nothing is known."""

    def __post_init__(self) -> None:
        check_labels([one.label for one in self.labels])
        as_utc(self.created_at)
        if min(self.after_turn, self.number, self.left_out) < 0:
            raise TranscriptError("after_turn, number and left_out cannot be below 0")

    @classmethod
    def of(cls, choice: Choice, pictures: PictureNames, environments: Environments) -> Self:
        """A choice of a transcript, whose environment comes to those of the document."""
        scored = zip(choice.ranking.labels, choice.ranking.scores, strict=True)
        return cls(
            labels=tuple(LabelObject(label, score.log_likelihood, score.token_count) for label, score in scored),
            facts=choice.facts,
            after_turn=choice.turn_id or 0,
            per_token=choice.ranking.per_token,
            created_at=choice.created_at,
            images=tuple(pictures.object_of(image) for image in choice.images),
            number=choice.number,
            left_out=choice.left_out,
            environment=environments.number(choice.facts.environment),
        )

    def written(self) -> dict[str, object]:
        """The choice as JSON has it."""
        written: dict[str, object] = {
            "labels": [
                {"label": one.label, "log_likelihood": one.log_likelihood, "token_count": one.token_count}
                for one in self.labels
            ],
            "facts": written_facts(self.facts),
            "after_turn": self.after_turn,
            "per_token": self.per_token,
            "created_at": self.created_at,
            "images": [written_picture(image) for image in self.images],
            "number": self.number,
            "left_out": self.left_out,
        }
        return written | {"environment": self.environment} if self.environment else written

    def choice(self, picture: Callable[[PictureObject], Image], environments: Sequence[Environment]) -> Choice:
        """The choice that this stands for, in a document with these environments."""
        scores = tuple(Score(one.log_likelihood, one.token_count) for one in self.labels)
        return Choice(
            turn_id=self.after_turn or None,
            ranking=Ranking(tuple(one.label for one in self.labels), scores, per_token=self.per_token),
            facts=facts_in(self.facts, self.environment, environments),
            created_at=as_utc(self.created_at),
            images=tuple(picture(image) for image in self.images),
            number=self.number,
            left_out=self.left_out,
        )
