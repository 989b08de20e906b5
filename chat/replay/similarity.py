"""How alike two texts are: chrF, the F-score of character n-grams.

As defined in M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015, with n-grams of one to
six characters, recall weighted twice (chrF2) and white space left out, which are also the settings sacreBLEU has. It
needs no words, and so means the same in every language.
"""

from collections import Counter
from typing import Final

MOST_CHARACTERS: Final = 6
"""Of an n-gram."""
RECALL_WEIGHT: Final = 2
"""How many times as important it is that what was recorded is said again, as that nothing else is said."""


def chrf(text: str, recorded: str) -> float:
    """How much of a recorded text another one says, from 0 to 1; 1 for the same characters in the same order.

    White space does not count. A text without a character is like another such one alone.
    """
    said, wanted = "".join(text.split()), "".join(recorded.split())
    if said == wanted:
        return 1.0
    # An n-gram longer than one of the texts says nothing of them.
    orders = range(1, min(MOST_CHARACTERS, len(said), len(wanted)) + 1)
    if not orders:
        return 0.0
    precision = recall = 0.0
    for order in orders:
        ours, theirs = _n_grams(said, order), _n_grams(wanted, order)
        shared = (ours & theirs).total()
        precision += shared / ours.total() / len(orders)
        recall += shared / theirs.total() / len(orders)
    weight = RECALL_WEIGHT**2
    return (1 + weight) * precision * recall / (weight * precision + recall) if precision else 0.0


def _n_grams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
