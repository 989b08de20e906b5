"""Sessions are found by a picture: those that hold it, then those that hold one like it."""

import io
import random
from pathlib import Path

import PIL.Image
import pytest

from chat.conversation import Image, user_turn
from chat.errors import ImageError
from chat.images import read_image
from chat.likeness import sought
from chat.search import NO_FILTERS, Filters, Query
from chat.session_search import search_sessions
from chat.shapes.scenes import draw, random_scene
from chat.store import SqliteStore, kept_pictures
from chat.summaries import FoundSessions
from tests.store.samples import FACTS, SETTINGS, choice, count, execute, picture, reply


def saved(picture: PIL.Image.Image, name: str, form: str) -> Image:
    encoded = io.BytesIO()
    picture.save(encoded, form)
    return read_image(encoded.getvalue(), name)


def scene(seed: int, share: float = 1, form: str = "PNG") -> Image:
    """A picture of shapes, or a copy of it of another size and format."""
    drawn = draw(random_scene(random.Random(seed), 3)).resize((240, 240))
    side = round(240 * share)
    return saved(drawn.resize((side, side)), f"scene {seed} {form}", form)


def asked(store: SqliteStore, *parts: Image | str) -> tuple[str, int]:
    """A session with a message, and a reply to it; gives the ids of the session and the message."""
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn(*parts))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply("A green triangle."))
    return session_id, message


def look(store: SqliteStore, image: Image, *words: str, filters: Filters = NO_FILTERS, limit: int = 9) -> FoundSessions:
    store.learn_likenesses(lambda _done, _of: None, lambda: True)
    return store.search(Query(words, filters), sought=sought(image), limit=limit)


def test_the_same_picture_comes_before_one_like_it_and_no_other_is_found(store: SqliteStore) -> None:
    same, message = asked(store, scene(1), "hi")
    asked(store, scene(2), "hi")
    copy, of_copy = asked(store, scene(1, 0.5, "JPEG"), "hi")
    asked(store, "hi")
    page = look(store, scene(1))
    assert [(hit.summary.id, hit.turn_id) for hit in page.hits] == [(same, message), (copy, of_copy)]
    first, second = (hit.picture for hit in page.hits)
    assert first is not None
    assert second is not None
    assert (first.digest, first.distance, first.name) == (scene(1).digest, 0, "scene 1 PNG")
    assert second.digest == scene(1, 0.5, "JPEG").digest
    assert second.distance >= 1
    assert (page.count, page.is_cut, page.total) == (2, False, 4)
    assert [hit.summary.id for hit in look(store, scene(1), limit=1).hits] == [same]


def test_a_copy_that_looks_the_very_same_is_another_file_all_the_same(store: SqliteStore) -> None:
    asked(store, saved(draw(random_scene(random.Random(1), 3)), "scene.bmp", "BMP"))
    ((hit,)) = look(store, saved(draw(random_scene(random.Random(1), 3)), "scene.png", "PNG")).hits
    assert hit.picture is not None
    assert hit.picture.distance == 1


def test_the_newest_turn_with_the_picture_is_named_and_a_picture_of_a_choice_counts(store: SqliteStore) -> None:
    session_id, _ = asked(store, scene(1), "hi")
    later = store.add_user_turn(session_id, user_turn("again", scene(1)))
    other, message = asked(store, "hi")
    store.add_choice(other, choice(message, scene(1)))
    hits = look(store, scene(1)).hits
    assert {(hit.summary.id, hit.turn_id) for hit in hits} == {(session_id, later), (other, message)}


def test_words_and_filters_narrow_what_a_picture_finds(store: SqliteStore) -> None:
    one, message = asked(store, scene(1), "A dog?")
    two, _ = asked(store, scene(1, 0.5, "JPEG"), "A dog?")
    asked(store, scene(1), "A cat?")
    asked(store, scene(2), "A dog?")
    page = look(store, scene(1), "dog")
    assert [hit.summary.id for hit in page.hits] == [one, two]
    assert page.hits[0].turn_id == message
    assert [piece.text for piece in page.hits[0].snippet if piece.is_match] == ["dog"]
    # The list has the session that was used last first, and what is like it most goes before that.
    assert page.hits[0].picture is not None
    assert page.hits[0].picture.distance == 0
    assert look(store, scene(1), filters=Filters(checkpoint="none")).hits == ()
    assert look(store, scene(1), "do").count == 2
    assert look(store, scene(1), "triangle", filters=Filters(has_picture=True)).count == 3


