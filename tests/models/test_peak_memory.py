"""What is told of a checkpoint's memory is what it takes, and loading takes hardly more than what is loaded."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.medium import write_medium
from tests.benchmarks.memory import MOST_WHILE_LOADING, TOLERANCE, measure


@pytest.mark.skipif(sys.platform != "linux", reason="a process's peak is read from /proc")
def test_the_peak_is_the_one_that_is_told(tmp_path: Path) -> None:
    """Weights that are brought to another precision on the way: the file's own would count on top of them."""
    folder = write_medium("Idefics3", tmp_path / "checkpoint", "float32", hidden=768, layers=6, seen_hidden=256)
    found = measure(folder, {"dtype": "bfloat16"})
    assert found.ratio == pytest.approx(1, abs=TOLERANCE)
    assert found.loading_ratio <= MOST_WHILE_LOADING
