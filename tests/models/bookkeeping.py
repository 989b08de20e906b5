"""What a generator must have kept, told from tokens alone, and how much it computes, counted inside the model."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from chat.models.state import _BRANCH_WORTH
from chat.models.tokens import Key


class Meter:
    """Counts the tokens that go through a model's decoder, and breaks into a pass when it is told to."""

    def __init__(self, model: Any) -> None:
        # Every token goes through these, whatever else of a layer is computed for it.
        keys = [layer.self_attn.k_proj for layer in model.modules() if type(layer).__name__.endswith("DecoderLayer")]
        keys[0].register_forward_pre_hook(self._count)
        keys[-1].register_forward_pre_hook(self._break_in)
        self._fed = 0
        self._passes_left = 0
        self._interruption: Callable[[], None] = lambda: None

    def _count(self, _: Any, args: tuple[Any, ...]) -> None:
        self._fed += args[0].shape[1]

    def _break_in(self, *_: Any) -> None:
        # Here, so that the layers before have kept something of this pass already.
        if self._passes_left:
            self._passes_left -= 1
            if not self._passes_left:
                self._interruption()

    def interrupt(self, passes: int, interruption: Callable[[], None]) -> None:
        """Call something inside the last layer of a pass, 1 being the next one."""
        self._passes_left, self._interruption = passes, interruption

    def take(self) -> int:
        """How many tokens went in since the last call."""
        fed, self._fed, self._passes_left = self._fed, 0, 0
        return fed


@dataclass
class State:
    """What is kept of one conversation."""

    keys: list[Key]
    draft_from: int | None = None
    """Where what was not sent begins."""

    @property
    def sent(self) -> int:
        """How many of the tokens were sent."""
        return min(len(self.keys), self.draft_from) if self.draft_from is not None else len(self.keys)


class Kept:
    """What a generator must have kept, and so how many tokens of a prompt need no computation."""

    def __init__(self, *, one_only: bool) -> None:
        """Begin with nothing.

        Args:
            one_only: There is room for the state in use and for no other.
        """
        self._one_only = one_only
        self._states: list[State] = []
        """The one used last at the end."""

    def claim(self, keys: Sequence[Key], draft_from: int | None = None) -> int:
        """Begin a prompt; gives the length of the longest prefix that it has in common with any state.

        A state that would lose much that was sent stays beside; of a prompt the last token is always computed.
        """
        best = max(reversed(self._states), key=lambda state: (shared(state.keys, keys), -len(state.keys)), default=None)
        length = shared(best.keys, keys) if best else 0
        if best and length and best.sent - length <= _BRANCH_WORTH:
            self._states = [state for state in self._states if state is not best]
        self._states.append(State(list(keys[:length]), draft_from))
        if self._one_only:
            del self._states[:-1]
        return length

    def add(self, keys: Iterable[Key]) -> None:
        """Note what was computed behind the claimed prefix; a state that holds nothing is none."""
        self._states[-1].keys.extend(keys)
        if not self._states[-1].keys:
            self._states.pop()

    def work_ahead(self, beginning: Sequence[Key]) -> int:
        """Note that what the next prompt begins with is computed, as far as it is not; gives how much that is."""
        state = self._states[-1].keys
        length = shared(state, beginning)
        state[length:] = beginning[length:]
        return len(beginning) - length

    def forget(self) -> None:
        """Note that what was claimed last is lost."""
        self._states.pop()


def shared(state: Sequence[Key], keys: Sequence[Key]) -> int:
    """How many of a prompt's tokens but the last a state begins with."""
    pairs = zip(state, keys[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
