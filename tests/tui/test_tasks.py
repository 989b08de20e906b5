"""Captions, stories, one question for each picture, examples, and recipes made of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from chat.conversation import Image
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import SqliteStore
from tests.tui.doubles import FACTS, Desk, Gates, HeldGenerator, HeldLoader, busy, ready, saved, send, until

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/caption", "Write a caption for this image."),
        ("/caption This is an image of", "Write a caption for this image."),
        ("/story", "Use the image to write a story."),
    ],
)
async def test_a_task_is_a_message_with_the_attached_picture(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage, command: str, message: str
) -> None:
    image = scene_image(1)
    desk = make_desk(images=[image])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for number in (2, 4):
            await send(pilot, desk, command)
            await until(pilot, lambda number=number: len(desk.turns()) == number)  # type: ignore[misc]
    assert [text for role, text in desk.turns() if role == "user"] == [message, message]
    latest = store.latest_session()
    assert latest is not None
    # The second time it is about the picture of the first.
    assert [stored.turn.images for stored in store.turns(latest.id)] == [(image,), (), (), ()]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/caption", "/caption is about a picture: attach one first."),
        ("/story", "/story is about a picture: attach one first."),
        ("/each What is it?", "/each asks about the attached pictures: attach some first."),
        ("/each", "/each needs the words to send with every picture."),
        ("/example", "there is no exchange with a reply yet: ask something first"),
        ("/example x", "/example takes the number of an exchange, from 1: /example 2"),
        ("/recipe", "/recipe needs a file: /recipe FILE.toml"),
        ("/recipe x.toml", "there is no exchange about a picture yet: ask something first"),
        ("/fewshot", "/fewshot needs a file: /fewshot FILE.toml"),
        ("/fewshot ~nobody-here/x.toml", "~nobody-here/x.toml: "),
    ],
)
async def test_what_cannot_be_done_is_told_and_stays(make_desk: MakeDesk, command: str, reason: str) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, command)
        await until(pilot, lambda: reason in desk.notice())
        assert desk.text().strip() == command
    assert desk.turns() == []


async def test_a_picture_that_is_being_read_is_waited_for(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates
) -> None:
    path = saved(scene_image(1), tmp_path, "slow.png")
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        desk.screen.attach_paths([path])
        for command in ("/caption", "/each What?", "/choose cat | dog"):
            await send(pilot, desk, command)
            await until(pilot, lambda: "still being read" in desk.notice())
            assert desk.text().strip() == command
            desk.screen.composer.take()
        gates.let("slow.png")
        await until(pilot, lambda: desk.screen.composer.draft.images)


async def test_the_questions_of_all_pictures_wait_in_the_session_they_were_asked_in(
    make_desk: MakeDesk, scene_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HeldGenerator()
    desk = make_desk(load=HeldLoader(model), images=[scene_image(1), scene_image(2), scene_image(3)])
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: len(desk.screen.composer.draft.images) == 3)
        seen: list[int] = []
        number_from = desk.screen.composer.number_from

        async def look(number: int) -> None:
            # Here others come in: keys, and what opens another session.
            seen.append(len(desk.screen.session.waiting))
            await number_from(number)

        monkeypatch.setattr(desk.screen.composer, "number_from", look)
        await send(pilot, desk, "/each What is it?")
        await until(pilot, lambda: seen)
    assert seen[0] == 3


async def test_each_picture_is_asked_about_by_itself(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    loader = HeldLoader(ScriptedGenerator(["One.", "Two.", "Three."], facts=FACTS))
    images = [scene_image(seed) for seed in (1, 2, 3)]
    desk = make_desk(load=loader, images=images)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "/each What is it?")
        await until(pilot, lambda: "3 queued" in desk.state())
        assert not desk.screen.composer.draft
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 6)
    latest = store.latest_session()
    assert latest is not None
    turns = store.turns(latest.id)
    assert [stored.turn.images for stored in turns[::2]] == [(image,) for image in images]
    assert [stored.turn.text for stored in turns] == [
        "What is it?",
        "One.",
        "What is it?",
        "Two.",
        "What is it?",
        "Three.",
    ]


async def test_an_example_is_marked_shown_kept_and_unmarked(make_desk: MakeDesk, store: SessionStore) -> None:
    desk = make_desk("One.", "Two.")
    async with desk.app.run_test(size=(100, 40)) as pilot:
        await ready(pilot, desk)
        for number, text in enumerate(("First?", "Second?"), start=1):
            await send(pilot, desk, text)
            await until(pilot, lambda number=number: len(desk.turns()) == 2 * number)  # type: ignore[misc]
        await until(pilot, lambda: desk.state().endswith("ready"))
        await send(pilot, desk, "/example")
        await until(pilot, lambda: "“Second?” is marked as an example · 1 example" in desk.notice())
        await until(pilot, lambda: _gutters(desk) == ["You", "You\nexample"])
        await send(pilot, desk, "/example 1")
        await until(pilot, lambda: "2 examples" in desk.notice())
        await send(pilot, desk, "/example 2")
        await until(pilot, lambda: "“Second?” is no example any more · 1 example" in desk.notice())
        await send(pilot, desk, "/example 3")
        await until(pilot, lambda: "there is no exchange 3: give a number from 1 to 2" in desk.notice())
    latest = store.latest_session()
    assert latest is not None
    assert [stored.turn.text for stored in store.examples(latest.id)] == ["First?", "One."]
    again = make_desk(session_id=latest.id)
    async with again.app.run_test(size=(100, 40)) as pilot:
        await ready(pilot, again)
        await until(pilot, lambda: _gutters(again) == ["You\nexample", "You"])


def _gutters(desk: Desk) -> list[str]:
    gutters = desk.screen.log_view.query("UserTurn .gutter").results(Static)
    return [str(gutter.visual) for gutter in gutters]


async def test_the_reply_being_written_is_no_example_yet(make_desk: MakeDesk) -> None:
    model = HeldGenerator("One.", "Two words.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(100, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "First?")
        model.let(1)
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        await send(pilot, desk, "Second?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await send(pilot, desk, "/example 2")
        await until(pilot, lambda: "exchange 2 has no reply" in desk.notice())
        desk.screen.composer.take()
        await send(pilot, desk, "/example")
        await until(pilot, lambda: "“First?” is marked" in desk.notice())
        model.free()


async def test_a_mark_that_cannot_be_saved_is_not_shown(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(100, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "First?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        monkeypatch.setattr(SqliteStore, "mark_example", busy)
        await send(pilot, desk, "/example")
        await until(pilot, lambda: "it is locked" in desk.notice())
        assert not any(stored.is_example for stored in desk.screen.session.turns)


async def test_a_recipe_is_written_and_a_conversation_begins_with_it(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage, tmp_path: Path
) -> None:
    model = ScriptedGenerator(["One.", "Two.", "Words.", "Three."], facts=FACTS)
    first, second = scene_image(1), scene_image(2)
    desk = make_desk(generator=model, images=[first])
    path = tmp_path / "my recipe.toml"
    async with desk.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is it?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await desk.screen.composer.attach([second])
        await send(pilot, desk, "And this?")
        await until(pilot, lambda: len(desk.turns()) == 4)
        await send(pilot, desk, "Thank you")
        await until(pilot, lambda: len(desk.turns()) == 6 and desk.state().endswith("ready"))
        await send(pilot, desk, f"/recipe {path}")
        await until(pilot, lambda: "2 examples in" in desk.notice() and path.exists())
        assert "none was marked: all 2 exchanges with a picture" in desk.notice()
        await send(pilot, desk, f"/recipe {path}")
        await until(pilot, lambda: "No recipe was written" in desk.notice() and "exists already" in desk.notice())
        await send(pilot, desk, "/example 2")
        await until(pilot, lambda: "1 example" in desk.notice())
        await send(pilot, desk, f"/recipe {tmp_path / 'one.toml'}")
        await until(pilot, lambda: "1 example in" in desk.notice())
        assert "none was marked" not in desk.notice()
        await send(pilot, desk, f"/recipe {tmp_path / 'nofolder' / 'x.toml'}")
        await until(pilot, lambda: f"{tmp_path / 'nofolder'}: there is no such folder" in desk.notice())
        old = desk.screen.session.id
        await send(pilot, desk, f"/fewshot {path}")
        await until(pilot, lambda: desk.screen.session.id != old and "2 examples before" in desk.notice())
        assert desk.text() == "And this?"
        assert desk.said() == ["What is it?", "One.", "And this?", "Two."]
        assert _gutters(desk) == ["You\nexample"] * 2
        await desk.screen.composer.attach([first])
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 6 and desk.state().endswith("ready"))
    assert model.prompts[-1].images == (first, second, first)
    latest = store.latest_session()
    assert latest is not None
    assert [stored.turn.text for stored in store.examples(latest.id)] == ["What is it?", "One.", "And this?", "Two."]
    assert latest.title == "my recipe: And this?"
    assert (tmp_path / "one.toml").read_text().count("[[examples]]") == 1


async def test_commands_are_not_counted_as_what_the_model_sees(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    counted: list[str] = []

    class Counting(ScriptedGenerator):
        def count_tokens(self, prompt: Prompt) -> int:
            counted.append(prompt.text)
            return super().count_tokens(prompt)

    desk = make_desk(generator=Counting(["One."], facts=FACTS), images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ("What is it?", "/choose a cat | a dog", "/"):
            desk.screen.composer._input.text = text
            await pilot.pause()
            counted.clear()
            desk.screen.count_context()
            await until(pilot, lambda: counted)
            assert "<image>" in counted[-1]
            assert ("is it?" in counted[-1]) == (not text.startswith("/"))
            assert "choose" not in counted[-1]
            assert "/" not in counted[-1].replace("</", "")


async def test_a_recipe_that_cannot_be_read_says_so_and_nothing_is_begun(
    make_desk: MakeDesk, store: SessionStore, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('text = "x"\n[[examples]]\nimage = "gone.png"\nanswer = "y"\n')
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/fewshot {tmp_path / 'bad.toml'}")
        await until(pilot, lambda: "line 3" in " ".join(desk.notice().split()))
        assert desk.text() == f"/fewshot {tmp_path / 'bad.toml'}"
    assert store.sessions() == []
