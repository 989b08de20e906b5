import threading
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.drafts import Draft
from chat.errors import StoreError
from chat.records import StoredTurn
from chat.store import SqliteStore
from chat.transcript import Transcript
from tests.store.samples import count, execute, picture, unreadable


def test_a_pictures_bytes_are_kept_once(store: SqliteStore, session_id: str, path: Path) -> None:
    store.add_user_turn(session_id, user_turn(picture(name="a.png"), picture(name="b.png")))
    store.add_user_turn(session_id, user_turn(unreadable(picture(name="c.png"))))
    store.save_draft(session_id, Draft("", (unreadable(picture()),)))
    store.add_image(picture().read(), picture())
    assert count(path, "images") == 1
    assert [image.name for found in store.turns(session_id) for image in found.turn.images] == [
        "a.png",
        "b.png",
        "c.png",
    ]


def test_listing_reads_no_bytes_of_pictures(store: SqliteStore, session_id: str, path: Path) -> None:
    store.add_user_turn(session_id, user_turn(picture()))
    execute(path, "UPDATE images SET data = x'00'")
    (image,) = store.turns(session_id)[0].turn.images
    store.save_draft(None, Draft("", (image,)))
    assert store.draft(None).images == (image,)
    with pytest.raises(StoreError, match=f"no longer holds picture {image.digest[:8]} as it was"):
        image.read()


def test_a_message_is_said_again_with_a_picture_that_is_gone(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn("What?", picture()))
    execute(path, "UPDATE images SET byte_count = 0, data = x''")
    (image,) = store.turns(session_id)[0].turn.images
    store.add_version(message, user_turn("What is it?", image))
    assert store.turns(session_id)[0].turn == user_turn("What is it?", picture())
    # Attached again, it is there for all of them.
    store.add_user_turn(session_id, user_turn(picture(width=4)))
    assert (image.read(), store.turns(session_id)[0].turn.images[0].width) == (picture().read(), 4)
    row = by_hand(path, "SELECT media_type, byte_count FROM images")
    assert row == {"media_type": "image/png", "byte_count": len(picture().read())}


def test_a_pictures_size_name_and_kind_are_kept(store: SqliteStore, session_id: str, path: Path) -> None:
    store.add_user_turn(session_id, user_turn(picture(name="cat.png", width=640)))
    (image,) = store.turns(session_id)[0].turn.images
    assert (image.width, image.height, image.name) == (640, 2, "cat.png")
    row = by_hand(path, "SELECT media_type, byte_count FROM images")
    assert row == {"media_type": "image/png", "byte_count": len(picture().read())}


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM rest", "image/bmp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"", "application/octet-stream"),
        (b"WEBP", "application/octet-stream"),
    ],
)
def test_a_media_type_is_told_from_the_first_bytes(
    store: SqliteStore, path: Path, data: bytes, media_type: str
) -> None:
    store.add_image(data, picture(data))
    assert by_hand(path, "SELECT media_type FROM images") == {"media_type": media_type}


def by_hand(path: Path, query: str) -> dict[str, object]:
    from sqlite_utils import Database

    with Database(path) as database:
        found: dict[str, object] = next(iter(database.query(query)))
    return found


def test_bytes_are_read_in_any_thread(store: SqliteStore, session_id: str) -> None:
    store.add_user_turn(session_id, user_turn(picture(), picture(b"other")))
    images = store.turns(session_id)[0].turn.images
    found: dict[str, bytes] = {}
    threads = [threading.Thread(target=lambda i=image: found.update({i.digest: i.read()})) for image in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {image.digest: image.read() for image in (picture(), picture(b"other"))}


def test_bytes_are_read_after_the_store_is_closed(store: SqliteStore) -> None:
    kept = store.add_image(picture().read(), picture())
    store.close()
    assert kept.read() == picture().read()


def test_bytes_of_a_file_that_is_gone_are_refused_without_making_it_again(store: SqliteStore, path: Path) -> None:
    kept = store.add_image(picture().read(), picture())
    store.close()
    path.unlink()
    with pytest.raises(StoreError, match=r"sessions\.db cannot be opened"):
        kept.read()
    assert not path.exists()


def test_an_added_picture_reads_from_the_store_under_the_name_it_was_given(store: SqliteStore) -> None:
    image = unreadable(picture(name="mine.png"))
    kept = store.add_image(picture().read(), image)
    assert (kept, kept.name, kept.width) == (image, "mine.png", image.width)
    assert kept.read() == picture().read()


def test_bytes_that_are_not_the_pictures_are_refused(store: SqliteStore, session_id: str, path: Path) -> None:
    wrong = Image(picture().digest, 1, 1, "cat.png", lambda: b"something else")
    for add in (
        lambda: store.add_image(b"something else", picture()),
        lambda: store.add_user_turn(session_id, user_turn(wrong)),
        lambda: store.save_draft(session_id, Draft("", (wrong,))),
    ):
        with pytest.raises(StoreError, match=f"picture {wrong.digest[:8]} does not have the bytes"):
            add()
    assert (count(path, "images"), count(path, "turns"), count(path, "drafts")) == (0, 0, 0)


@pytest.mark.parametrize("way", ["attached", "said", "imported"])
def test_bytes_that_have_changed_are_brought_back_by_the_picture(
    store: SqliteStore, session_id: str, path: Path, way: str
) -> None:
    store.add_user_turn(session_id, user_turn(picture()))
    (image,) = store.turns(session_id)[0].turn.images
    execute(path, "UPDATE images SET data = zeroblob(length(data))")
    with pytest.raises(StoreError, match="attach it again, or import a file that has it"):
        image.read()
    if way == "attached":
        store.add_image(picture().read(), picture())
    elif way == "said":
        store.add_user_turn(session_id, user_turn(picture()))
    else:
        store.import_sessions([Transcript("", "", (StoredTurn(1, user_turn(picture()), "", None),))])
    assert image.read() == picture().read()


def test_bytes_that_are_none_are_refused(store: SqliteStore, session_id: str, path: Path) -> None:
    store.add_user_turn(session_id, user_turn(picture()))
    (image,) = store.turns(session_id)[0].turn.images
    for value in ("'a text'", "7"):
        execute(path, f"UPDATE images SET data = {value}")
        with pytest.raises(StoreError, match=f"no longer holds picture {image.digest[:8]} as it was"):
            image.read()


def test_a_stored_picture_can_be_sent_to_another_session(store: SqliteStore, session_id: str) -> None:
    store.add_user_turn(session_id, user_turn(picture()))
    (image,) = store.turns(session_id)[0].turn.images
    other = store.new_session()
    store.add_user_turn(other, user_turn(image))
    assert store.turns(other)[0].turn.images[0].read() == picture().read()
