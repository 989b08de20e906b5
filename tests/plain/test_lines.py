"""Lines from a pipe: messages, pictures, and what cannot be done."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image, Role, Text
from chat.drafts import Draft
from chat.errors import CheckpointError, GenerationError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.plain.lines import MOST_CHARACTERS
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from chat.talk.wording import size_in_words
from tests.plain.conftest import Talk, turns
from tests.tui.doubles import saved
from tests.tui.hostile import HOSTILE

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_each_line_is_a_message_and_each_reply_has_a_label(talk: Talk, store: SqliteStore) -> None:
    done = talk("Hello", "", "   ", "And you?", replies=["Hi.", "Well."])
    assert done == (0, "shapes: Hi.\nshapes: Well.\n", "Loading shapes.\n")
    assert turns(store) == [("user", "Hello"), ("assistant", "Hi."), ("user", "And you?"), ("assistant", "Well.")]


def test_a_line_that_ends_with_a_backslash_goes_on_in_the_next(talk: Talk, store: SqliteStore) -> None:
    assert talk("One\\", "two\\", "three", "four\\").code == 0
    assert [text for role, text in turns(store) if role == Role.USER] == ["One\ntwo\nthree", "four"]


def test_a_path_alone_attaches_its_picture_to_the_next_message(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    image = scene_image(1)
    path = saved(image, tmp_path, "a cat.png")
    done = talk(str(path), f"/image {path}", "Compare [2] with the first.")
    announced = f"a cat.png, {image.width} by {image.height} pixels, {size_in_words(len(image.read()))}"
    assert done.out == f"[1] {announced}\n[2] {announced}\nshapes: Two cats.\n"
    message = store.turns(store.sessions()[0].id)[0].turn
    assert message.parts == (image, Text("Compare "), image, Text(" with the first."))


def test_words_behind_a_path_are_the_message(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    path = saved(scene_image(1), tmp_path, "cat.png")
    assert talk(f"{path} What is it?").out.endswith("shapes: Two cats.\n")
    (message, _) = store.turns(store.sessions()[0].id)
    assert message.turn.images == (scene_image(1),)
    assert message.turn.text == "What is it?"


def test_a_space_in_front_makes_a_line_a_message(talk: Talk, store: SqliteStore) -> None:
    assert talk(" /help", " nosuch.png").code == 0
    assert [text for role, text in turns(store) if role == Role.USER] == [" /help", " nosuch.png"]


def test_a_line_that_fails_is_told_with_its_number_and_the_rest_goes_on(
    talk: Talk, store: SqliteStore, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = talk("Hello", f"{tmp_path}/broken.png", "nosuch.png", "/nosuch", "/new now", "And now?")
    told = [line for line in done.err.splitlines() if line.startswith("idefics-chat: line ")]
    assert [line.split(":")[1] for line in told] == [" line 2", " line 3", " line 4", " line 5"]
    assert "broken.png" in told[0]
    assert "there is no such file" in told[1]
    assert [text for role, text in turns(store) if role == Role.USER] == ["Hello", "And now?"]
    # That of the first one: a picture that cannot be read.
    assert done.code == 3


def test_a_line_without_end_is_refused_and_the_next_one_is_taken(talk: Talk, store: SqliteStore) -> None:
    done = talk("x" * (MOST_CHARACTERS + 1), "Hello")
    assert done.code == 3
    assert "line 1: it has more than 1,000,000 characters" in done.err
    assert turns(store)[0] == ("user", "Hello")


def test_a_checkpoint_that_cannot_be_loaded_ends_the_lines_and_keeps_the_message(
    talk: Talk, store: SqliteStore
) -> None:
    done = talk("Hello", "And now?", failure=CheckpointError("there is no such folder"))
    assert done.code == 4
    assert (
        done.err.splitlines()[-1] == "idefics-chat: line 1: Could not load: there is no such folder; /load tries again"
    )
    assert store.draft(None) == Draft("Hello")
    assert store.latest_session() is None


def test_history_is_readable_where_no_checkpoint_can_be_loaded(talk: Talk) -> None:
    talk("Hello")
    done = talk("/sessions", "/history", continue_latest=True, failure=CheckpointError("none"))
    assert "1. Hello, 2 turns, no pictures, now, shapes, open" in done.out
    assert "You: Hello\nshapes: Two cats.\n" in done.out


def test_a_model_that_fails_keeps_what_it_said_and_the_next_line_is_answered(talk: Talk, store: SqliteStore) -> None:
    done = talk("Hello", "And now?", replies=[GenerationError("no memory"), "Here."])
    assert done.code == 4
    assert "idefics-chat: line 1: the model failed: no memory" in done.err
    assert done.out == "shapes: Well, \nshapes: Here.\n"
    _, reply, _, last = store.turns(store.sessions()[0].id)
    assert reply.generation is not None
    assert (reply.turn.text, reply.generation.stop_reason) == ("Well, ", StopReason.ERROR)
    assert last.turn.text == "Here."


def test_a_cut_reply_says_why_in_a_line(talk: Talk) -> None:
    done = talk("Hello", replies=["one two three four"], settings=GenerationSettings(max_new_tokens=2))
    assert done.out == "shapes: one two \n"
    assert done.err.splitlines()[-1] == "(stopped at 2 tokens)"


def test_a_reply_without_a_word_is_told(talk: Talk) -> None:
    assert talk("Hello", replies=[""]).out == "shapes: (no words)\n"


def test_a_message_that_does_not_fit_waits_until_room_is_made(talk: Talk, store: SqliteStore) -> None:
    generator = ScriptedGenerator(["yes " * 20, "Fits."], facts=CheckpointFacts("shapes", context_length=60))
    long = "word " * 30
    done = talk("word " * 20, long, "/drop 1", "/send", generator=generator)
    (refused,) = [line for line in done.err.splitlines() if "does not fit" in line]
    assert refused.startswith("idefics-chat: line 2: Not sent, it does not fit:")
    assert "/drop leaves out the oldest message with its reply, then /send sends yours" in refused
    assert done.out.endswith("shapes: Fits.\n")
    assert turns(store)[2] == ("user", long)
    assert done.code == 4


def test_a_draft_from_before_is_told_and_can_be_sent(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]
) -> None:
    store.save_draft(None, Draft("What is in [1]?", (scene_image(1),)))
    done = talk("Hello", "/send", images=[scene_image(2)])
    assert "Not sent: “What is in [1]?” with 1 picture. /send sends it, /forget drops it." in done.err
    first, _, second, _ = (stored.turn for stored in store.turns(store.sessions()[0].id))
    assert first.parts == (scene_image(2), Text("Hello"))
    assert second.parts == (Text("What is in "), scene_image(1), Text("?"))
    assert store.draft(None) == store.draft(store.sessions()[0].id) == Draft()


def test_a_draft_from_before_stays_until_it_is_dropped(talk: Talk, store: SqliteStore) -> None:
    store.save_draft(None, Draft("half a thought"))
    talk("/help")
    assert store.draft(None) == Draft("half a thought")
    assert talk("/forget", "/send").code == 2
    assert store.draft(None) == Draft()


@pytest.mark.parametrize("text", ["./gone.png what is it?", "/regenerate 9", "/nothing like that"])
def test_a_draft_that_cannot_be_sent_as_it_is_stays(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image], text: str
) -> None:
    store.save_draft(None, Draft(text, (scene_image(1),)))
    done = talk("/send")
    assert done.code != 0
    assert turns(store) == []
    assert store.draft(None) == Draft(text, (scene_image(1),))


def test_a_draft_that_the_model_failed_on_was_sent_all_the_same(talk: Talk, store: SqliteStore) -> None:
    store.save_draft(None, Draft("What is it?"))
    assert talk("/send", replies=[GenerationError("out of memory")]).code == 4
    assert [text for role, text in turns(store) if role == Role.USER] == ["What is it?"]
    assert store.draft(None) == store.draft(store.sessions()[0].id) == Draft()


def test_pictures_that_were_not_sent_are_kept(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]
) -> None:
    done = talk(images=[scene_image(1)])
    assert done.err == "The attached pictures were not sent; they are kept.\n"
    assert store.draft(None) == Draft("", (scene_image(1),))
    assert talk("/send").out == "shapes: Two cats.\n"


def test_hostile_texts_give_no_control_character(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    image = scene_image(1)
    path = saved(image, tmp_path, f"{HOSTILE.replace('/', '')}.png")
    facts = CheckpointFacts(HOSTILE, device=HOSTILE, dtype=HOSTILE, context_length=5000)
    generator = ScriptedGenerator([HOSTILE] * 5, facts=facts)
    typed = HOSTILE.replace("\r", "")
    lines = (f"/image {path}", typed, f"/system {typed}", f"/rename {typed}", f"/choose {typed} | b", f"/{typed}")
    rest = (
        "/sessions",
        "/history",
        "/prompt",
        "/details",
        "/times",
        "/tokens",
        "/last",
        "/replay",
        f"/search {typed[:6]}",
        "/pictures",
        "/describe",
        "/export a/b",
        "/open x\x1b[2J",
    )
    done = talk(*lines, *rest, generator=generator, checkpoint=HOSTILE)
    assert len(_CONTROLS.findall(HOSTILE)) > 8
    assert _CONTROLS.findall(done.out + done.err) == []
    assert "␛]52;c;SE9TVElMRQ==" in done.out


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_of_other_systems_are_no_part_of_a_message(talk: Talk, store: SqliteStore, ending: str) -> None:
    talk(f"\ufeffHello{ending.removesuffix(chr(10))}")
    assert turns(store)[0] == ("user", "Hello")
