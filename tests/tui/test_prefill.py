"""The model reads a message while its writer thinks, so that it need not be read when it is sent."""

import threading
from collections.abc import Callable

import pytest

from chat.conversation import Image, user_turn
from chat.generation import GenerationSettings, TextGenerator
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until, write

MakeDesk = Callable[..., Desk]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read because somebody paused, so that whatever is read is read for another reason."""
    monkeypatch.setattr("chat.tui.screens.chat.PREFILL_DELAY_S", 3600)


class SlowReader(ScriptedGenerator):
    """Takes as long for what is being written as it is let, or until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(["Two cats."], facts=FACTS)
        self.gate = threading.Event()
        self.stops: list[threading.Event] = []

    def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
        super().prefill(prompt, stop)
        self.stops.append(stop)
        self.gate.wait(10)


async def test_what_was_read_in_a_pause_is_what_is_sent(make_desk: MakeDesk, scene_image: Callable[..., Image]) -> None:
    model = ScriptedGenerator(["Two cats."] * 2, facts=FACTS)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2 and not desk.screen.is_working)
        await desk.screen.composer.attach([scene_image(1)])
        await write(pilot, desk, "What is in [1]?")
        # A busy machine may pause before the text is there, and have the picture read alone.
        await until(pilot, lambda: any("What is in" in prompt.text for prompt in model.prefilled))
        assert len(model.prompts) == 1
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 4)
    assert model.prefilled[-1:] == model.prompts[1:]


async def test_the_bundled_checkpoint_has_one_token_left_to_read(
    make_desk: MakeDesk,
    load_shapes: Callable[[], TextGenerator],
    store: SessionStore,
    scene_image: Callable[..., Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes, was_read = load_shapes(), threading.Event()
    prefill = shapes.prefill

    def told(prompt: Prompt, stop: threading.Event) -> None:
        prefill(prompt, stop)
        if not stop.is_set():
            was_read.set()

    monkeypatch.setattr(shapes, "prefill", told)
    desk = make_desk(generator=shapes)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await desk.screen.composer.attach([scene_image(1)])
        await write(pilot, desk, "How many shapes are there?")
        await until(pilot, was_read.is_set, 20)
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2 and not desk.screen.is_working, 20)
        latest = store.latest_session()
        assert latest is not None
        generation = store.turns(latest.id)[-1].generation
        assert generation is not None
        assert generation.cached_tokens == generation.prompt_tokens - 1


@pytest.mark.usefixtures("no_pause")
async def test_nothing_is_read_that_is_no_message(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Two cats."], facts=FACTS)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ("/system be brief", "  ", "", "/5 is half?"):
            desk.screen.composer.take()
            await write(pilot, desk, text)
            desk.screen.prefill_draft()
        await until(pilot, lambda: model.prefilled)
    assert [prompt.text.count("/5 is half?") for prompt in model.prefilled] == [1]


async def test_nothing_is_read_for_beam_search(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Two cats."], facts=FACTS)
    desk = make_desk(generator=model, settings=GenerationSettings(num_beams=2))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "How many?")
        desk.screen.prefill_draft()
        await send(pilot, desk, "")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert model.prefilled == []


@pytest.mark.usefixtures("no_pause")
async def test_what_is_written_during_a_reply_is_read_behind_it(make_desk: MakeDesk) -> None:
    model = HeldGenerator("First.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await write(pilot, desk, "Two?")
        desk.screen.prefill_draft()
        model.free()
        await until(pilot, lambda: model.prefilled)
    assert [("First." in prompt.text, "Two?" in prompt.text) for prompt in model.prefilled] == [(True, True)]


async def test_a_model_that_fails_to_read_ahead_still_replies(make_desk: MakeDesk) -> None:
    class Failing(ScriptedGenerator):
        def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
            super().prefill(prompt, stop)
            raise RuntimeError("the device is gone")

    model = Failing(["Two cats."], facts=FACTS)
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "How many?")
        await until(pilot, lambda: model.prefilled)
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[1][1] == "Two cats."


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("key", ["x", "backspace", "ctrl+n", "enter"])
async def test_reading_ends_when_something_else_is_done(make_desk: MakeDesk, store: SessionStore, key: str) -> None:
    model, session_id = SlowReader(), store.new_session()
    store.add_user_turn(session_id, user_turn("Hello"))
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "H")
        desk.screen.prefill_draft()
        await until(pilot, lambda: model.stops)
        assert not model.stops[0].is_set()
        await pilot.press(key)
        await until(pilot, lambda: model.stops[0].is_set())
        model.gate.set()


@pytest.mark.usefixtures("no_pause")
async def test_what_was_written_while_loading_is_read_when_the_checkpoint_is_there(make_desk: MakeDesk) -> None:
    model = ScriptedGenerator(["Two cats."], facts=FACTS)
    loader = HeldLoader(model)
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await write(pilot, desk, "How many?")
        loader.gate.set()
        await until(pilot, lambda: model.prefilled)
    assert "How many?" in model.prefilled[0].text


async def test_a_message_is_seen_to_be_sent_while_the_model_is_still_reading(make_desk: MakeDesk) -> None:
    model = SlowReader()
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "How many?")
        await until(pilot, lambda: model.stops)
        assert not model.stops[0].is_set()
        await pilot.press("enter")
        await until(pilot, lambda: "reading" in desk.state())
        assert desk.said()[0] == "How many?"
        assert model.stops[0].is_set()
        model.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns()[1][1] == "Two cats."


@pytest.mark.usefixtures("no_pause")
async def test_what_is_written_on_is_read_in_the_place_of_what_was_there(make_desk: MakeDesk) -> None:
    model = SlowReader()
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ("How", " many", " cats?"):
            await write(pilot, desk, text)
            desk.screen.prefill_draft()
            await until(pilot, lambda: model.stops)
        assert model.stops[0].is_set()
        model.gate.set()
        await until(pilot, lambda: len(model.stops) >= 2)
        await pilot.pause(0.05)
        # The one in the middle was over before it began.
        assert [prompt.text.count("many cats?") for prompt in model.prefilled] == [0, 1]


async def test_leaving_does_not_wait_for_what_is_being_read(make_desk: MakeDesk) -> None:
    model = SlowReader()
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "How many?")
        await until(pilot, lambda: model.stops)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: model.stops[0].is_set())
    model.gate.set()
