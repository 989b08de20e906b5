"""The pane that shows what the model sees, and the list of a reply's tokens."""

import threading
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from chat.conversation import Conversation, Image, Role, assistant_turn, user_turn
from chat.errors import ChatError, GenerationError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason, TextGenerator
from chat.prompt import Prompt, serialize
from chat.scripted import ScriptedGenerator
from chat.seen import SeenPicture, SeenPrompt
from chat.session import SessionStore
from chat.tui.model_pictures import model_picture
from chat.tui.screens.tokens import TokensScreen
from chat.tui.widgets.lines import LinesView
from chat.tui.widgets.model_view import ModelView
from chat.tui.widgets.picture import PictureView
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, ready, send, until, workers_done, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


def view(desk: Desk) -> ModelView:
    found = desk.screen._view
    assert found is not None
    return found


def prompt_shown(desk: Desk) -> str:
    return view(desk).query_one("#seen-prompt", LinesView).text


def counts_shown(desk: Desk) -> str:
    return view(desk).query_one("#seen-counts", LinesView).text


async def looked(pilot: Pilot[ChatError], desk: Desk, text: str) -> None:
    """Wait until the pane shows this in the prompt."""
    await until(pilot, lambda: view(desk).talk is not None and text in prompt_shown(desk))


@pytest.fixture
def talk(store: SessionStore, scene_image: MakeImage) -> str:
    """Two exchanges, each about a picture of its own."""
    session_id = store.new_session()
    for number, question in enumerate(("What is it?", "And this?"), start=1):
        message = store.add_user_turn(session_id, user_turn(scene_image(number, 2, f"{number}.png"), question))
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, Reply("Two cats.", (1, 2), StopReason.END_OF_UTTERANCE, 12 * number, 0, None, 0.1, 0.4))
    return session_id


