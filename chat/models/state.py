"""What a model has already computed of a conversation, and how much of it a new prompt can use."""

from collections.abc import Sequence

from transformers import DynamicCache, PretrainedConfig

from chat.models.tokens import Key


class KeptState:
    """The key-value cache of one conversation and the tokens it was computed from."""

    def __init__(self, config: PretrainedConfig) -> None:
        self._config = config
        self.cache = DynamicCache(config=config)
        self._keys: list[Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def latest_image(self) -> str:
        """Digest of the newest picture among the tokens kept, or an empty string."""
        return next((digest for _, digest in reversed(self._keys) if digest), "")

    def keep_shared(self, keys: Sequence[Key]) -> int:
        """Drop what these tokens do not begin with; gives how many of them need no computation.

        The last token is always left to compute: its logits are what a generator asks for.
        """
        shared = 0
        limit = min(len(keys) - 1, len(self._keys))
        while shared < limit and keys[shared] == self._keys[shared]:
            shared += 1
        if shared == 0:
            self.forget()
        elif shared < len(self._keys):
            self.cache.crop(shared - len(self._keys))
            del self._keys[shared:]
        return shared

    def computed(self, keys: Sequence[Key]) -> None:
        """Note tokens that a forward pass has added to the cache."""
        self._keys.extend(keys)

    def forget(self) -> None:
        """Drop everything; needed whenever a forward pass failed half way."""
        self.cache = DynamicCache(config=self._config)
        self._keys = []
