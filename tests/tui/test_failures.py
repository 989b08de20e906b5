"""A model, a loading or a store that fails, and a message too long, are met with words, and what was written stays."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.errors import CheckpointError, GenerationError, StoreError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.talk.commands import Call
from tests.tui.doubles import FACTS, Desk, HeldLoader, ready, send, until

MakeDesk = Callable[..., Desk]


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


async def test_a_picture_that_is_gone_is_named_and_the_message_comes_back(
    make_desk: MakeDesk, store: SessionStore, db: Path, scene_image: Callable[..., Image]
) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn(scene_image(1, 2, "cat.png"), "What is this?"))
    said = Reply("A cat.", (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0, 0)
    store.close_reply(store.open_reply(message, FACTS, GenerationSettings()), said)
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("UPDATE images SET data = zeroblob(0)")
    desk = make_desk("A cat still.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "And now?")
        gone = "picture [1] cat.png is gone: attach it again, or /drop [1] goes on without it"
        await until(pilot, lambda: desk.notice() == f"✕ Not sent: {gone}")
        assert desk.text() == "And now?"
        await desk.screen.command_drop(Call("drop", "[1]"))
        await pilot.press("enter")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "A cat still."))


class _Mute(ScriptedGenerator):
    """Says a word, and ends its first reply without one."""

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        if self.prompts:
            yield from super().generate(prompt, settings, stop)
        else:
            self.prompts.append(prompt)
            yield Chunk("Well, ", 1)


async def test_a_model_that_ends_without_a_reply_is_told_and_the_next_message_is_sent(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=_Mute(["Fine."], facts=FACTS))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "▲ the model failed: the model ended without a reply: try again" in desk.shown())
        assert desk.turns()[-1] == ("assistant", "Well, ")
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "Fine."))


async def test_a_message_that_does_not_fit_comes_back_with_the_numbers(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Never."], context_length=50)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "word " * 60)
        await until(pilot, lambda: "does not fit" in desk.notice())
        assert "at least 3 for the reply, of 50" in desk.notice()
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
