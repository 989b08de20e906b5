"""Labels ranked by how likely a model finds each as what comes next.

Rank classification as in the guide and in the IDEFICS evaluation: no reply is generated, the labels' log-likelihoods
after one and the same prompt are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chat.errors import UsageError
from chat.generation import Score
from chat.safe_text import short_line


@dataclass(frozen=True, slots=True)
class Ranking:
    """Labels with their scores."""

    labels: tuple[str, ...]
    scores: tuple[Score, ...]
    """One for each label, in the labels' order."""
    per_token: bool = False
    """Whether labels are compared by their log-likelihood for each of their tokens, which favours no short label."""

    @property
    def values(self) -> tuple[float, ...]:
        """What the labels are compared by: log-likelihoods, of all tokens together or of one on average."""
        return tuple(score.per_token if self.per_token else score.log_likelihood for score in self.scores)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The labels' shares of 1, if it is one of them for certain."""
        values = self.values
        highest = max(values)
        weights = [math.exp(value - highest) for value in values]
        total = sum(weights)
        return tuple(weight / total for weight in weights)

    @property
    def order(self) -> tuple[int, ...]:
        """Places of the labels, the likeliest first; of equals the one named first."""
        values = self.values
        return tuple(sorted(range(len(values)), key=lambda place: -values[place]))

    @property
    def best(self) -> str:
        """The likeliest label."""
        return self.labels[self.order[0]]


def check_labels(labels: Sequence[str], source: str = "") -> tuple[str, ...]:
    """Labels without the spaces around them.

    Args:
        labels: As somebody wrote them.
        source: What to name in front of an error, such as a file and a line.

    Raises:
        UsageError: There are fewer than two, one is blank, or one stands twice.
    """
    cleaned = tuple(label.strip() for label in labels)
    prefix = f"{source}: " if source else ""
    if len(cleaned) < 2:
        raise UsageError(f"{prefix}there {'is one label' if cleaned else 'are no labels'}: give two or more")
    if not all(cleaned):
        raise UsageError(f"{prefix}label {cleaned.index('') + 1} is blank: write it or leave it out")
    seen: set[str] = set()
    for label in cleaned:
        if label in seen:
            raise UsageError(f"{prefix}the label “{short_line(label, 60)}” stands twice: give each once")
        seen.add(label)
    return cleaned
