"""Messages, replies, and everything that can go wrong between them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from textual.events import Key
from textual.message import Message

from chat.conversation import Role, user_turn
from chat.errors import CheckpointError, GenerationError, StoreError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.prompt import Prompt
from chat.records import Draft
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.messages import ReplyAdvanced
from chat.tui.widgets.turn import QueuedTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until, write

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
    messages: list[Message] = []
    model = HeldGenerator("Two cats on a mat.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(message_hook=messages.append) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(2)
        await until(pilot, lambda: desk.said()[-1].startswith("Two cats "))
        assert "writing · 2 tokens" in desk.state()
        assert desk.turns() == [("user", "What is this?"), ("assistant", "")]
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert desk.said()[-1] == desk.turns()[-1][1] == "Two cats on a mat."
    chunks = {id(message): message for message in messages if isinstance(message, ReplyAdvanced)}
    assert "".join(message.chunk.text for message in chunks.values()) == "Two cats on a mat."


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


async def test_a_failing_model_ends_the_reply_in_words_and_the_app_lives_on(make_desk: MakeDesk) -> None:
    desk = make_desk(GenerationError("out of memory"), "Fine.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "▲ the model failed: out of memory" in desk.shown())
        assert desk.turns()[-1] == ("assistant", "Well, ")
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "Fine."))


async def test_a_foreign_error_of_the_model_is_one_line(make_desk: MakeDesk) -> None:
    desk = make_desk(RuntimeError("CUDA error\nat line 3\nof a long trace"))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "▲ the model failed: RuntimeError: CUDA error" in desk.shown())
        assert "long trace" not in desk.shown()


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


async def test_messages_sent_while_loading_wait_and_go_out_in_order(make_desk: MakeDesk, store: SessionStore) -> None:
    model = ScriptedGenerator(["First.", "Second."], facts=FACTS)
    loader = HeldLoader(model)
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading 62 %" in desk.state())
        await send(pilot, desk, "One?")
        await send(pilot, desk, "Two?")
        await until(pilot, lambda: "2 queued" in desk.state())
        assert len(desk.screen.query(QueuedTurn)) == 2
        assert store.draft(None).text == "One?\n\nTwo?"
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 4)
        await until(pilot, lambda: desk.state().endswith("ready"))
    assert [text for _, text in desk.turns()] == ["One?", "First.", "Two?", "Second."]
    assert not store.draft(None)
    latest = store.latest_session()
    assert latest is not None
    assert not store.draft(latest.id)


async def test_up_takes_the_last_waiting_message_back(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator(["First."], facts=FACTS))
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "One?")
        await send(pilot, desk, "Two?")
        await pilot.press("up")
        await until(pilot, lambda: desk.text() == "Two?")
        assert len(desk.screen.query(QueuedTurn)) == 1
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert [text for _, text in desk.turns()] == ["One?", "First."]


async def test_delete_on_a_waiting_message_takes_it_out(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator(["Second."], facts=FACTS))
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "One?")
        await send(pilot, desk, "Two?")
        desk.screen.query(QueuedTurn).first().focus()
        await pilot.press("delete")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 1)
        assert desk.text() == ""
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert [text for _, text in desk.turns()] == ["Two?", "Second."]


async def test_a_message_sent_while_another_is_answered_waits(make_desk: MakeDesk) -> None:
    model = HeldGenerator("First.", "Second.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: desk.screen.is_working)
        await send(pilot, desk, "Two?")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 1)
        model.free()
        await until(pilot, lambda: len(desk.turns()) == 4 and desk.state().endswith("ready"))
        assert desk.said() == ["One?", "First.", "Two?", "Second."]
    assert [text for _, text in desk.turns()] == ["One?", "First.", "Two?", "Second."]


async def test_a_message_that_does_not_fit_comes_back_with_the_numbers(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Never."], context_length=50)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "word " * 60)
        await until(pilot, lambda: "does not fit" in desk.notice())
        assert "at least 32 for the reply, of 50" in desk.notice()
        assert desk.text() == "word " * 60
    assert desk.turns() == []
    assert model.prompts == []


async def test_a_checkpoint_that_cannot_be_loaded_says_why_and_can_be_tried_again(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator(["Late."], facts=FACTS), CheckpointError("needs 18.1 GB, 11.8 GB free"))
    loader.gate.set()
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "not loaded" in desk.state())
        assert "needs 18.1 GB, 11.8 GB free" in desk.notice()
        await send(pilot, desk, "/load")
        await ready(pilot, desk)
        await send(pilot, desk, "Still there?")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert loader.calls == 2


async def test_escape_cancels_the_loading_and_keeps_what_waits(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator(["Here."], facts=FACTS))
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "One?")
        await pilot.press("escape")
        await until(pilot, lambda: "not loaded · 1 queued" in desk.state())
        assert "The loading was cancelled" in desk.shown()
        loader.gate.set()
        await send(pilot, desk, "/load")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert [text for _, text in desk.turns()] == ["One?", "Here."]


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


async def test_a_store_that_cannot_be_opened_ends_the_app_with_its_error(make_desk: MakeDesk) -> None:
    def fail() -> SessionStore:
        raise StoreError("sessions.db: is no database")

    desk = make_desk(open_store=fail)
    async with desk.app.run_test() as pilot:
        await pilot.pause()
    assert isinstance(desk.app.return_value, StoreError)
    assert desk.app.return_code == StoreError.exit_code


async def test_what_cannot_be_saved_is_said_until_it_can(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk("One.", "Two.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)

        def full(*arguments: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr("chat.store.SqliteStore.close_reply", full)
            await send(pilot, desk, "One?")
            await until(pilot, lambda: "not saved · the disk is full" in desk.state())
            assert desk.said()[-1] == "One."
        await send(pilot, desk, "Two?")
        await until(pilot, lambda: desk.state().endswith("ready"))


async def test_a_message_the_store_refuses_comes_back(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)

        def full(*arguments: object) -> int:
            raise StoreError("the disk is full")

        monkeypatch.setattr("chat.store.SqliteStore.add_user_turn", full)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: "Not sent: the disk is full" in desk.notice())
        assert desk.text() == "One?"
