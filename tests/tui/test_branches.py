"""Branches by flows: what is stored comes first, then what is shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from chat.conversation import Image, user_turn
from chat.errors import ChatError, GenerationError
from chat.generation import GenerationSettings, Reply, StopReason, TextGenerator
from chat.prompt import Said
from chat.records import StoredTurn
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import open_store
from chat.tui.screens.tree import BranchTree, TreeScreen
from chat.tui.widgets.queued_turn import QueuedTurn
from chat.tui.widgets.turn import ReplyTurn, SaidTurn, UserTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]
WHOLE = Reply("Indeed.", (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0.1, 0.2)


def said_before(store: SessionStore, *exchanges: tuple[str, str], reason: StopReason = StopReason.EOS) -> str:
    """A session; its last reply ended for a reason."""
    session_id = store.new_session()
    for number, (asked, said) in enumerate(exchanges, start=1):
        message = store.add_user_turn(session_id, user_turn(asked))
        ended = reason if number == len(exchanges) else StopReason.EOS
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, replace(WHOLE, text=said, stop_reason=ended, token_ids=(11, 12, 13)))
    return session_id


def texts(store: SessionStore, session_id: str) -> list[str]:
    return [stored.turn.text for stored in store.turns(session_id)]


def tree_of(store: SessionStore, session_id: str) -> list[tuple[str, str]]:
    """Every turn and the one it follows."""
    words = {node.id: node.words for node in store.tree(session_id)}
    return [(words[node.parent_id] if node.parent_id else "", node.words) for node in store.tree(session_id)]


def marks(desk: Desk) -> list[str]:
    """The signs of versions, in order."""
    gutters = [str(turn.beside.visual) for turn in desk.screen.log_view.said_turns]
    return [line for gutter in gutters for line in gutter.splitlines() if "/" in line]


async def read(pilot: Pilot[ChatError], desk: Desk, up: int = 0) -> SaidTurn:
    """Go to the last turn, and so many up."""
    desk.screen.read_last()
    await pilot.pause()
    for _ in range(up):
        await pilot.press("k")
    await pilot.pause()
    turn = desk.app.focused
    assert isinstance(turn, SaidTurn)
    return turn


async def rest(pilot: Pilot[ChatError], desk: Desk) -> None:
    await until(pilot, lambda: desk.state().endswith("ready") and not desk.screen.session.waiting)


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


async def test_another_reply_makes_a_branch_and_greedy_decoding_is_sampled_for_it(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    model = ScriptedGenerator(["Uno.", "Unus.", "I."], facts=FACTS)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        turn = await read(pilot, desk, 2)
        assert turn.stored is not None
        assert turn.stored.turn.text == "1."
        await pilot.press("r")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Uno."])
        await rest(pilot, desk)
        assert "greedy decoding has one reply only" in desk.notice()
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert generation.settings.temperature == 0.7
        assert generation.settings.seed is not None
        assert model.prompts[0].text.endswith("User: One?<end_of_utterance>\nAssistant:")
        assert marks(desk) == ["‹ 2/2 ›"]
        focused = desk.app.focused
        assert isinstance(focused, ReplyTurn)
        assert focused.stored is not None
        assert focused.stored.turn.text == "Uno."
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/regenerate 1.5 seed 8")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Unus."])
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert (generation.settings.temperature, generation.settings.seed) == (1.5, 8)
        await send(pilot, desk, "/regenerate 1 0.0")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert generation.settings.temperature == 0
        assert marks(desk) == ["‹ 4/4 ›"]
    # Nothing is overwritten.
    assert ("One?", "1.") in tree_of(store, session_id)
    assert ("Two?", "2.") in tree_of(store, session_id)


async def test_a_reply_that_was_stopped_is_asked_for_again_as_it_was(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "We"), reason=StopReason.CANCELLED)
    desk = make_desk("Well.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/regenerate")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Well."])
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert generation.settings.temperature == 0


async def test_switching_changes_everything_below_and_the_focus_stays(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    message = store.turns(session_id)[0].id
    for said, seed in (("I.", 8), ("Unus.", 9)):
        turn = store.open_reply(message, FACTS, GenerationSettings(), True)
        store.close_reply(turn, replace(WHOLE, text=said, seed=seed))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert marks(desk) == ["‹ 3/3 ›"]
        await read(pilot, desk)
        await pilot.press("left")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        assert desk.notice() == "2 of 3 · seed 8"
        await pilot.press("left")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
        await until(pilot, lambda: desk.said()[2:3] == ["Two?"] or "Two?" in desk.said())
        assert desk.notice() == "1 of 3 · greedy"
        assert marks(desk) == ["‹ 1/3 ›"]
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.turn.text == "1."
        await pilot.press("left")
        await until(pilot, lambda: "there is none before it" in desk.notice())
        await pilot.press("right")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        assert "Two?" not in desk.said()
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/branch 3")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Unus."])
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/branch 4")
        await until(pilot, lambda: "there is no version 4: give a number from 1 to 3" in desk.notice())
        assert desk.text() == "/branch 4"


async def test_the_sign_is_clicked_to_switch(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."))
    store.add_version(store.turns(session_id)[0].id, user_turn("Uno?"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        turn = desk.screen.query_one(UserTurn)
        await pilot.click(turn.beside, offset=(0, 1))
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        turn = desk.screen.query_one(UserTurn)
        await pilot.click(turn.beside, offset=(6, 1))
        await until(pilot, lambda: texts(store, session_id) == ["Uno?"])


async def test_the_last_exchange_is_undone_and_brought_back(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await read(pilot, desk)
        await pilot.press("u")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        assert "Two?" not in desk.said()
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: texts(store, session_id) == [])
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: "nothing was said yet" in desk.notice())
        desk.screen.composer.take()
        await send(pilot, desk, "/redo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
    # Another run of the program knows what follows, too.
    again = make_desk(session_id=session_id)
    async with again.app.run_test() as pilot:
        await ready(pilot, again)
        await send(pilot, again, "/redo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
        await until(pilot, lambda: "Two?" in again.said())
        await send(pilot, again, "/redo")
        await until(pilot, lambda: "there is nothing to bring back" in again.notice())
    assert len(store.tree(session_id)) == 4


async def test_after_an_undo_the_next_message_is_a_branch(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk("3.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        await send(pilot, desk, "Three?")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Three?", "3."])
        await rest(pilot, desk)
        assert marks(desk) == ["‹ 2/2 ›"]


async def test_a_stopped_reply_is_gone_on_with_from_exactly_its_ids(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "Well, a"), reason=StopReason.CANCELLED)
    model = ScriptedGenerator([" cat."], facts=FACTS)
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: "▲ stopped · o goes on" in desk.shown())
        await read(pilot, desk)
        await pilot.press("o")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Well, a cat."])
        await rest(pilot, desk)
        assert model.prompts[0].segments[-1] == Said("Well, a", (11, 12, 13))
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert generation.token_ids == (11, 12, 13, 1, 2)
        assert generation.settings.max_new_tokens == 256 + 3
        assert "stopped" not in desk.shown()
        assert marks(desk) == ["‹ 2/2 ›"]
        # It is complete: there is nothing to go on with.
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/continue")
        await until(pilot, lambda: "is complete" in desk.notice())
    assert ("One?", "Well, a") in tree_of(store, session_id)


async def test_a_reply_of_another_checkpoint_is_gone_on_with_from_its_words(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "Well, a"), reason=StopReason.MAX_NEW_TOKENS)
    model = ScriptedGenerator([" cat."], facts=replace(FACTS, name="other"))
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/continue")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Well, a cat."])
        assert model.prompts[0].segments[-1] == Said("Well, a", ())
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert generation.token_ids == (1, 2)


async def test_a_reply_gone_on_with_keeps_its_words_whatever_happens_next(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "Well, a"), reason=StopReason.CANCELLED)

    class Failing(ScriptedGenerator):
        def generate(self, *arguments: object) -> object:  # type: ignore[override]
            raise GenerationError("out of luck")

    desk = make_desk(generator=Failing([], facts=FACTS), session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/continue")
        await until(pilot, lambda: len(store.tree(session_id)) == 3 and desk.state().endswith("ready"))
        assert texts(store, session_id) == ["One?", "Well, a"]
        assert "the model failed: out of luck · o goes on" in desk.shown()
        generation = store.turns(session_id)[1].generation
        assert generation is not None
        assert (generation.stop_reason, generation.token_ids) == (StopReason.ERROR, (11, 12, 13))


async def test_while_a_reply_is_written_edits_wait_and_switching_says_why_not(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."))
    store.close_reply(store.open_reply(store.turns(session_id)[0].id, FACTS, GenerationSettings(), True), WHOLE)
    model = HeldGenerator("2.", "Uno.", "I.")
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Two?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        for key in ("left", "u"):
            await read(pilot, desk, 2)
            await pilot.press(key)
            await until(pilot, lambda: "the model is at work on this branch" in desk.notice())
            desk.screen.say_nothing()
        await read(pilot, desk, 1)
        await pilot.press("r")
        await until(pilot, lambda: "the reply is still being written" in desk.notice())
        await read(pilot, desk, 3)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "One?")
        await write(pilot, desk, " Sure?")
        await pilot.press("enter")
        await read(pilot, desk, 2)
        await pilot.press("r")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 2)
        assert texts(store, session_id) == ["One?", "Indeed.", "Two?", ""]
        model.free()
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        await rest(pilot, desk)
    assert tree_of(store, session_id) == [
        ("", "One?"),
        ("One?", "1."),
        ("One?", "Indeed."),
        ("Indeed.", "Two?"),
        ("Two?", "2."),
        ("", "One? Sure?"),
        ("One? Sure?", "Uno."),
        ("One?", "I."),
    ]


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


async def test_the_tree_shows_every_branch_and_goes_to_one(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    first = store.turns(session_id)[1]
    turn = store.open_reply(store.turns(session_id)[0].id, FACTS, GenerationSettings(), True)
    store.close_reply(turn, replace(WHOLE, text="[@click=app.quit]I.[/]\x1b[31m", stop_reason=StopReason.CANCELLED))
    desk = make_desk(session_id=session_id)
    for size in [(80, 24), (120, 40)]:
        async with desk.app.run_test(size=size) as pilot:
            await ready(pilot, desk)
            await read(pilot, desk)
            await pilot.press("t")
            await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
            tree = desk.app.screen.query_one(BranchTree)
            await until(pilot, lambda: tree.cursor_node is not None and tree.cursor_node.data.id == turn)
            shown = desk.shown()
            assert (
                "▸ 2 shapes  [@click=app.quit]I.[/]␛[31m · stopped · seed 8" in shown
                or "▸ 2 shapes  [@click=app.quit]I.[/]␛[31m · stopped" in shown
            )
            assert "← shown" in shown
            assert "Two?" in shown
            await pilot.press("up")
            while tree.cursor_node is not None and tree.cursor_node.data.id != first.id:
                await pilot.press("up")
            await pilot.press("enter")
            await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
            await until(pilot, lambda: desk.app.screen is desk.screen and "Two?" in desk.said())
            focused = desk.app.focused
            assert isinstance(focused, SaidTurn)
            assert focused.stored is not None
            assert focused.stored.id == first.id
            desk.screen.composer.focus_text()
            await send(pilot, desk, "/branch")
            await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
            await pilot.press("escape")
            await until(pilot, lambda: desk.app.screen is desk.screen)
        store.show_branch(session_id, turn)
        desk = make_desk(session_id=session_id)


async def test_two_windows_on_one_session_lose_nothing(make_desk: MakeDesk, store: SessionStore, db: Path) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk("3.", "II.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with open_store(db) as other_window:
            first = other_window.turns(session_id)[0]
            other_window.add_version(first.id, user_turn("Uno?"))
        # What is sent here follows what is seen here.
        await send(pilot, desk, "Three?")
        await until(pilot, lambda: texts(store, session_id)[-2:] == ["Three?", "3."])
        assert texts(store, session_id)[0] == "One?"
        await rest(pilot, desk)
        assert marks(desk) == ["‹ 1/2 ›"]


async def test_the_bundled_checkpoint_says_the_same_where_it_was_stopped_and_gone_on_with(
    make_desk: MakeDesk, store: SessionStore, shapes: TextGenerator, scene_image: MakeImage
) -> None:
    desk = make_desk(generator=shapes, images=[scene_image(3, 3)], settings=GenerationSettings(max_new_tokens=5))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is in the picture?")
        await until(pilot, lambda: "stopped at 5 tokens · o goes on" in desk.shown())
        for number in range(2, 20):
            if "o goes on" not in desk.shown():
                break
            await read(pilot, desk)
            await pilot.press("o")
            await until(pilot, lambda number=number: f"{number}/{number}" in " ".join(marks(desk)))  # type: ignore[misc]
            await rest(pilot, desk)
        gone_on = last_reply(store)
        desk.screen._settings = GenerationSettings(max_new_tokens=100)
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/regenerate 0.0")
        await until(pilot, lambda: last_reply(store).id != gone_on.id)
        await rest(pilot, desk)
        whole = last_reply(store)
    assert gone_on.generation is not None
    assert whole.generation is not None
    assert gone_on.generation.token_ids == whole.generation.token_ids
    assert gone_on.turn.text == whole.turn.text
    assert gone_on.generation.stop_reason is StopReason.END_OF_UTTERANCE


def last_reply(store: SessionStore) -> StoredTurn:
    latest = store.latest_session()
    assert latest is not None
    return store.turns(latest.id)[-1]