def test_a_deleted_session_and_a_draft_are_not_found(store: SqliteStore) -> None:
    session_id, _ = asked(store, scene(1), "hi")
    store.delete_session(session_id)
    assert look(store, scene(1)).count == 0


def test_pictures_are_looked_at_once_and_none_that_cannot_be_decoded_is_in_the_way(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(store, scene(1), picture(), "hi")
    told: list[tuple[int, int]] = []
    store.learn_likenesses(lambda done, of: told.append((done, of)), lambda: True)
    assert told == [(1, 2), (2, 2)]
    assert count(path, "likenesses") == 2
    monkeypatch.setattr(kept_pictures, "hash_or_none", lambda _: pytest.fail("looked at again"))
    assert look(store, scene(1)).count == 1
    # By its digest even that is found, and nothing else is like it.
    assert store.search(Query(), sought=sought(scene(1))._replace(digest=picture().digest, hash="")).count == 1


def test_what_was_looked_at_is_kept_where_nobody_waits_any_more(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pictures, "COMMIT_EVERY_S", 0)
    asked(store, scene(1), scene(2), scene(3))
    answers = iter([True, True, False])
    seen: list[int] = []
    store.learn_likenesses(lambda _done, _of: seen.append(count(path, "likenesses")), lambda: next(answers))
    assert seen == [0, 1]
    assert count(path, "likenesses") == 2


def test_a_picture_that_was_gone_when_it_came_is_looked_at_once_it_is_back(store: SqliteStore, path: Path) -> None:
    store.add_image(scene(1).read(), scene(1))
    execute(path, "UPDATE images SET byte_count = 0, data = x''")
    store.learn_likenesses(lambda _done, _of: None, lambda: True)
    assert count(path, "likenesses") == 0
    store.add_image(scene(1).read(), scene(1))
    store.learn_likenesses(lambda _done, _of: None, lambda: True)
    assert count(path, "likenesses") == 1


def test_a_picture_that_is_gone_by_now_is_passed_over(store: SqliteStore, path: Path) -> None:
    asked(store, scene(1), "hi")
    store.add_image(scene(2).read(), scene(2))

    def take_out(_: int, __: int) -> None:
        execute(path, f"DELETE FROM images WHERE digest = '{scene(2).digest}'")

    store.learn_likenesses(take_out, lambda: True)
    assert count(path, "likenesses") == 1


def test_a_picture_is_named_by_its_file(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id, _ = asked(store, scene(1), "hi")
    (tmp_path / "my scene.png").write_bytes(scene(1, 0.6).read())
    monkeypatch.setenv("HOME", str(tmp_path))
    found = search_sessions(store, Query((), Filters(image="~/my scene.png")))
    assert [hit.summary.id for hit in found.hits] == [session_id]
    with pytest.raises(ImageError, match=r"none\.png: there is no such file: check the name"):
        search_sessions(store, Query((), Filters(image=str(tmp_path / "none.png"))))
    with pytest.raises(ImageError, match="is a folder"):
        search_sessions(store, Query((), Filters(image=str(tmp_path))))


def test_a_search_without_a_picture_looks_at_none(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(store, scene(1), "hi")
    monkeypatch.setattr(kept_pictures, "hash_or_none", lambda _: pytest.fail("looked at"))
    assert search_sessions(store, Query(("hi",))).count == 1


@pytest.mark.parametrize("broken", ["'zz'", "x'00'", "'0'"])
def test_what_a_picture_looks_like_is_learnt_again_where_it_cannot_be_compared(
    store: SqliteStore, path: Path, broken: str
) -> None:
    copy, message = asked(store, scene(1, 0.5, "JPEG"), "hi")
    assert [hit.summary.id for hit in look(store, scene(1)).hits] == [copy]
    execute(path, f"UPDATE likenesses SET hash = {broken}")
    assert store.search(Query((), NO_FILTERS), sought=sought(scene(1))).hits == ()
    assert [(hit.summary.id, hit.turn_id) for hit in look(store, scene(1)).hits] == [(copy, message)]
