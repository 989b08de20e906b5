"""States of conversations: what is shared, what is kept apart, and what is let go of first."""

import threading

import pytest
import torch

import chat.models.kv_cache
from chat.conversation import Image
from chat.models.features import KeptFeatures
from chat.models.kv_cache import GrowingCache
from chat.models.state import KeptState, KeptStates
from chat.models.tokens import Key
from tests.models.reference import IMAGES

HEADS, WIDTH = 2, 4
ROOM = 512
STATE_BYTES = 2 * HEADS * ROOM * WIDTH * 4
"""Of a state of one layer that has not outgrown its first buffers."""


def talk(name: int, tokens: int) -> list[Key]:
    """The tokens of a conversation like no other."""
    return [(1, ""), *((1000 * name + place, "") for place in range(1, tokens))]


def fill(state: KeptState, keys: list[Key]) -> None:
    """Compute tokens, each with keys and values that tell it from others."""
    new = keys[len(state) :]
    values = torch.tensor([float(token_id) for token_id, _ in new]).view(1, 1, -1, 1).expand(1, HEADS, -1, WIDTH)
    state.cache.update(values, -values, 0)
    state.computed(new)


def claimed(states: KeptStates, keys: list[Key]) -> int:
    """Claim a state for a prompt and compute it; gives how many tokens needed no computation."""
    state = states.claim(keys, 0)
    cached = len(state)
    fill(state, keys)
    held = state.cache.layers[0].keys[0, 0, :, 0].tolist()
    assert held == [float(token_id) for token_id, _ in keys]
    return cached


def test_the_last_token_is_always_computed() -> None:
    states = KeptStates(10**9)
    assert claimed(states, talk(1, 30)) == 0
    assert claimed(states, talk(1, 30)) == 29
    assert claimed(states, talk(1, 40)) == 30
    assert len(states) == 1


def test_conversations_side_by_side_keep_what_was_computed() -> None:
    states = KeptStates(10**9)
    assert [claimed(states, talk(name, 100)) for name in (1, 2, 3)] == [0, 1, 1]
    assert [claimed(states, talk(name, 110)) for name in (2, 1, 3)] == [100, 100, 100]
    assert len(states) == 3


def test_the_conversation_used_longest_ago_is_let_go_of_first() -> None:
    states = KeptStates(3 * STATE_BYTES)
    for name in (1, 2, 3, 1, 4):
        claimed(states, talk(name, 100))
    assert (len(states), states.nbytes) == (3, 3 * STATE_BYTES)
    assert claimed(states, talk(1, 100)) == 99
    assert claimed(states, talk(2, 100)) == 1


def test_room_is_made_before_a_state_grows() -> None:
    states = KeptStates(4 * STATE_BYTES)
    for name in (1, 2):
        claimed(states, talk(name, ROOM))
    state = states.claim(talk(2, ROOM), new_tokens=3 * ROOM)
    assert len(states) == 1
    assert len(state) == ROOM - 1


def test_only_the_state_in_use_is_packed_and_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat.models.kv_cache, "_LEAST_PACKED", 256)
    states = KeptStates(3 * STATE_BYTES)
    for name, packed_states in ((1, 1), (2, 1)):
        claimed(states, talk(name, 300))
        states.settle(states.claim(talk(name, 300), 0), ahead=0, packs=True)
        assert [bool(state.cache.packed(0)) for state in states._states].count(True) == packed_states
    assert states.nbytes < 3 * STATE_BYTES
    claimed(states, talk(3, 300))
    states.settle(states.claim(talk(3, 300), 0), ahead=0, packs=True)
    assert states.nbytes <= 3 * STATE_BYTES


def test_the_state_in_use_stays_even_if_it_is_too_large() -> None:
    states = KeptStates(1)
    assert [claimed(states, talk(1, tokens)) for tokens in (10, 20)] == [0, 10]
    assert len(states) == 1


def test_an_edit_keeps_the_common_beginning_and_leaves_the_first_branch_alone() -> None:
    states = KeptStates(10**9)
    first = talk(1, 300)
    claimed(states, first)
    edited = [*first[:100], *talk(9, 50)]
    assert claimed(states, edited) == 100
    assert claimed(states, first) == 299
    assert claimed(states, edited) == 149


def test_a_branch_without_room_for_both_takes_what_it_begins_with() -> None:
    states = KeptStates(STATE_BYTES)
    first = talk(1, 300)
    claimed(states, first)
    (left,) = states._states
    assert claimed(states, [*first[:100], *talk(9, 50)]) == 100
    assert (len(states), len(left), left.nbytes) == (1, 0, 0)