async def test_the_pane_follows_what_is_written(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await looked(pilot, desk, "<s>")
        await desk.screen.composer.attach([scene_image(1, 2, "one.png")])
        await write(pilot, desk, "How many")
        await looked(pilot, desk, "<image> [1]")
        await looked(pilot, desk, "How many")
        assert "1  You      draft" in counts_shown(desk)
        # The message has the focus all the while.
        await pilot.press(*" dogs?")
        await looked(pilot, desk, "How many dogs?")
        assert desk.text() == "How many dogs?"
        await pilot.press("ctrl+t")
        assert not desk.screen.query(ModelView)
        assert desk.screen.focused is not None
        assert desk.screen.focused.id == "message"


async def test_nothing_is_computed_while_the_pane_is_closed(make_desk: MakeDesk) -> None:
    class Counted(ScriptedGenerator):
        described = 0

        def describe(self, prompt: Prompt) -> SeenPrompt:
            Counted.described += 1
            return super().describe(prompt)

    desk = make_desk(generator=Counted(["Hi."] * 3, facts=FACTS))
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert Counted.described == 0
        await send(pilot, desk, "/prompt")
        await looked(pilot, desk, "Hello")
        assert Counted.described > 0


async def test_typing_does_not_wait_for_the_pane(make_desk: MakeDesk) -> None:
    gate = threading.Event()

    class Slow(ScriptedGenerator):
        def describe(self, prompt: Prompt) -> SeenPrompt:
            gate.wait(20)
            return super().describe(prompt)

    desk = make_desk(generator=Slow([], facts=FACTS))
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t", *"abc")
        await pilot.pause(0.2)
        await pilot.press(*"def")
        assert desk.text() == "abcdef"
        assert view(desk).talk is None
        gate.set()
        await looked(pilot, desk, "abcdef")


async def test_words_that_look_like_a_control_token_are_underlined(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await write(pilot, desk, "Is <image> a </s> here?")
        await looked(pilot, desk, "here?")
        pieces = [piece for line in view(desk).query_one("#seen-prompt", LinesView).lines for piece in line]
        assert [text for text, look in pieces if look == "lookalike"] == ["<image>", "</s>"]
        assert [text for text, look in pieces if look == "closing"] == ["<s>", "<end_of_utterance>"]
        assert not [text for text, look in pieces if look == "image"]
        style = view(desk).query_one("#seen-prompt").get_component_rich_style("lines--lookalike")
        assert style.underline


async def test_both_pictures_are_shown_and_can_be_changed(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(view(desk).query(PictureView)) == 2)
        assert "picture [2] of 2" in desk.shown()
        await until(pilot, lambda: "model 224×224 · 3 tokens" in desk.shown())
        view(desk).focus()
        await pilot.press("b")
        await until(pilot, lambda: "picture [1] of 2" in desk.shown())
        original, model = view(desk).query(PictureView)
        assert original.image.name == "1.png"
        await until(pilot, lambda: (model.image.width, model.image.height) == (224, 224))
        await pilot.press("n", "n", "n")
        await until(pilot, lambda: "picture [2] of 2" in desk.shown())
        await workers_done(pilot)


async def test_keys_fold_show_ids_and_copy(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await looked(pilot, desk, "And this?")
        view(desk).focus()
        await pilot.press("f")
        assert "fake_token" not in prompt_shown(desk)
        assert "User: [2] And this?" in prompt_shown(desk)
        await pilot.press("f", "number_sign")
        assert "<s>·1" in prompt_shown(desk)
        await pilot.press("x")
        facts = serialize(
            Conversation(
                tuple(
                    turn if turn.role is Role.USER else assistant_turn(turn.text, (1, 2))
                    for turn in (stored.turn for stored in desk.screen.session.turns)
                )
            ),
            open_reply=False,
        )
        assert desk.app.clipboard == facts.text
        await pilot.press("escape")
        assert desk.screen.focused is not None
        assert desk.screen.focused.id == "message"
        assert desk.screen.query(ModelView)


async def test_a_narrow_window_is_filled_and_escape_comes_back(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "Is it so?")
        await pilot.press("left", "left", "ctrl+t")
        await looked(pilot, desk, "Is it so?")
        assert not desk.screen.query_one("#conversation").display
        shown = desk.shown()
        assert "Prompt  Pictures  Budget" in shown
        assert "original" not in shown
        await pilot.press("right")
        await until(pilot, lambda: "original" in desk.shown())
        await pilot.press("right")
        await until(pilot, lambda: "tokens of context" in desk.shown())
        assert "after [2], text looks at picture [2] only" in desk.shown()
        await pilot.press("escape", "X")
        assert not desk.screen.query(ModelView)
        assert desk.text() == "Is it sXo?"


async def test_the_window_may_change_while_the_pane_is_open(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await looked(pilot, desk, "And this?")
        for size in ((80, 24), (20, 5), (230, 50), (120, 40), (99, 12)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert view(desk).size.width > 0
        assert desk.screen.focused is view(desk)
        await pilot.press("escape")
        assert not desk.screen.query(ModelView)


async def test_without_a_model_a_line_says_so(make_desk: MakeDesk) -> None:
    generator = ScriptedGenerator([], facts=FACTS)
    loader = HeldLoader(generator)
    desk = make_desk(load=loader)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: desk.screen._session is not None)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "No model is loaded" in desk.shown())
        loader.gate.set()
        await write(pilot, desk, "Hello")
        await looked(pilot, desk, "Hello")
        assert "No model" not in desk.shown()


async def test_the_prompt_up_to_a_turn(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        desk.screen.log_view.said_turns[0].focus()
        await pilot.press("p")
        await until(pilot, lambda: "up to turn 1 of 4" in desk.shown())
        assert prompt_shown(desk).endswith("Assistant:")
        assert "And this?" not in prompt_shown(desk)
        await pilot.press("down", "p")
        await until(pilot, lambda: "up to turn 2 of 4" in desk.shown())
        assert prompt_shown(desk).endswith("Two cats.<end_of_utterance>")
        # What is written is followed again as soon as something is.
        await write(pilot, desk, "Next")
        await looked(pilot, desk, "Next")
        assert "up to turn" not in desk.shown()


async def test_messages_that_are_left_out_keep_the_numbers_of_the_others(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await looked(pilot, desk, "[1]")
        await send(pilot, desk, "/drop 1")
        await until(pilot, lambda: "[1]" not in prompt_shown(desk))
        assert "<image> [2]" in prompt_shown(desk)
        assert "3  You" in counts_shown(desk)


async def test_a_click_on_the_meter_opens_the_pane(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "Hello")
        await until(pilot, lambda: "/ 1,024" in desk.shown())
        await pilot.click("#meter")
        await until(pilot, lambda: "tokens of context" in desk.shown())
        assert desk.screen.query(ModelView)


async def test_a_picture_that_is_gone_is_told(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    from chat.errors import ImageError

    class Blind(ScriptedGenerator):
        def preprocess(self, image: Image) -> SeenPicture:
            raise ImageError(f"{image.name}: the file is gone")

    desk = make_desk(generator=Blind([], facts=FACTS))
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+t")
        await desk.screen.composer.attach([scene_image(1, 2, "one.png")])
        await until(pilot, lambda: "not to be seen" in desk.shown())


# Tokens


def rows(desk: Desk) -> list[str]:
    screen = desk.app.screen
    return screen.query_one(LinesView).text.splitlines() if isinstance(screen, TokensScreen) else []


async def test_the_tokens_of_a_reply_are_listed(make_desk: MakeDesk) -> None:
    desk = make_desk("Two small cats.")
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is it?")
        await until(pilot, lambda: len(desk.turns()) == 2 and "ready" in desk.state())
        desk.screen.log_view.said_turns[-1].focus()
        await pilot.press("number_sign")
        await until(pilot, lambda: len(rows(desk)) == 4)
        assert [row.split()[:2] for row in rows(desk)[1:]] == [
            ["word1", "100"],
            ["word2", "77.9"],
            ["word3", "60.7"],
        ]
        await until(pilot, lambda: "before temperature" in desk.shown())
        await pilot.press("escape")
        assert desk.app.screen is desk.screen


async def test_a_token_less_likely_than_not_is_underlined(make_desk: MakeDesk) -> None:
    desk = make_desk("one two three four five six")
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count")
        await until(pilot, lambda: len(desk.turns()) == 2 and "ready" in desk.state())
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: len(rows(desk)) == 7)
        lines = desk.app.screen.query_one(LinesView).lines[1:]
        assert [line[0][1] == "lookalike" for line in lines] == [False] * 3 + [True] * 3


async def test_the_same_prompt_is_weighed_that_the_reply_was_given_to(make_desk: MakeDesk, talk: str) -> None:
    generator = ScriptedGenerator([], facts=FACTS)
    desk = make_desk(generator=generator, session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        desk.screen.log_view.said_turns[1].focus()
        await pilot.press("number_sign")
        await until(pilot, lambda: len(rows(desk)) == 3)
        ((prompt, token_ids),) = generator.weighed
        assert prompt.text.endswith("What is it?<end_of_utterance>\nAssistant:")
        assert token_ids == (1, 2)
        # The stored count is another one than the scripted generator's.
        await until(pilot, lambda: "the reply was given after 12" in desk.shown())


async def test_a_reply_of_another_checkpoint_is_told_in_a_line(
    make_desk: MakeDesk, store: SessionStore, talk: str
) -> None:
    other = CheckpointFacts("HuggingFaceM4/idefics-9b-instruct", context_length=1024)
    desk = make_desk(generator=ScriptedGenerator([], facts=other), session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: desk.notice() != "")
        assert "shapes gave this reply; idefics-9b-instruct, which is loaded, has other tokens." in desk.notice()
        assert desk.app.screen is desk.screen


async def test_while_the_model_replies_no_tokens_are_listed(make_desk: MakeDesk, talk: str) -> None:
    held = HeldGenerator("One two three.")
    desk = make_desk(generator=held, session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Say")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: "The model is at work" in desk.notice())
        held.free()
        await until(pilot, lambda: "ready" in desk.state())
    assert held.weighed == []


async def test_without_a_reply_there_are_no_tokens(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: "There is no reply" in desk.notice())


async def test_what_fails_is_told_and_leaving_stops_it(make_desk: MakeDesk, talk: str) -> None:
    seen: list[threading.Event] = []
    gate = threading.Event()

    class Failing(ScriptedGenerator):
        def weigh(self, prompt, token_ids, stop, alternatives=3):  # type: ignore[no-untyped-def]  # as the port has it
            seen.append(stop)
            gate.wait(20)
            raise GenerationError("the model failed: the device is gone")

    desk = make_desk(generator=Failing(["Yes."], facts=FACTS), session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: seen)
        await pilot.press("escape")
        assert seen[0].is_set()
        gate.set()
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: "the device is gone" in desk.shown())
        await pilot.press("escape")
        await send(pilot, desk, "Still there?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "Yes."))


async def test_the_bundled_checkpoint_is_sure_of_what_it_said(
    make_desk: MakeDesk, shapes: TextGenerator, scene_image: MakeImage
) -> None:
    desk = make_desk(generator=shapes)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await desk.screen.composer.attach([scene_image(1, 2, "one.png")])
        await send(pilot, desk, "How many shapes are there?")
        await until(pilot, lambda: len(desk.turns()) == 2 and "ready" in desk.state())
        await pilot.press("ctrl+t")
        await looked(pilot, desk, "How many shapes")
        talk = view(desk).talk
        assert talk is not None
        # The meter counts what the pane lists.
        await until(pilot, lambda: f" {len(talk.shown.token_ids)} / 1,024" in desk.shown())
        await send(pilot, desk, "/tokens")
        await until(pilot, lambda: len(rows(desk)) > 3)
        assert rows(desk)[-1].startswith("<end_of_utterance>")
        assert "they may differ" not in desk.shown()


def test_a_picture_as_the_model_gets_it_for_whoever_draws_it(shapes: TextGenerator, scene_image: MakeImage) -> None:
    drawn = model_picture(shapes, scene_image(1, 2))
    assert (drawn.width, drawn.height) == (64, 64)
