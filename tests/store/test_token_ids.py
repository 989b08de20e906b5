"""Token ids that are read when somebody looks at them."""

from chat.store.token_ids import StoredIds


def test_they_are_as_a_tuple_of_them() -> None:
    ids = StoredIds("[3, 1, 4]", 3)
    assert tuple(ids) == (3, 1, 4)
    assert len(ids) == 3
    assert ids[-1] == 4
    assert ids[:2] == (3, 1)
    assert repr(ids) == "(3, 1, 4)"
    assert not StoredIds("[]", 0)


def test_they_are_compared_with_any_other_ids() -> None:
    ids = StoredIds("[3, 1, 4]", 3)
    assert ids == (3, 1, 4)
    assert (3, 1, 4) == ids
    assert ids == StoredIds("[3,1,4]", 3)
    assert ids != StoredIds("[3, 1]", 2)
    assert hash(ids) == hash((3, 1, 4))