def test_a_few_tokens_that_are_written_anew_are_no_branch() -> None:
    states = KeptStates(10**9)
    first = talk(1, 300)
    claimed(states, first)
    assert claimed(states, [*first[:290], *talk(9, 50)]) == 290
    assert len(states) == 1


def test_another_picture_in_the_same_place_is_another_token() -> None:
    states = KeptStates(10**9)
    fill(states.claim([(1, ""), (7, "a"), (2, "")], 0), [(1, ""), (7, "a"), (2, "")])
    assert len(states.claim([(1, ""), (7, "b"), (2, "")], 0)) == 1


def test_a_state_that_a_pass_broke_off_in_is_let_go_of() -> None:
    states = KeptStates(10**9)
    state = states.claim(talk(1, 20), 0)
    fill(state, talk(1, 20))
    states.drop_if_broken(state)
    assert len(states) == 1
    state.cache.update(torch.zeros(1, HEADS, 1, WIDTH), torch.zeros(1, HEADS, 1, WIDTH), 0)
    states.drop_if_broken(state)
    states.drop_if_broken(state)
    assert (len(states), claimed(states, talk(1, 20))) == (0, 0)


def test_a_state_that_holds_nothing_is_let_go_of() -> None:
    states = KeptStates(10**9)
    states.drop_if_broken(states.claim(talk(1, 20), 0))
    assert len(states) == 0


@pytest.mark.parametrize("steps", [[1, 1, 1], [511, 1, 1], [512, 1], [5, 2000, 3], [700, 900]])
def test_a_growing_cache_holds_what_was_added(steps: list[int]) -> None:
    cache, plain = GrowingCache(), torch.empty(1, HEADS, 0, WIDTH)
    for count in steps:
        new = torch.randn(1, HEADS, count, WIDTH)
        plain = torch.cat((plain, new), dim=2)
        keys, values = cache.update(new, -new, 0)
        assert torch.equal(keys, plain)
        assert torch.equal(values, -plain)
    assert cache.get_seq_length() == sum(steps)


def test_a_growing_cache_is_not_copied_for_every_token() -> None:
    cache = GrowingCache()
    buffers = set()
    for _ in range(5000):
        keys, _ = cache.update(torch.zeros(1, HEADS, 1, WIDTH), torch.zeros(1, HEADS, 1, WIDTH), 0)
        buffers.add(keys.untyped_storage().data_ptr())
    assert len(buffers) < 10


def test_a_cropped_cache_goes_on_from_there_and_a_copy_is_its_own() -> None:
    cache = GrowingCache()
    cache.update(torch.arange(10.0).view(1, 1, 10, 1), torch.zeros(1, 1, 10, 1), 0)
    copy = cache.copied(4)
    cache.crop(-7)
    keys, _ = cache.update(torch.full((1, 1, 1, 1), 99.0), torch.zeros(1, 1, 1, 1), 0)
    assert keys.flatten().tolist() == [0, 1, 2, 99]
    keys, _ = copy.update(torch.full((1, 1, 1, 1), 98.0), torch.zeros(1, 1, 1, 1), 0)
    assert keys.flatten().tolist() == [0, 1, 2, 3, 98]


def test_room_made_ahead_changes_nothing_that_is_held() -> None:
    cache = GrowingCache()
    cache.make_room(100)
    cache.update(torch.arange(3.0).view(1, 1, 3, 1), torch.zeros(1, 1, 3, 1), 0)
    before = cache.nbytes
    cache.make_room(5000)
    assert cache.nbytes > 5 * before
    assert cache.layers[0].keys.flatten().tolist() == [0, 1, 2]


def test_a_picture_is_looked_at_again_only_when_it_was_let_go_of() -> None:
    looks: list[str] = []

    def look(image: Image, _: threading.Event | None) -> tuple[torch.Tensor, ...]:
        looks.append(image.digest)
        return torch.zeros(10), torch.zeros(15)

    features = KeptFeatures(look)
    features.most_bytes = 250
    a, b, c = IMAGES[:3]
    for image in (a, b, a, c, a, b):
        features.of(image)
    assert len(looks) == 4
    assert (len(features), features.nbytes) == (2, 200)
    features.clear()
    assert (len(features), features.nbytes) == (0, 0)


def test_the_picture_used_last_stays_even_if_it_is_too_large() -> None:
    features = KeptFeatures(lambda *_: (torch.zeros(100),))
    features.most_bytes = 1
    features.of(IMAGES[0])
    features.of(IMAGES[1])
    assert len(features) == 1
