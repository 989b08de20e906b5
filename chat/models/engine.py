"""What a family of checkpoints must be able to do for replies to be generated with it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from chat.conversation import Image
from chat.models.features import KeptFeatures
from chat.models.padded import PaddedState
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import Dialect
from chat.seen import SeenPicture


class Engine(Protocol):
    """A loaded checkpoint, ready to compute."""

    model: Any
    """The transformers model."""
    encoder: PromptEncoder
    dialect: Dialect
    utterance_id: int | None
    """Id of the token that closes a turn; None where the checkpoint was trained without one."""
    eos_ids: frozenset[int]
    """Ids of the tokens that close a text."""
    banned_ids: tuple[int, ...]
    """Ids that may never be generated."""
    image_size: int
    """Side of the square that a picture is squashed to, in pixels."""
    features: KeptFeatures
    """What was seen in pictures."""
    attends_packed: bool
    """Whether its attention is faster by packed keys and values."""
    token_bytes: int
    """Bytes of the keys and values of one token."""
    picture_bytes: int
    """Bytes of what is seen in one picture, at the most."""

    def preprocess(self, image: Image) -> SeenPicture:
        """What is seen of a picture, as a picture: what `features` are computed from."""

    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it; gives the last one's logits (vocabulary,).

        The tokens may begin or end within a picture.
        """

    def compute_rows(self, state: PaddedState, columns: Sequence[Sequence[Key]]) -> Tensor:
        """Compute tokens of several prompts side by side and add them to the state.

        Args:
            state: What is computed already, and what was seen in every picture among the tokens.
            columns: Of every row the next tokens, as many of each, with `PADDING` before a row's first.

        Returns:
            The logits of every row's last token, (rows, vocabulary).
        """

    def compute_branches(
        self, state: KeptState, branches: Sequence[Sequence[int]], images: Mapping[str, Image]
    ) -> Tensor:
        """Compute several ways on from what is in the state, and leave the state as it is.

        Args:
            state: Their beginning.
            images: The conversation's pictures by digest.
            branches: The ids of each.

        Returns:
            The logits of all their tokens, one branch behind the other, (tokens, vocabulary).
        """

    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
