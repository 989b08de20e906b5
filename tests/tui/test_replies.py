"""A message is answered: the reply is shown as it streams, can be stopped, and is stored, whole or not."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from textual.events import Key

from chat.conversation import Role, user_turn
from chat.drafts import Draft
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from tests.tui.doubles import FACTS, Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]


async def test_a_message_is_answered_and_both_are_stored(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Two cats."], facts=FACTS)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: ("assistant", "Two cats.") in desk.turns())
        assert desk.said() == ["What is this?", "Two cats."]
    assert desk.turns() == [("user", "What is this?"), ("assistant", "Two cats.")]
    assert model.prompts[0].text.endswith("User: What is this?<end_of_utterance>\nAssistant:")


async def test_a_reply_is_shown_as_it_streams_and_whole_at_the_end(make_desk: MakeDesk) -> None:
    model = HeldGenerator("Two cats on a mat.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(2)
        await until(pilot, lambda: desk.said()[-1].startswith("Two cats "))
        assert "writing · 2 tokens" in desk.state()
        assert desk.turns() == [("user", "What is this?"), ("assistant", "")]
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert desk.said()[-1] == desk.turns()[-1][1] == "Two cats on a mat."


async def test_the_users_turn_is_stored_before_the_model_begins(make_desk: MakeDesk, store: SessionStore) -> None:
    seen: list[int] = []

    class Watching(ScriptedGenerator):
        def generate(self, *arguments: object) -> object:  # type: ignore[override]
            from chat.store import open_store

            with open_store(store._database.path) as other:  # type: ignore[attr-defined]
                latest = other.latest_session()
                seen.append(len(other.turns(latest.id)) if latest else 0)
            return super().generate(*arguments)  # type: ignore[arg-type]

    desk = make_desk(generator=Watching(["Yes."], facts=FACTS))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Is it?")
        await until(pilot, lambda: ("assistant", "Yes.") in desk.turns())
    assert seen == [2]


async def test_enter_does_not_overtake_what_was_typed_before_it_nor_swallow_what_comes_after(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for key in [*"hello", "enter", *"more"]:
            # As a terminal gives a burst of keys: all at once, nothing handled in between.
            desk.app.post_message(Key(key, key if len(key) == 1 else "\r"))
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.text() == "more")
    assert desk.turns()[0] == ("user", "hello")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["backspace", *"xy"], "abxy"),
        (["home", *"xy", "end", *"z"], "xyabcz"),
        (["left", "left", "delete", *"xy"], "axyc"),
        (["ctrl+w", *"xy"], "xy"),
    ],
)
async def test_what_is_typed_behind_an_editing_key_does_not_overtake_it(
    make_desk: MakeDesk, keys: list[str], text: str
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "abc")
        for key in keys:
            # As above, all at once.
            desk.app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.1)
        assert desk.text() == text


async def test_escape_stops_the_reply_and_keeps_what_was_said(make_desk: MakeDesk) -> None:
    model = HeldGenerator("Two cats on a mat.", "Again.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(2)
        await until(pilot, lambda: "Two cats" in desk.said()[-1])
        await pilot.press("escape")
        await until(pilot, lambda: desk.state().endswith("ready"))
        # The generator may end after the word at hand.
        assert desk.turns()[-1][1].strip() in ("Two cats", "Two cats on")
        assert "▲ stopped" in desk.shown()
        model.free()
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "Again."))


async def test_a_reply_cut_at_its_limit_says_so(make_desk: MakeDesk) -> None:
    class Cut(ScriptedGenerator):
        def generate(
            self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event
        ) -> Iterator[Chunk | Reply]:
            for piece in super().generate(prompt, settings, stop):
                yield replace(piece, stop_reason=StopReason.MAX_NEW_TOKENS) if isinstance(piece, Reply) else piece

    settings = GenerationSettings(max_new_tokens=3)
    desk = make_desk(generator=Cut(["One two three four five."], facts=FACTS), settings=settings)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        await until(pilot, lambda: "▲ stopped at 3 tokens" in desk.shown())
        assert desk.turns()[-1][1].strip() == "One two three"


async def test_a_session_is_shown_again_with_its_interrupted_reply(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("What is this?"))
    turn = store.open_reply(message, FACTS, GenerationSettings())
    store.save_reply(turn, "Two ca", [1, 2])
    desk = make_desk(continue_latest=True)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert desk.said() == ["What is this?", "Two ca"]
        assert "▲ interrupted" in desk.shown()
        assert "What is this?" in desk.shown().splitlines()[0]


async def test_leaving_keeps_the_reply_the_queue_and_the_draft(make_desk: MakeDesk, store: SessionStore) -> None:
    model = HeldGenerator("Two cats on a mat.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        model.let(2)
        await until(pilot, lambda: "Two cats" in desk.said()[-1])
        await send(pilot, desk, "Two?")
        await write(pilot, desk, "half a thought")
        await pilot.press("ctrl+q")
    latest = store.latest_session()
    assert latest is not None
    last = store.turns(latest.id)[-1]
    assert last.turn.role is Role.ASSISTANT
    assert last.turn.text == "Two cats "
    assert last.generation is not None
    assert last.generation.stop_reason is StopReason.CANCELLED
    assert store.draft(latest.id) == Draft("Two?\n\nhalf a thought")
