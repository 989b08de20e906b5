"""A message that cannot be answered yet waits, goes out in order, and can be taken back."""

from collections.abc import Callable

from chat.conversation import Image, Text
from chat.drafts import Draft
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.widgets.queued_turn import QueuedTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until

MakeDesk = Callable[..., Desk]


async def test_messages_sent_while_loading_wait_and_go_out_in_order(make_desk: MakeDesk, store: SessionStore) -> None:
    model = ScriptedGenerator(["First.", "Second."], facts=FACTS)
    loader = HeldLoader(model)
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading 62 % · 3 of 4 files · esc cancel" in desk.state())
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


async def test_what_waits_behind_a_reply_that_is_stopped_is_held_back_until_enter(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    model = HeldGenerator("First one.", "Second.", "Third.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: desk.screen.is_working)
        await send(pilot, desk, "Two?")
        await send(pilot, desk, "Three?")
        await pilot.press("escape")
        await until(pilot, lambda: desk.state().endswith("ready · 2 queued · enter sends"))
        assert desk.shown().count("held back · enter sends it · ↑ edit · del take back") == 2
        assert [text for _, text in desk.turns()][::2] == ["One?"]
        latest = store.latest_session()
        assert latest is not None
        assert store.draft(latest.id).text == "Two?\n\nThree?"
        # Neither another escape nor taking one back lets go of the other.
        await pilot.press("escape", "up")
        await until(pilot, lambda: desk.text() == "Three?" and "1 queued · enter sends" in desk.state())
        model.free()
        desk.screen.composer.take()
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 4 and desk.state().endswith("ready"))
    assert [text for _, text in desk.turns()][2:] == ["Two?", "Second."]


async def test_a_message_sent_after_a_stop_goes_behind_those_that_were_held_back(make_desk: MakeDesk) -> None:
    model = HeldGenerator("First one.", "Second.", "Third.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: desk.screen.is_working)
        await send(pilot, desk, "Two?")
        await send(pilot, desk, "/stop")
        await until(pilot, lambda: "held back" in desk.shown() and not desk.screen.is_working)
        model.free()
        await send(pilot, desk, "Three?")
        await until(pilot, lambda: len(desk.turns()) == 6 and desk.state().endswith("ready"))
    assert [text for _, text in desk.turns()][::2] == ["One?", "Two?", "Three?"]


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


async def test_a_key_that_is_held_takes_one_message_back(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator(["Never."], facts=FACTS))
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        for text in ("One?", "Two?", "Three?"):
            await send(pilot, desk, text)
        queued = desk.screen.query(QueuedTurn).first()
        for _ in range(3):
            # As a terminal repeats a key: nothing is handled in between.
            queued.action_take_back(False)
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) < 3)
        await pilot.pause(0.05)
        assert [draft.text for draft in desk.screen.session.waiting] == ["Two?", "Three?"]
        assert desk.text() == ""


async def test_a_message_taken_back_from_the_front_keeps_its_marks_on_its_pictures(
    make_desk: MakeDesk, scene_image: Callable[..., Image]
) -> None:
    loader = HeldLoader(ScriptedGenerator(["First.", "Second."], facts=FACTS))
    desk = make_desk(load=loader)
    first, second, third = (scene_image(seed) for seed in (1, 2, 3))
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        for text, image in (("look at [1] please", first), ("and [2]", second)):
            await desk.screen.composer.attach([image])
            await send(pilot, desk, text)
        await desk.screen.composer.attach([third])
        desk.screen.composer.insert("or [3]?")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 2)
        desk.screen.query(QueuedTurn).first().focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 1)
        assert desk.screen.session.waiting == [Draft("and [1]", (second,))]
        assert desk.screen.composer.draft == Draft("look at [2] please\n\nor [3]?", (first, third))
        await pilot.press("enter")
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 4)
        parts = desk.screen.session.turns[2].turn.parts
        assert parts == (Text("look at "), first, Text(" please\n\nor "), third, Text("?"))
