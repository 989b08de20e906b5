"""A conversation that outgrows the context: the user decides what the model does not see any more."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from chat.conversation import Image, user_turn
from chat.errors import ChatError
from chat.generation import CheckpointFacts, GenerationSettings
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from chat.tui.screens.overflow import OverflowScreen, PromptScreen
from chat.tui.widgets.figure import Receipt
from chat.tui.widgets.left_out import LeftOutRule
from chat.tui.widgets.queued_turn import QueuedTurn
from tests.store.samples import reply
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]

SMALL = CheckpointFacts("shapes", context_length=64)
MESSAGE = "word " * 19 + "last"


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter chooses at once."""
    monkeypatch.setattr("chat.tui.screens.overflow.GRACE_S", 0)


async def _asked(pilot: Pilot[ChatError], desk: Desk) -> OptionList:
    """Wait for the dialog; gives its ways."""
    await until(pilot, lambda: isinstance(desk.app.screen, OverflowScreen) and desk.app.screen.query("#ways"))
    return desk.app.screen.query_one("#ways", OptionList)


async def _full(pilot: Pilot[ChatError], desk: Desk) -> OptionList:
    """Two exchanges, and a third message that does not fit any more."""
    await ready(pilot, desk)
    for count in (2, 4):
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda count=count: len(desk.turns()) == count)  # type: ignore[misc]
    await send(pilot, desk, MESSAGE)
    return await _asked(pilot, desk)


def _titles(ways: OptionList) -> list[str]:
    return [str(option.prompt).split("\n")[0] for option in ways.options]


async def test_what_would_have_to_go_is_asked_counted_and_kept(
    make_desk: MakeDesk, scene_image: MakeImage, store: SqliteStore
) -> None:
    model = ScriptedGenerator(["One.", "Two.", "Three."], facts=SMALL)
    desk = make_desk(generator=model, images=[scene_image(1, name="one.png")])
    async with desk.app.run_test(size=(80, 24)) as pilot:
        ways = await _full(pilot, desk)
        assert "67 tokens, and at least 4 for the reply, of 64." in " ".join(desk.shown().split())
        assert _titles(ways) == [
            "Drop the oldest exchange",
            "Drop picture [1], keep its answers",
            "Do not send",
        ]
        assert "turns 1–2, picture [1] · frees 22 · leaves 19" in desk.shown()
        assert "still" in str(ways.options[1].prompt)
        assert ways.highlighted == 0
        assert (desk.text(), len(desk.screen.session.waiting), len(model.prompts)) == ("", 1, 2)

        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 6)
        assert [prompt.text.count("last") for prompt in model.prompts] == [1, 2, 2]
        assert [len(prompt.images) for prompt in model.prompts] == [1, 1, 0]
        await until(pilot, lambda: "1 message left out" in desk.shown())
        lines = [str(child.visual) for child in desk.screen.query(LeftOutRule)]
        assert lines == ["┄ the model no longer sees what is above ┄"]
        (rule,) = desk.screen.query(LeftOutRule)
        assert list(rule.parent.children).index(rule) == 2  # type: ignore[union-attr]
        session_id = desk.screen.session.id
    assert session_id is not None
    assert store.left_out(session_id).messages == {store.turns(session_id)[0].id}
    again = make_desk(generator=ScriptedGenerator(["Four."], facts=SMALL), session_id=session_id)
    async with again.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, again)
        await until(pilot, lambda: "1 message left out" in again.shown())
        assert len(again.screen.query(LeftOutRule)) == 1
        await send(pilot, again, "/drop 0")
        await until(pilot, lambda: not again.screen.query(LeftOutRule))
    assert not store.left_out(session_id)


async def test_a_picture_alone_can_be_dropped_and_its_words_stay(
    make_desk: MakeDesk, scene_image: MakeImage, store: SqliteStore
) -> None:
    model = ScriptedGenerator(["One.", "Two.", "Three."], facts=SMALL)
    desk = make_desk(generator=model, images=[scene_image(1, name="one.png")])
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await _full(pilot, desk)
        await pilot.press("down", "enter")
        # It was not enough: the next question is about the rest.
        await until(pilot, lambda: desk.screen.session.not_shown.pictures)
        ways = await _asked(pilot, desk)
        assert "Drop picture [1], keep its answers" not in _titles(ways)
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == MESSAGE)
        receipt = desk.screen.query(Receipt).first()
        assert "the model no longer sees it" in str(receipt.visual)
        session_id = desk.screen.session.id
    assert session_id is not None
    assert store.left_out(session_id).pictures == {(store.turns(session_id)[0].id, 0)}
    again = make_desk(generator=model, session_id=session_id)
    async with again.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, again)
        assert "the model no longer sees it" in str(again.screen.query(Receipt).first().visual)
        assert not again.screen.session.conversation(SMALL).images


async def test_the_prompt_is_shown_as_the_way_under_the_pointer_would_make_it(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One.", "Two."], facts=SMALL))
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await _full(pilot, desk)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(desk.app.screen, PromptScreen))
        shown = " ".join(desk.shown().split())
        assert "Drop the oldest exchange" in shown
        assert "<s>User: word word" in shown
        assert ("One.<end_of_utterance>" in shown, "Two.<end_of_utterance>" in shown) == (False, True)
        assert shown.count("last<end_of_utterance>") == 2
        await pilot.press("escape", "end", "p")
        await until(pilot, lambda: isinstance(desk.app.screen, PromptScreen))
        assert " ".join(desk.shown().split()).count("last<end_of_utterance>") == 3
        await pilot.press("escape", "escape")
        await until(pilot, lambda: desk.text() == MESSAGE)


