"""A caption that begins with given words: they are in the prompt, in the reply, and survive what messages survive."""

import threading
from collections.abc import Callable, Iterator

from chat.conversation import Conversation, Image, user_turn
from chat.errors import GenerationError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore, continued
from chat.talk.said import prompt_of
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]
REQUEST = "Write a caption for this image."
COMMAND = "/caption This is an image of"


async def test_the_model_goes_on_from_the_words(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    model = ScriptedGenerator(["a cat.", "Yes.", "."], facts=FACTS)
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for number, text in enumerate([COMMAND, "Sure?", "/caption A dog"], start=1):
            await send(pilot, desk, text)
            await until(pilot, lambda number=number: len(desk.turns()) == 2 * number)  # type: ignore[misc]
            await until(pilot, lambda: desk.state().endswith("ready"))
        assert desk.said()[0] == REQUEST
        assert "This is an image of a cat." in desk.shown()
    assert model.prompts[0].text.endswith(f"{REQUEST}<end_of_utterance>\nAssistant: This is an image of")
    # What the model is shown later is the whole of it.
    assert " This is an image of a cat.<end_of_utterance>\nUser: Sure?" in model.prompts[1].text
    assert model.prompts[1].text.endswith("\nAssistant:")
    assert [text for role, text in desk.turns() if role == "assistant"] == [
        "This is an image of a cat.",
        "Yes.",
        "A dog.",
    ]
    latest = store.latest_session()
    assert latest is not None
    generation = store.turns(latest.id)[1].generation
    assert generation is not None
    assert generation.prompt_tokens == model.count_tokens(model.prompts[0])
    again = make_desk(session_id=latest.id)
    async with again.app.run_test() as pilot:
        await ready(pilot, again)
        await until(pilot, lambda: "This is an image of a cat." in again.shown())


async def test_the_words_count_where_the_context_is_short(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    desk = make_desk(images=[scene_image(1)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        command = f"/caption {'word ' * 1100}".rstrip()
        await send(pilot, desk, command)
        await until(pilot, lambda: "does not fit" in desk.notice())
        assert desk.text() == command
        assert len(desk.screen.composer.draft.images) == 1


async def test_words_stand_in_one_line(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    desk = make_desk(images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/caption This\nis")
        await until(pilot, lambda: "/caption takes its words in one line" in desk.notice())
        assert (desk.text(), len(desk.screen.composer.draft.images)) == ("/caption This\nis", 1)


async def test_words_that_wait_are_kept_taken_back_and_sent(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    model = ScriptedGenerator(["a cat."], facts=FACTS)
    loader = HeldLoader(model)
    image = scene_image(1)
    desk = make_desk(load=loader, images=[image])
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, COMMAND)
        await until(pilot, lambda: "1 queued" in desk.state())
        assert (store.draft(None).text, store.draft(None).images) == (COMMAND, (image,))
        await pilot.press("up")
        await until(pilot, lambda: desk.text() == COMMAND)
        assert desk.screen.composer.draft.images == (image,)
        await pilot.press("enter")
        await until(pilot, lambda: "1 queued" in desk.state())
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert desk.turns() == [("user", REQUEST), ("assistant", "This is an image of a cat.")]
    assert not store.draft(None)


async def test_words_are_shown_and_kept_before_the_model_says_anything(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    desk = make_desk(generator=ScriptedGenerator(["a cat."], facts=FACTS, pause_s=60), images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, COMMAND)
        await until(pilot, lambda: "This is an image of" in desk.shown())
        # Should the program die now.
        assert desk.turns()[1:] == [("assistant", "This is an image of")]
        await pilot.press("escape")
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert "stopped" in desk.shown()
        assert "before the first word" not in desk.shown()
    assert desk.turns()[1:] == [("assistant", "This is an image of")]
    assert _ending(store) is StopReason.CANCELLED


async def test_a_session_left_in_the_middle_keeps_words_and_what_was_said(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    model = HeldGenerator("a very large cat.")
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, COMMAND)
        await until(pilot, lambda: desk.screen.session.is_replying)
        model.let(1)
        await until(pilot, lambda: "This is an image of a " in desk.shown())
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.id is None)
        assert desk.turns()[1] == ("assistant", "This is an image of a ")
    assert _ending(store) is StopReason.CANCELLED


async def test_a_failure_before_the_first_word_leaves_the_message_out_as_ever(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    class Failing(ScriptedGenerator):
        def generate(
            self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event
        ) -> Iterator[Chunk | Reply]:
            if not self.prompts:
                self.prompts.append(prompt)
                raise GenerationError("out of luck")
            yield from super().generate(prompt, settings, stop)

    model = Failing(["Yes."], facts=FACTS)
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, COMMAND)
        await until(pilot, lambda: "the model failed: out of luck" in desk.shown())
        await send(pilot, desk, "And?")
        await until(pilot, lambda: len(desk.turns()) == 4 and desk.state().endswith("ready"))
    assert desk.turns()[1] == ("assistant", "")
    assert REQUEST not in model.prompts[-1].text


def test_the_bundled_checkpoint_goes_on_from_the_words(shapes: TextGenerator, scene_image: MakeImage) -> None:
    words = "This is an image of"
    prompt = prompt_of(Conversation((user_turn(scene_image(1), REQUEST),)), shapes, words)
    *_, reply = shapes.generate(prompt, GenerationSettings(max_new_tokens=40), threading.Event())
    assert isinstance(reply, Reply)
    assert continued(words, reply.text).startswith("This is an image of a ")
    assert reply.stop_reason is StopReason.END_OF_UTTERANCE


def _ending(store: SessionStore) -> StopReason | None:
    latest = store.latest_session()
    assert latest is not None
    generation = store.turns(latest.id)[1].generation
    assert generation is not None
    return generation.stop_reason
