"""A conversation that outgrows the context: the user decides what the model does not see any more."""

from collections.abc import Callable

import pytest

from chat.conversation import Image, user_turn
from chat.generation import CheckpointFacts, GenerationSettings
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from chat.tui.widgets.queued_turn import QueuedTurn
from tests.store.samples import reply
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]

SMALL = CheckpointFacts("shapes", context_length=64)
MESSAGE = "word " * 19 + "last"


async def test_what_would_have_to_go_is_told_dropped_on_demand_and_kept(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    model = ScriptedGenerator(["One.", "Two.", "Three."], facts=SMALL)
    desk = make_desk(generator=model, images=[scene_image(1, name="one.png")])
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda: len(desk.turns()) == 4)
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda: "Not sent, it does not fit" in desk.notice())
        assert "at least 4 for the reply, of 64" in desk.notice()
        cure = "/drop leaves out the oldest message with its reply and 1 picture, then yours is sent; up takes it back."
        assert cure in desk.notice()
        # All of it can be read.
        assert cure in " ".join(desk.shown().split())
        assert (desk.text(), len(desk.screen.session.waiting), len(model.prompts)) == ("", 1, 2)

        await send(pilot, desk, "/drop")
        await until(pilot, lambda: "The model does not see the oldest message with its reply" in desk.notice())
        await until(pilot, lambda: "1 message left out" in desk.shown())
        await until(pilot, lambda: len(desk.turns()) == 6)
        assert (model.prompts[1].text.count("last"), model.prompts[2].text.count("last")) == (2, 2)
        assert (len(model.prompts[1].images), len(model.prompts[2].images)) == (1, 0)
        assert "Three." in desk.shown()
    assert [role for role, _ in desk.turns()] == ["user", "assistant"] * 3


async def test_messages_that_do_not_fit_keep_their_order(make_desk: MakeDesk, store: SqliteStore) -> None:
    model = HeldGenerator("One.", "Two.", "Three.", facts=SMALL)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda: desk.screen.session.is_replying)
        for name in ("first", "second", "third"):
            await send(pilot, desk, f"{name} {MESSAGE} {MESSAGE}")
        model.free()
        await until(pilot, lambda: "Not sent, it does not fit" in desk.notice())
        assert [draft.text.split()[0] for draft in desk.screen.session.waiting] == ["first", "second", "third"]
        assert (desk.text(), len(desk.screen.query(QueuedTurn))) == ("", 3)
        latest = store.latest_session()
        assert latest is not None
        assert [text.split()[0] for text in store.draft(latest.id).text.split("\n\n")] == ["first", "second", "third"]
        await send(pilot, desk, "/drop")
        await until(pilot, lambda: len(desk.turns()) == 4)
        assert desk.turns()[2][1].startswith("first")


async def test_a_message_that_can_never_fit_is_given_back(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=ScriptedGenerator([], facts=SMALL))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, MESSAGE * 5)
        await until(pilot, lambda: "Nothing was sent; shorten it." in desk.notice())
        assert (desk.text(), desk.screen.session.waiting) == (MESSAGE * 5, [])


async def test_messages_that_can_never_fit_keep_their_order_as_well(make_desk: MakeDesk) -> None:
    model = HeldGenerator("One.", facts=SMALL)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: desk.screen.session.is_replying)
        for name in ("first", "second"):
            await send(pilot, desk, f"{name} {MESSAGE * 5}")
        model.free()
        await until(pilot, lambda: "Nothing was sent; shorten it." in desk.notice())
        assert [draft.text.split()[0] for draft in desk.screen.session.waiting] == ["first", "second"]
        assert desk.text() == ""


async def test_a_number_leaves_out_more_and_none_brings_everything_back(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["One.", "Two.", "Three."])
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 4)
        await send(pilot, desk, "/drop 7")
        await until(pilot, lambda: "2 messages left out" in desk.shown())
        await send(pilot, desk, "/drop 0")
        await until(pilot, lambda: "The model sees everything that was said." in desk.notice())
        assert "left out" not in desk.shown()
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 6)
        assert model.prompts[-1].text.count("Hello") == 3


@pytest.mark.parametrize("argument", ["two", "-1", "1.5", "٣"])
async def test_what_is_no_number_leaves_nothing_out(make_desk: MakeDesk, argument: str) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One."]))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, f"/drop {argument}")
        await until(pilot, lambda: "/drop takes the number of messages" in desk.notice())
        assert desk.screen.session.left_out == 0


async def test_a_message_that_never_got_a_reply_can_be_left_out_as_well(
    make_desk: MakeDesk, store: SqliteStore
) -> None:
    session_id = store.new_session()
    first = store.add_user_turn(session_id, user_turn("Hello"))
    store.close_reply(store.open_reply(first, SMALL, GenerationSettings()), reply("One."))
    store.add_user_turn(session_id, user_turn(MESSAGE))
    model = ScriptedGenerator(["Two."], facts=SMALL)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/drop 2")
        await until(pilot, lambda: "2 messages left out" in desk.shown())
        await send(pilot, desk, "Who are you?")
        await until(pilot, lambda: bool(model.prompts))
        assert "Hello" not in model.prompts[0].text
        assert MESSAGE not in model.prompts[0].text