@pytest.mark.parametrize("keys", [["escape"], ["end", "enter"]])
async def test_a_message_that_is_not_sent_is_the_draft_again(make_desk: MakeDesk, keys: list[str]) -> None:
    model = ScriptedGenerator(["One.", "Two."], facts=SMALL)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await _full(pilot, desk)
        await pilot.press(*keys)
        await until(pilot, lambda: desk.app.screen is desk.screen and desk.text() == MESSAGE)
        assert (desk.screen.session.waiting, len(model.prompts), len(desk.turns())) == ([], 2, 4)
        assert not desk.screen.query(QueuedTurn)
        await until(pilot, lambda: "does not fit" in desk.shown())


async def test_a_new_session_begins_with_a_summary_that_is_seen_first(
    make_desk: MakeDesk, store: SqliteStore, scene_image: MakeImage
) -> None:
    wide = CheckpointFacts("shapes", context_length=150)
    model = ScriptedGenerator(["One.", "Two.", "Three."], facts=wide)
    desk = make_desk(generator=model)
    long = "word " * 60 + "last"
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/system Be brief.")
        await send(pilot, desk, long)
        await until(pilot, lambda: len(desk.turns()) == 2)
        await desk.screen.composer.attach([scene_image(1)])
        await send(pilot, desk, "Is [1] like that? " + long + " word" * 20)
        ways = await _asked(pilot, desk)
        before = desk.screen.session.id
        assert _titles(ways)[1] == "New session that starts with a summary"
        await pilot.press("down", "enter")
        await until(pilot, lambda: desk.screen.session.id is None)
        await until(pilot, lambda: "A new session" in desk.notice())
        text = desk.text()
        assert text.startswith("What was said before, in short:\n- word word")
        assert "— One.\n\nIs [1] like that? word" in text
        assert (len(model.prompts), desk.screen.session.system) == (1, "Be brief.")
        assert before is not None
        assert [turn.turn.role for turn in store.turns(before)] == ["user", "assistant"]
        await pilot.press("enter")
        await until(pilot, lambda: len(model.prompts) == 2)
        assert model.prompts[1].text.startswith("<s>Be brief.")
        assert len(model.prompts[1].images) == 1
    assert store.draft(before).text == ""


async def test_what_is_typed_meanwhile_is_not_taken_for_a_choice(make_desk: MakeDesk) -> None:
    model = HeldGenerator("One.", "Two.", "Three.", facts=SMALL)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, MESSAGE)
        await until(pilot, lambda: desk.screen.session.is_replying)
        await send(pilot, desk, f"{MESSAGE} {MESSAGE}")
        await write(pilot, desk, "And then")
        model.free()
        await until(pilot, lambda: "Not sent, it does not fit" in desk.notice())
        assert (desk.app.screen, desk.text()) == (desk.screen, "And then")
        assert "/drop leaves out the oldest message with its reply" in desk.notice()
        assert len(desk.screen.session.waiting) == 1


async def test_enter_that_was_pressed_before_the_dialog_came_chooses_nothing(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.screens.overflow.GRACE_S", 600)
    desk = make_desk(generator=ScriptedGenerator(["One.", "Two."], facts=SMALL))
    async with desk.app.run_test() as pilot:
        await _full(pilot, desk)
        await pilot.press("enter")
        assert isinstance(desk.app.screen, OverflowScreen)
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == MESSAGE)


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
        await _asked(pilot, desk)
        await pilot.press("escape")
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


async def test_where_nothing_is_enough_not_sending_is_where_the_pointer_is(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One."], facts=SMALL))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, MESSAGE * 5)
        ways = await _asked(pilot, desk)
        assert _titles(ways) == ["Drop the oldest exchange", "Do not send"]
        assert "still" in str(ways.options[0].prompt)
        assert ways.highlighted == 1
        await pilot.press("enter")
        await until(pilot, lambda: desk.text() == MESSAGE * 5)


async def test_labels_that_do_not_fit_can_have_something_left_out_but_no_new_session(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One."] * 3, facts=CheckpointFacts("shapes", context_length=110)))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "word " * 80)
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, f"/choose cat | {'dog ' * 30}")
        ways = await _asked(pilot, desk)
        assert _titles(ways) == ["Drop the oldest exchange", "Do not send"]
        await pilot.press("enter")
        await until(pilot, lambda: bool(desk.screen.session.choices))
        assert desk.screen.session.choices[0].left_out == 1


async def test_the_meter_warns_in_words_too(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One."], facts=CheckpointFacts("shapes", context_length=100)))
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        for words, warning in ((50, "context 52 / 100"), (82, "▲ context filling up 84 / 100"), (99, "✕ does not fit")):
            desk.screen.composer.take()
            await write(pilot, desk, "word " * words)
            await until(pilot, lambda warning=warning: warning in desk.shown())  # type: ignore[misc]


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


async def test_a_picture_is_dropped_by_its_number_and_shown_again(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    desk = make_desk(generator=ScriptedGenerator(["One."]), images=[scene_image(1), scene_image(2)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, "/drop [2]")
        await until(pilot, lambda: "does not see 1 picture whose words it sees" in desk.notice())
        await until(pilot, lambda: "the model no longer sees it" in desk.shown())
        assert [shown.number for shown in desk.screen.session.shown_pictures()] == [1]
        await send(pilot, desk, "/drop [2]")
        await until(pilot, lambda: "The model sees no picture [2]: " in desk.notice())
        assert desk.text() == "/drop [2]"
        desk.screen.composer.take()
        await send(pilot, desk, "/drop 0")
        await until(pilot, lambda: "the model no longer sees it" not in desk.shown())


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
