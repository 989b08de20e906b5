"""Replies asked for again or gone on with are branches, and what was said before stays."""

from collections.abc import Callable
from dataclasses import replace

from chat.conversation import Image
from chat.errors import GenerationError
from chat.generation import GenerationSettings, StopReason, TextGenerator
from chat.prompt import Said
from chat.records import StoredTurn
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.widgets.turn import ReplyTurn
from tests.tui.doubles import FACTS, Desk, ready, send, until
from tests.tui.talks import marks, read, rest, said_before, texts, tree_of

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


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
