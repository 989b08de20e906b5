"""Recorded replies are run again, or asked of other checkpoints, and stand beside the answers."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

from chat.conversation import Image, user_turn
from chat.errors import ChatError, CheckpointError, GenerationError, ModelLostError
from chat.generation import ALTERNATIVES, REMOTE, CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.loading import Loader
from chat.prompt import IDEFICS, Prompt, serialize
from chat.replay.beside import of_verified
from chat.replay.branch import of_session
from chat.replay.plan import as_loaded
from chat.replay.verified import Outcome, VerifiedTurn
from chat.scripted import ScriptedGenerator
from chat.seen import WeighedToken
from chat.session import SessionStore, conversation_of
from chat.tui.comparison_runs import verification, verify_apart
from chat.tui.screens.checkpoints import CheckpointsScreen
from chat.tui.screens.column import Answered, Failed
from chat.tui.screens.comparison import ComparisonScreen
from chat.tui.screens.replay import ReplayScreen
from chat.tui.widgets.beside import BesideTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, at_rest, load, ready, send, until
from tests.tui.test_checkpoints import OTHER, Shelf, other

MakeDesk = Callable[..., Desk]
Compare = Callable[..., bool]
ASKED = ("Which is it?", "And where?", "How many?")
SAID = ("The green triangle.", "On the left.", "Two shapes.")
NOW = ("The green triangle.", "On the right.", "Two shapes.")
LAST_IDS = ((1, 2, 3), (1, 2, 9), (1, 2))
"""What was recorded; the scripted model counts its words. The third word of the second reply was another one."""


class Doubting(ScriptedGenerator):
    """Finds the token that was recorded less likely than its own."""

    def weigh(
        self, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> tuple[WeighedToken, ...] | None:
        weighed = super().weigh(prompt, token_ids, stop, alternatives) or ()
        return tuple(
            replace(token, text=" left", log_probability=math.log(0.31), rank=2)
            if token.token_id == 9
            else replace(token, text=" right", log_probability=math.log(0.52))
            for token in weighed
        )


def doubting() -> Doubting:
    return Doubting(NOW, facts=FACTS)


def recorded(
    store: SessionStore, *images: Image, title: str = "", by: Sequence[CheckpointFacts] = (FACTS, FACTS, FACTS)
) -> str:
    """Three exchanges, the first with pictures; each reply has the prompt that the scripted model counts again."""
    session_id = store.new_session(title=title)
    for asked, said, ids, facts in zip(ASKED, SAID, LAST_IDS, by, strict=True):
        message = store.add_user_turn(session_id, user_turn(*images, asked))
        prompt = serialize(conversation_of(store.turns(session_id)), IDEFICS)
        tokens = ScriptedGenerator([]).count_tokens(prompt)
        turn = store.open_reply(message, facts, GenerationSettings())
        store.close_reply(turn, Reply(said, ids, StopReason.END_OF_UTTERANCE, tokens, 0, None, 0.1, 0.4))
        images = ()
    return session_id


@pytest.fixture
def talk(store: SessionStore) -> str:
    """A conversation without pictures."""
    return recorded(store)


def comparison(desk: Desk) -> ComparisonScreen:
    assert isinstance(desk.app.screen, ComparisonScreen)
    return desk.app.screen


def signs(desk: Desk) -> list[str]:
    return [str(turn.gutter_content()) for turn in comparison(desk).query(BesideTurn)]


async def verified(pilot: Pilot[ChatError], desk: Desk) -> None:
    """Run the open conversation again."""
    await ready(pilot, desk)
    await send(pilot, desk, "/replay")
    await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
    await pilot.press("v")
    await until(pilot, lambda: isinstance(desk.app.screen, ComparisonScreen))


async def test_replies_are_run_again_and_what_differs_is_shown_and_gone_to(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(generator=doubting(), session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await verified(pilot, desk)
        await until(pilot, lambda: "2 same · ≠ 1 differs" in desk.shown())
        assert signs(desk) == ["=", "≠", "="]
        assert "= same 2 tokens" in desk.shown()
        assert "On the «left»." in desk.shown()
        assert "On the «right»." in desk.shown()
        assert "from token 3: “left” 0.31 → “right” 0.52" in desk.shown()
        await pilot.press("d")
        await until(pilot, lambda: "turn 4 of 6" in desk.shown())
        here = comparison(desk).query_one("BesideTurn.-here", BesideTurn)
        assert "On the" in str(here.query_one(".recorded", Static).visual)
        await pilot.press("d")
        await until(pilot, lambda: "Nothing differs below." in desk.shown())
        await pilot.press("a")
        await until(pilot, lambda: signs(desk) == ["≠"])
        recorded, answer = (comparison(desk).query_one(name) for name in (".recorded", ".answer"))
        assert recorded.region.y == answer.region.y
        await pilot.press("w")
        await until(pilot, lambda: recorded.region.y < answer.region.y and recorded.region.x == answer.region.x)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))


async def test_escape_stops_the_model_first_and_keeps_what_was_answered(make_desk: MakeDesk, talk: str) -> None:
    model = HeldGenerator(*NOW)
    desk = make_desk(generator=model, session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await verified(pilot, desk)
        model.let(3)
        await until(pilot, lambda: "verifying · 1 of 3" in desk.shown())
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped: what was answered stays here." in desk.shown())
        assert signs(desk) == ["=", "", ""]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        model.free()
        await pilot.press("escape")
        await send(pilot, desk, "Are you still there?")
        await until(pilot, lambda: desk.turns()[-1][0] == "assistant" and len(desk.turns()) == 8)


async def test_while_it_stops_escape_leaves(make_desk: MakeDesk, talk: str) -> None:
    gate = threading.Event()

    def load_slowly(*_: object) -> ScriptedGenerator:
        gate.wait(10)
        raise CheckpointError("cancelled")

    desk = make_desk(session_id=talk, catalogue=lambda: Shelf(other(), loader=load_slowly))
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/compare org/other")
        await until(pilot, lambda: "looking at other · esc stops" in desk.shown())
        await pilot.press("escape")
        await until(pilot, lambda: "stopping · esc leaves" in desk.shown())
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        gate.set()


async def test_each_reply_is_run_on_what_gave_it(make_desk: MakeDesk, store: SessionStore) -> None:
    earlier = replace(FACTS, revision="abc", dtype="bfloat16", device="cuda:0", image_detail="high")
    shelf = Shelf(other(), loader=load(Doubting(NOW[1:], facts=earlier)))
    shelf.hub["shapes"] = other()
    desk = make_desk(
        generator=ScriptedGenerator(NOW[:1], facts=OTHER),
        session_id=recorded(store, by=(OTHER, earlier, earlier)),
        catalogue=lambda: shelf,
    )
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await verified(pilot, desk)
        await until(pilot, lambda: "2 same · ≠ 1 differs" in desk.shown())
        assert signs(desk) == ["=", "≠", "="]
        # What ran last, and that it ran not all of them; each answer says what gave it.
        assert "recorded shapes · cuda:0 · bf16 and 1 more" in desk.shown()
        assert "now shapes · cuda:0 · bf16 and 1 more" in desk.shown()
        assert "= same 2 tokens · on other · cpu · bf16" in desk.shown()
        assert "= same 1 token · on shapes · cuda:0 · bf16" in desk.shown()
        await pilot.press("a")
        await until(pilot, lambda: "Only what differs · a shows all" in desk.shown())
        assert shelf.recorded == [as_loaded(earlier)]
        assert shelf.asked == ["shapes"]
        assert desk.screen.facts == OTHER
        await pilot.press("escape", "c")
        await until(pilot, lambda: isinstance(desk.app.screen, CheckpointsScreen))


def test_a_checkpoint_that_is_gone_keeps_no_other_reply_from_being_run(store: SessionStore) -> None:
    class Bare(Shelf):
        def recorded_loader(self, recorded: CheckpointFacts, *, is_of_file: bool) -> Loader:
            if recorded.name == OTHER.name:
                raise CheckpointError(f"{recorded.name} is not on this machine")
            return super().recorded_loader(recorded, is_of_file=is_of_file)

    shelf = Bare(other(), loader=load(Doubting(NOW[1:2], facts=FACTS)))
    shelf.hub["shapes"] = other()
    server = replace(FACTS, device=REMOTE)
    plan = verification(of_session(store, recorded(store, by=(OTHER, FACTS, server))), lambda _: False)
    posted: list[Message] = []
    verify_apart(shelf, None, plan, threading.Event(), posted.append, is_of_file=False)
    lines = [one.beside.line for one in posted if isinstance(one, Answered)]
    assert lines[0] == "not run · org/other is not on this machine"
    assert lines[1].startswith("from token 3")
    assert [turn.note for turn in plan.turns][2] == "a server gave it, and nothing tells all that it does"
    assert not any(isinstance(one, Failed) for one in posted)


def test_a_reply_to_another_prompt_differs_and_has_no_answer(store: SessionStore) -> None:
    reply = store.turns(recorded(store))[1]
    beside = of_verified(VerifiedTurn(1, reply, Outcome.PROMPT_DIFFERS, note="its prompt had 3 tokens and has 4"))
    turn = BesideTurn(reply, "now", beside, is_waiting=False)
    assert str(turn.gutter_content()) == "≠"
    assert str(turn._answer()) == "≠ not run: the prompt is another · its prompt had 3 tokens and has 4"


async def test_differences_of_what_computes_are_named_and_so_is_what_the_model_fails_on(
    make_desk: MakeDesk, talk: str
) -> None:
    elsewhere = replace(FACTS, device="cuda:0", dtype="bfloat16")
    model = ScriptedGenerator([NOW[0], GenerationError("no memory is left"), NOW[2]], facts=elsewhere)
    desk = make_desk(generator=model, session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await verified(pilot, desk)
        await until(pilot, lambda: "2 same · 1 not run" in desk.shown())
        assert "▲ dtype float32 → bfloat16 · device cpu → cuda:0" in desk.shown()
        assert "▲ not run · no memory is left" in desk.shown()
        assert signs(desk) == ["=", "", "="]
        await pilot.press("a")
        await until(pilot, lambda: "Nothing differs · a shows all" in desk.shown())


async def test_a_model_that_is_lost_ends_the_running(make_desk: MakeDesk, talk: str) -> None:
    model = ScriptedGenerator([NOW[0], ModelLostError("its process was killed"), NOW[2]], facts=FACTS)
    desk = make_desk(generator=model, session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await verified(pilot, desk)
        await until(pilot, lambda: "✕ its process was killed" in desk.shown())
        assert signs(desk) == ["=", "", ""]
        assert "(no answer)" in desk.shown()


async def test_other_checkpoints_answer_and_are_shown_their_own_answers_where_that_is_asked(
    make_desk: MakeDesk, talk: str
) -> None:
    model = ScriptedGenerator([NOW[0], "Left.", "Two."], facts=OTHER)
    shelf = Shelf(other(), loader=load(model))
    shelf.hub["none"] = ChatError("none is no checkpoint")
    desk = make_desk(session_id=talk, catalogue=lambda: shelf)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/compare --feed-forward org/other,quantize=8bit | org/other | none")
        await until(pilot, lambda: isinstance(desk.app.screen, ComparisonScreen))
        await until(pilot, lambda: "other cannot be loaded as 8bit" in desk.shown())
        await pilot.press("tab")
        await until(pilot, lambda: "1 same · ≠ 2 differ" in desk.shown())
        assert "2/3 other · cpu · bf16" in desk.shown()
        assert "similarity 0." in desk.shown()
        assert "Left." in model.prompts[-1].text
        assert SAID[1] not in model.prompts[-1].text
        await pilot.press("3")
        await until(pilot, lambda: "none is no checkpoint" in desk.shown())
        assert desk.screen.facts == FACTS


async def test_a_server_and_a_way_to_load_are_asked_for_as_in_the_command(make_desk: MakeDesk, talk: str) -> None:
    shelf = Shelf(other(beside=False), loader=load(ScriptedGenerator(NOW * 2, facts=replace(OTHER, device=REMOTE))))
    desk = make_desk(session_id=talk, catalogue=lambda: shelf)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(
            pilot, desk, "/compare shapes,base-url=http://127.0.0.1:8000/v1 | org/other,dtype=float32,device=cpu"
        )
        await until(pilot, lambda: "1 differs" in desk.shown())
        assert shelf.asked == ["org/other"]
        assert shelf.loaded[-1] == ("shapes", "auto")
        assert shelf.options[-1] == {"base_url": "http://127.0.0.1:8000/v1"}
        await pilot.press("2")
        await until(pilot, lambda: "there is no memory for other beside shapes: it takes 5.0 GB" in desk.shown())


async def test_where_there_is_no_reply_nothing_is_run_again(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("Are you there?"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/replay")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        await pilot.press("v")
        await until(pilot, lambda: "There is no reply here that could be run again." in desk.shown())


async def test_what_cannot_be_compared_is_told_in_a_line(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        for command, line in (
            ("/compare a | a", "names a checkpoint twice"),
            ("/compare a 8bit | a,quantize=8bit", "names a checkpoint twice"),
            ("/compare a,quantise=8bit", "/compare a,quantise=8bit: 'quantise=8bit' is no option"),
            ("/compare --fed-forward a", "takes names of checkpoints"),
            ("/compare", "no other checkpoint here"),
            ("/compare a", "no other checkpoint here"),
        ):
            await send(pilot, desk, command)
            await until(pilot, lambda line=line: line in desk.notice())  # type: ignore[misc]
            assert desk.text() == command
            assert desk.app.screen is desk.screen
            desk.screen.composer._input.text = ""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_comparison(
    make_desk: MakeDesk,
    snap_compare: Compare,
    store: SessionStore,
    scene_image: Callable[..., Image],
    size: tuple[int, int],
) -> None:
    session_id = recorded(store, scene_image(1, 3, "shapes-01.png"), title="Red circle, blue star")
    desk = make_desk(generator=doubting(), session_id=session_id)

    async def run(pilot: Pilot[ChatError]) -> None:
        await verified(pilot, desk)
        await until(pilot, lambda: "1 differs" in desk.shown())
        await pilot.press("d")
        await at_rest(pilot, desk)

    assert snap_compare(desk.app, terminal_size=size, run_before=run)
