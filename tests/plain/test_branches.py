"""Branches line by line."""

import re
from collections.abc import Callable

from chat.conversation import Image, Text
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from tests.plain.conftest import FACTS, Talk, turns


def test_replies_are_asked_for_again_edited_switched_and_undone(talk: Talk, store: SqliteStore) -> None:
    done = talk(
        "One?",
        "/regenerate",
        "/edit 1 Uno?",
        "/branch",
        "/branch 1",
        "/undo",
        "/redo",
        replies=["1.", "I.", "Unus."],
    )
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:3] == ["shapes: 1.", "shapes: I.", "shapes: Unus."]
    assert "Sampled at temperature 0.7, since greedy decoding has one reply only." in done.err
    assert [re.sub(r" \((?!beginning).*", "", line) for line in lines[3:10]] == [
        "The turns of every branch:",
        "  (beginning)",
        "    1. You: One?",
        "      1. shapes: 1.",
        "      2. shapes: I.",
        "    2. You: Uno?",
        "      shapes: Unus.",
    ]
    assert "Version 1 of 2. The end of its branch:" in lines
    assert "The last exchange is taken out and kept; /redo brings it back." in lines
    assert turns(store) == [("user", "One?"), ("assistant", "I.")]
    assert len(store.tree(store.sessions()[0].id)) == 5


def test_a_cut_reply_is_gone_on_with(talk: Talk, store: SqliteStore) -> None:
    generator = ScriptedGenerator(["Well, a black cat.", "very black cat."], facts=FACTS)
    settings = GenerationSettings(max_new_tokens=2)
    done = talk("One?", "/continue", "/continue 1 2", generator=generator, settings=settings)
    assert "shapes: Well, a \n" in done.out
    assert "shapes: Well, a very black \n" in done.out
    assert turns(store)[1] == ("assistant", "Well, a very black ")
    generation = store.turns(store.sessions()[0].id)[1].generation
    assert generation is not None
    assert (generation.stop_reason, len(generation.token_ids)) == (StopReason.MAX_NEW_TOKENS, 4)
    assert "/continue takes a number" in done.err


def test_an_edit_that_does_not_fit_is_still_an_edit_when_it_is_sent(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]
) -> None:
    generator = ScriptedGenerator(["yes " * 20, "No.", "Fits."], facts=CheckpointFacts("shapes", context_length=60))
    lines = ("word " * 5, "/sample", "Two?", f"/edit Of [1] {'word ' * 30}", "/drop 1", "/send")
    done = talk(*lines, generator=generator, samples=lambda: [scene_image(1)])
    assert "Not sent, it does not fit" in done.err
    assert done.out.endswith("shapes: Fits.\n")
    _, _, edited, reply = (stored.turn for stored in store.turns(store.sessions()[0].id))
    assert edited.parts == (Text("Of "), scene_image(1), Text(f" {'word ' * 30}".rstrip()))
    assert reply.text == "Fits."


def test_an_edit_keeps_the_pictures_in_the_places_that_the_words_name(talk: Talk, store: SqliteStore) -> None:
    done = talk("/sample", "One?", "/edit Left of [1] is what?", "/edit 1 2", "/edit")
    assert done.err.count("/edit takes the words to say instead") == 2
    asked = store.turns(store.sessions()[0].id)[0].turn
    assert [type(part).__name__ for part in asked.parts] in (["Text", "Image", "Text"], ["Text"])
