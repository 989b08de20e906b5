"""What a family of checkpoints must be able to do for replies to be generated with it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from chat.conversation import Image
from chat.models.features import KeptFeatures
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import Dialect


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

    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it; gives the last one's logits (vocabulary,).

        The tokens may begin or end within a picture.
        """

    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
