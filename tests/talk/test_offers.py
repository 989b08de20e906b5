"""What a checkpoint is likely to take of a machine, told from its size alone."""

import pytest

from chat.talk.offers import Fit, guess

GB = 10**9


@pytest.mark.parametrize(
    ("free", "is_accelerated", "precision", "fit", "words"),
    [
        (40 * GB, True, "bf16", Fit.YES, "likely"),
        (40 * GB, False, "bf16", Fit.YES, "likely"),
        (12 * GB, True, "8bit", Fit.YES, "likely"),
        (12 * GB, False, "8bit", Fit.WITH_LIMITS, "likely, slow"),
        (8 * GB, True, "4bit", Fit.YES, "likely"),
        (5 * GB, True, "4bit", Fit.NO, "~2.2 GB short"),
    ],
)
def test_the_best_precision_that_is_likely_to_fit_is_told(
    free: int, is_accelerated: bool, precision: str, fit: Fit, words: str
) -> None:
    # The 9b of IDEFICS, of which 20 GB are told, and 7 GB in 4 bit.
    found = guess(18 * GB, free, is_accelerated=is_accelerated)
    assert (found.precision, found.fit, found.fit_in_words) == (precision, fit, words)
    assert found.memory == pytest.approx({"bf16": 20, "8bit": 12, "4bit": 7}[precision] * GB, rel=0.05)
