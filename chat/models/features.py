"""What a model has seen in pictures, kept so that a picture is looked at once."""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

from chat.conversation import Image


class KeptFeatures:
    """The features of the pictures used last, by digest."""

    def __init__(self, look: Callable[[Image], Tensor], most: int) -> None:
        """Begin with none.

        Args:
            look: Computes a picture's features.
            most: How many pictures' features are kept.
        """
        self._look = look
        self._most = most
        self._features: OrderedDict[str, Tensor] = OrderedDict()

    def of(self, image: Image) -> Tensor:
        """The features of a picture, computed if they are not kept."""
        known = self._features.get(image.digest)
        if known is None:
            self._features[image.digest] = known = self._look(image)
            if len(self._features) > self._most:
                self._features.popitem(last=False)
        self._features.move_to_end(image.digest)
        return known
