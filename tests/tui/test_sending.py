"""What is sent is sent once, in the session it was written in, and the model sees what the store says."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import Image, Role, user_turn
from chat.drafts import Draft
from chat.errors import StoreError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import SqliteStore, open_store
from chat.talk.open_session import OpenSession
from chat.tui.widgets.log import ConversationLog
from chat.tui.widgets.queued_turn import QueuedTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]
SETTINGS = GenerationSettings()
WHOLE = Reply("Indeed.", (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0.1, 0.2)


def _exchange(store: SessionStore, session_id: str, question: str, answer: str, *images: Image) -> None:
    """Ask and answer, as another window does."""
    turn_id = store.open_reply(store.add_user_turn(session_id, user_turn(*images, question)), FACTS, SETTINGS)
    store.close_reply(turn_id, replace(WHOLE, text=answer))


@pytest.mark.parametrize("method", ["open_reply", "save_draft", "find_session", "turns"])
@pytest.mark.parametrize("others", [[], ["Two?"]])
async def test_a_message_that_was_stored_is_neither_lost_nor_sent_twice_when_the_store_fails_then(
    make_desk: MakeDesk, db: Path, monkeypatch: pytest.MonkeyPatch, method: str, others: list[str]
) -> None:
    class FailingFromThenOn(ScriptedGenerator):
        gate = threading.Event()

        def count_tokens(self, prompt: Prompt) -> int:
            self.gate.wait(5)
            return super().count_tokens(prompt)

    def full(*arguments: object) -> None:
        raise StoreError("the disk is full")

    model = FailingFromThenOn(["First.", "Second."], facts=FACTS)
    desk = make_desk(generator=model)
    add = SqliteStore.add_user_turn
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ["One?", *others]:
            await send(pilot, desk, text)
        with monkeypatch.context() as broken:

            def add_and_break(store: SqliteStore, *arguments: object) -> int:
                turn_id = add(store, *arguments)  # type: ignore[arg-type]
                broken.setattr(SqliteStore, method, full)
                return turn_id

            broken.setattr(SqliteStore, "add_user_turn", add_and_break)
            model.gate.set()
            await until(pilot, lambda: "One?" in desk.said() and not desk.screen._is_checking)
            assert "One?" not in desk.text()
            if method == "open_reply":
                await until(pilot, lambda: "not saved · the disk is full" in desk.state())
            await until(pilot, lambda: not desk.screen.is_working)
        await write(pilot, desk, " ")
        await until(pilot, lambda: not desk.screen.is_working and desk.state().endswith("ready"))
        written = desk.text()
    with open_store(db) as store:
        latest = store.latest_session()
        assert latest is not None
        texts = [stored.turn.text for stored in store.turns(latest.id)]
    assert texts[:2] == ["One?", "First."]
    assert texts.count("One?") == 1
    # The others were answered too, or given back where the store still refused what came before them.
    assert all(text in texts or text in written for text in others)


@pytest.mark.parametrize("others", [[], ["Two?"]])
async def test_a_message_taken_back_just_as_it_is_sent_stays_sent_and_the_others_wait(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    model = HeldGenerator("Zero.", "First.", "Second.")
    desk = make_desk(generator=model)
    add = SqliteStore.add_user_turn
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ["Zero?", "One?", *others]:
            await send(pilot, desk, text)
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 1 + len(others))
        queued = desk.screen.query(QueuedTurn).first()

        def add_and_press(store: SqliteStore, *arguments: object) -> int:
            queued.action_take_back(True)
            return add(store, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(SqliteStore, "add_user_turn", add_and_press)
        # Zero and no more: the next reply waits for its first word.
        model.let(1)
        await until(pilot, lambda: len(desk.turns()) == 4)
        await pilot.pause(0.05)
        assert [draft.text for draft in desk.screen.session.waiting] == others
        assert desk.text() == ""
        model.free()
        await until(pilot, lambda: len(desk.turns()) == 4 + 2 * len(others) and desk.state().endswith("ready"))


async def test_a_message_sent_while_another_session_is_opened_stays_in_its_own(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.new_session()
    _exchange(store, old, "Earlier?", "Yes.")
    counting, drawing = threading.Event(), asyncio.Event()

    class Counted(ScriptedGenerator):
        def count_tokens(self, prompt: Prompt) -> int:
            counting.wait(5)
            return super().count_tokens(prompt)

    model = Counted(["First."] * 3, facts=FACTS)
    desk = make_desk(generator=model)
    draw = ConversationLog.show_waiting
    is_drawing = False

    async def draw_later(log: ConversationLog, *arguments: object) -> None:
        nonlocal is_drawing
        is_drawing = True
        await drawing.wait()
        await draw(log, *arguments)  # type: ignore[arg-type]

    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await pilot.press("ctrl+r")
        await pilot.pause()
        monkeypatch.setattr(ConversationLog, "show_waiting", draw_later)
        counting.set()
        # The list is a screen with a task of its own: it opens a session while the conversation's task draws.
        await until(pilot, lambda: is_drawing)
        opening = asyncio.create_task(desk.screen.change_session(old))
        await until(pilot, lambda: desk.screen.session.id == old)
        drawing.set()
        await opening
        await pilot.press("escape")
        await until(pilot, lambda: "ready" in desk.state())
        assert desk.said() == ["Earlier?", "Yes."]
        assert not desk.screen.is_working
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.said() == ["Earlier?", "Yes.", "And now?", "First."])
        assert "One?" not in model.prompts[-1].text
    sessions = {
        tuple(stored.turn.text for stored in store.turns(summary.id))[:2]: store.turns(summary.id)
        for summary in store.sessions()
    }
    assert ("Earlier?", "Yes.") in sessions
    kept = next(turns for turns in sessions.values() if turns[0].turn.text == "One?")
    assert [stored.turn.role for stored in kept] == [Role.USER, Role.ASSISTANT]
    assert kept[1].generation is not None
    assert kept[1].generation.stop_reason is StopReason.CANCELLED


async def test_what_another_window_added_is_shown_and_is_what_the_model_sees(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    session_id = store.new_session()
    _exchange(store, session_id, "Earlier?", "Yes.")
    model = ScriptedGenerator(["First.", "Second."], facts=FACTS)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _exchange(store, session_id, "Elsewhere?", "Here.", scene_image(1))
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "First.") and desk.state().endswith("ready"))
        assert desk.said() == ["Earlier?", "Yes.", "Elsewhere?", "Here.", "And now?", "First."]
        assert [text for _, text in desk.turns()] == desk.said()
        before, _, after = model.prompts[-1].text.partition("Elsewhere?")
        assert "Earlier?" in before
        assert "Here." in after
        assert desk.screen.session.next_number == 2
        await send(pilot, desk, "And then?")
        await until(pilot, lambda: desk.said()[-2:] == ["And then?", "Second."])


def test_waiting_messages_and_their_marks_follow_pictures_that_came_from_elsewhere(
    store: SqliteStore, scene_image: MakeImage
) -> None:
    session_id = store.new_session()
    session = OpenSession(store, session_id)
    session.waiting = [Draft("see [1]", (scene_image(1),)), Draft("and [2], [7]", (scene_image(2),))]
    _exchange(store, session_id, "Elsewhere?", "Here.", scene_image(3), scene_image(4))
    assert session.send(FACTS, SETTINGS)
    assert session.waiting == [Draft("and [4], [7]", (scene_image(2),))]
    assert [stored.turn.text for stored in session.turns] == ["Elsewhere?", "Here.", "see "]
    assert list(session.turns) == list(store.turns(session_id))


def test_a_reply_that_became_a_branch_of_its_own_is_not_taken_for_the_sessions_last(store: SqliteStore) -> None:
    session_id = store.new_session()
    session = OpenSession(store, session_id)
    session.waiting = [Draft("Mine?"), Draft("Again?")]
    assert not session.send(FACTS, SETTINGS)
    _exchange(store, session_id, "Elsewhere?", "Here.")
    session.save()
    session.finish(WHOLE)
    session.save()
    assert session.send(FACTS, SETTINGS)
    assert [stored.turn.text for stored in session.turns] == ["Mine?", "Elsewhere?", "Here.", "Again?"]


def test_a_session_that_nobody_else_adds_to_is_not_read_with_every_message(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = store.new_session()
    _exchange(store, session_id, "Earlier?", "Yes.")
    session = OpenSession(store, session_id)
    reads: list[object] = []
    monkeypatch.setattr(SqliteStore, "turns", lambda *arguments: reads.append(arguments))
    for text in ("One?", "Two?", "Three?"):
        session.waiting = [Draft(text)]
        assert not session.send(FACTS, SETTINGS)
        session.save()
        session.finish(WHOLE)
        session.save()
    assert not reads
    monkeypatch.undo()
    assert [stored.id for stored in session.turns] == [stored.id for stored in store.turns(session_id)]


def test_a_sent_picture_is_not_held_in_memory(store: SqliteStore, scene_image: MakeImage) -> None:
    class Bytes:
        """The bytes of a picture, as they are held from when it is attached."""

        def __init__(self, data: bytes) -> None:
            self.data = data

        def __call__(self) -> bytes:
            return self.data

    made = scene_image(1)
    held = Bytes(made.read())
    gone = weakref.ref(held)
    session = OpenSession(store)
    session.waiting = [Draft("What is this?", (replace(made, read=held),))]
    session.send(FACTS, SETTINGS)
    del held
    gc.collect()
    assert gone() is None
    assert session.turns[0].turn.images[0].read() == made.read()
