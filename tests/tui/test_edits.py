"""A message that was sent is edited: a branch, and neither the draft nor the change is ever lost."""

from collections.abc import Callable

from textual.pilot import Pilot

from chat.conversation import Image, user_turn
from chat.errors import ChatError
from chat.generation import GenerationSettings
from chat.prompt import Said
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.widgets.queued_turn import QueuedTurn
from tests.tui.doubles import FACTS, Desk, HeldLoader, ready, send, until, write
from tests.tui.talks import WHOLE, marks, read, rest, said_before, texts, tree_of

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


async def test_an_edited_message_makes_a_branch_and_the_draft_comes_back(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    model = ScriptedGenerator(["II.", "3."], facts=FACTS)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a draft")
        await read(pilot, desk, 1)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "Two?")
        assert "editing your message 2 · escape leaves it" in desk.shown()
        # Should the program die now: nothing was changed yet.
        assert store.draft(session_id).text == "a draft"
        await write(pilot, desk, " Sure?")
        await pilot.press("enter")
        await rest(pilot, desk)
        await until(pilot, lambda: texts(store, session_id)[2:] == ["Two? Sure?", "II."])
        assert texts(store, session_id)[:2] == ["One?", "1."]
        assert tree_of(store, session_id).count(("1.", "Two?")) == 1
        assert ("Two?", "2.") in tree_of(store, session_id)
        assert "Two?" not in [words.text for words in model.prompts[0].segments if isinstance(words, Said)]
        assert "Two? Sure?" in model.prompts[0].text
        assert "2." not in model.prompts[0].text
        assert desk.text() == "a draft"
        assert "editing" not in desk.shown()
        assert marks(desk) == ["‹ 2/2 ›"]
        assert desk.said()[-2:] == ["Two? Sure?", "II."] or "II." in desk.shown()
        await pilot.press("enter")
        await until(pilot, lambda: texts(store, session_id)[-2:] == ["a draft", "3."])
    assert store.draft(session_id).text == ""


async def test_escape_leaves_an_edit_and_nothing_is_lost_in_either_direction(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a draft")
        await send_command(pilot, desk, "/edit", "a draft")
        assert desk.text() == "One?"
        await write(pilot, desk, " Really?")
        desk.screen.keep_draft()
        # Should the program die now.
        assert store.draft(session_id).text == "a draft\n\nOne? Really?"
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == "a draft")
        assert store.draft(session_id).text == "a draft"
        assert "/edit 1 goes on with your change" in desk.notice()
        await read(pilot, desk)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "One? Really?")
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == "a draft")
    assert len(store.tree(session_id)) == 2


async def send_command(pilot: Pilot[ChatError], desk: Desk, command: str, kept: str = "") -> None:
    """Run a command while a draft is written, as the palette would."""
    name, _, argument = command.removeprefix("/").partition(" ")
    call = next(one for one in desk.screen.branch_commands() if one[0].lower() == name)
    assert not argument
    assert desk.text() == kept
    await call[2]()
    await pilot.pause()


async def test_an_edited_message_keeps_its_pictures_in_their_places(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    one, two, three = scene_image(1), scene_image(2), scene_image(3)
    session_id = store.new_session()
    first = store.add_user_turn(session_id, user_turn(one, "First?"))
    store.close_reply(store.open_reply(first, FACTS, GenerationSettings()), WHOLE)
    second = store.add_user_turn(session_id, user_turn(two, "Compare with ", three, " here"))
    store.close_reply(store.open_reply(second, FACTS, GenerationSettings()), WHOLE)
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await read(pilot, desk)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "Compare with [5] here")
        assert desk.screen.composer.draft.images == (two, three)
        await write(pilot, desk, " and there")
        await pilot.press("enter")
        await until(pilot, lambda: len(store.turns(session_id)) == 4 and store.turns(session_id)[2].id > second)
        await rest(pilot, desk)
        edited = store.turns(session_id)[2].turn
        assert edited == user_turn(two, "Compare with ", three, " here and there")
        assert desk.screen.session.next_number == 4


async def test_what_waits_for_the_checkpoint_is_taken_back_as_what_it_is(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."))
    loader = HeldLoader(ScriptedGenerator(["I.", "Uno."], facts=FACTS))
    desk = make_desk(load=loader, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "/edit")
        await write(pilot, desk, " Sure?")
        await pilot.press("enter")
        await until(pilot, lambda: "1 queued" in desk.state())
        assert store.draft(session_id).text == "One? Sure?"
        await write(pilot, desk, "meanwhile")
        await pilot.press("enter")
        await until(pilot, lambda: "2 queued" in desk.state())
        queued = desk.screen.query(QueuedTurn).first()
        queued.action_take_back(True)
        await until(pilot, lambda: desk.text() == "One? Sure?" and "editing your message 1" in desk.shown())
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == "")
        assert "goes on with your change" in desk.notice()
        await send(pilot, desk, "/regenerate 1")
        await until(pilot, lambda: "2 queued" in desk.state())
        await pilot.press("up")
        await until(pilot, lambda: desk.text() == "/regenerate 1")
        await pilot.press("enter")
        await until(pilot, lambda: "2 queued" in desk.state())
        loader.gate.set()
        await rest(pilot, desk)
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Uno."])
    assert ("meanwhile", "I.") in tree_of(store, session_id)


async def test_an_edit_that_does_not_fit_is_edited_again(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a draft")
        await read(pilot, desk)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "One?")
        await write(pilot, desk, " word" * 1100)
        await pilot.press("enter")
        await until(pilot, lambda: "does not fit" in desk.notice())
        assert desk.text() == "One?" + " word" * 1100
        assert "editing your message 1" in desk.shown()
        await pilot.press("escape")
        await until(pilot, lambda: desk.text() == "a draft")
    assert len(store.tree(session_id)) == 2


async def test_a_session_that_is_left_keeps_the_change_and_the_draft(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a draft")
        await read(pilot, desk)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "One?")
        await write(pilot, desk, " Sure?")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.id is None)
        assert desk.text() == ""
        assert "editing" not in desk.shown()
    assert store.draft(session_id).text == "a draft\n\nOne? Sure?"


async def test_the_edit_is_what_is_computed_ahead(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    model = ScriptedGenerator(["II."], facts=FACTS)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/edit 1")
        await write(pilot, desk, " Sure?")
        await until(pilot, lambda: any("One? Sure?" in prompt.text for prompt in model.prefilled))
        assert not any("1." in prompt.text for prompt in model.prefilled if "One? Sure?" in prompt.text)
