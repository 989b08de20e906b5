"""What is said of answers beside the recorded replies."""

from dataclasses import replace

from chat.replay.beside import Beside, differences_in_words
from chat.replay.differences import Difference

DTYPE, DEVICE = Difference("dtype", "bfloat16", "float32"), Difference("device", "cuda:0", "cpu")
BOTH = Beside(0, True, (), (), "same 2 tokens", (DTYPE, DEVICE))


def test_what_differs_for_some_of_the_replies_says_for_how_many() -> None:
    assert differences_in_words([BOTH, BOTH]) == "dtype bfloat16 → float32 · device cuda:0 → cpu"
    some = [BOTH, replace(BOTH, is_same=False, differences=(DEVICE,)), replace(BOTH, is_same=None, differences=())]
    assert differences_in_words(some) == "dtype bfloat16 → float32 (1 of the replies) · device cuda:0 → cpu"
    assert differences_in_words([]) == ""
