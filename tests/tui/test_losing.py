"""A model whose process ends: what was said is kept, and it is loaded again when it is asked for."""

import threading
from collections.abc import Callable, Sequence

import pytest

from chat.errors import ModelLostError
from chat.generation import Score, StopReason
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from tests.tui.doubles import FACTS, Desk, HeldGenerator, RankingGenerator, load, ready, send, until

MakeDesk = Callable[..., Desk]

WORDS = "the model's process was killed: out of memory?"


class Losable(HeldGenerator):
    """A model that can be lost, also in the middle of a reply or of a ranking."""

    def __init__(self, *replies: str | Exception) -> None:
        super().__init__(*replies)
        self.tells: list[Callable[[ModelLostError], object]] = []
        self.is_closed = False
        self.gate = threading.Event()

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        self.gate.wait(30)
        raise ModelLostError(WORDS)

    def when_lost(self, tell: Callable[[ModelLostError], object]) -> None:
        self.tells.append(tell)

    def close(self) -> None:
        self.is_closed = True

    def lose(self) -> None:
        """Be gone."""
        for tell in self.tells:
            tell(ModelLostError(WORDS))


def successive(*generators: ScriptedGenerator) -> Callable[..., ScriptedGenerator]:
    """Loads one after the other."""
    left = list(generators)
    return lambda progress, stop: left.pop(0)


async def test_a_model_lost_while_it_rests_is_told_and_loaded_for_the_next_message(make_desk: MakeDesk) -> None:
    lost = Losable("One.")
    desk = make_desk(load=successive(lost, ScriptedGenerator(["Two cats."], facts=FACTS)))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        lost.lose()
        await until(pilot, lambda: desk.screen.facts is None)
        assert desk.notice() == "✕ The model's process was killed: out of memory? · /load loads it again"
        assert "not loaded" in desk.state()
        await send(pilot, desk, "How many?")
        await until(pilot, lambda: desk.turns() == [("user", "How many?"), ("assistant", "Two cats.")])
        assert "ready" in desk.state()


@pytest.mark.parametrize("is_told_first", [True, False])
async def test_a_model_lost_in_a_reply_leaves_what_it_said(
    make_desk: MakeDesk, store: SessionStore, is_told_first: bool
) -> None:
    lost = Losable(ModelLostError(WORDS))
    desk = make_desk(load=successive(lost, ScriptedGenerator(["Two cats."], facts=FACTS)))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "How many?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        if is_told_first:
            lost.lose()
            await until(pilot, lambda: desk.screen.facts is None)
        lost.free()
        await until(pilot, lambda: desk.turns() == [("user", "How many?"), ("assistant", "Well, ")])
        if not is_told_first:
            lost.lose()
        await until(pilot, lambda: "not loaded" in desk.state())
        latest = store.latest_session()
        assert latest is not None
        generation = store.turns(latest.id)[-1].generation
        assert generation is not None
        assert generation.stop_reason is StopReason.ERROR
        assert WORDS in desk.shown()
        await send(pilot, desk, "/load")
        await until(pilot, lambda: desk.screen.facts is not None)
        assert "ready" in desk.state()


async def test_labels_wait_for_the_model_that_was_lost_over_them(make_desk: MakeDesk) -> None:
    lost, other = Losable("Two cats."), RankingGenerator("Two cats.")
    other.gate.set()
    desk = make_desk(load=successive(lost, other))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        lost.free()
        await send(pilot, desk, "How many?")
        await until(pilot, lambda: len(desk.turns()) == 2 and not desk.screen.is_working)
        await send(pilot, desk, "/choose cat | dog")
        await until(pilot, lambda: desk.screen.session.choosing is not None)
        lost.lose()
        lost.gate.set()
        await until(pilot, lambda: "not loaded" in desk.state() and "/choose cat | dog" in desk.text())


async def test_a_model_of_before_that_ends_is_nobodys_loss(make_desk: MakeDesk) -> None:
    lost, other = Losable("One."), HeldGenerator("Two cats.")
    desk = make_desk(load=load(lost))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        desk.screen._generator = other
        lost.lose()
        await pilot.pause()
        assert desk.screen.facts == other.facts
        assert desk.notice() == ""
