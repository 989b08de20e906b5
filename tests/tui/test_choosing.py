"""Labels are ranked in their place among the messages, shown, kept, and are no part of the conversation."""

from collections.abc import Callable

import pytest

from chat.conversation import Image
from chat.errors import GenerationError, StoreError
from chat.generation import Score
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import SqliteStore
from chat.tui.widgets.choice import ChoiceCommand, ChoiceTurn
from tests.tui.doubles import FACTS, Desk, HeldLoader, RankingGenerator, busy, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]
BASIS = "log-likelihood, picture [1] and the whole history · not added to the conversation"
BASIS_AT_FIRST = "log-likelihood, picture [1] before any message · not added to the conversation"


def _last_prompt(model: ScriptedGenerator) -> Prompt:
    return model.scored[-1]


async def test_labels_are_ranked_shown_and_no_part_of_the_conversation(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    model = ScriptedGenerator(["Two cats.", "Yes."], facts=FACTS)
    image = scene_image(1, name="one.png")
    desk = make_desk(generator=model, images=[image])
    async with desk.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is it?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, "/choose triangle |  cat|circle")
        await until(pilot, lambda: BASIS in desk.shown() and desk.state().endswith("ready"))
        lines = [line.strip(" ▎▌│▐") for line in desk.shown().splitlines()]
        assert any("You      /choose triangle | cat | circle" in line for line in lines)
        rows = [line for line in lines if "─" in line and "%" in line]
        assert [row.removeprefix("shapes").split()[0] for row in rows] == ["cat", "circle", "triangle"]
        assert "cat ✓" in " ".join(rows[0].split())
        assert rows[0].endswith("94.6 %  -3.00")
        assert [row.count("━") for row in rows] == [30, 2, 0]
        assert all("✓" not in row and row.count("━") + row.count("─") == 32 for row in rows[1:])
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: len(desk.turns()) == 4)
    assert "choose" not in model.prompts[-1].text
    assert "Classify" not in model.prompts[-1].text
    assert _last_prompt(model).text.startswith(model.prompts[0].text + " Two cats.<end_of_utterance>")
    assert _last_prompt(model).images == (image, image)
    latest = store.latest_session()
    assert latest is not None
    (choice,) = store.choices(latest.id)
    assert choice.ranking.labels == ("triangle", "cat", "circle")
    assert (choice.turn_id, choice.images, choice.number) == (store.turns(latest.id)[1].id, (), 1)


async def test_a_choice_can_be_the_first_thing_and_is_there_when_the_session_is_opened_again(
    make_desk: MakeDesk, store: SessionStore, scene_image: MakeImage
) -> None:
    image = scene_image(1, name="first.png")
    desk = make_desk(images=[image])
    async with desk.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose dog | cats")
        await until(pilot, lambda: BASIS_AT_FIRST in desk.shown())
        assert desk.screen.composer.draft.images == (image,)
        await until(pilot, lambda: store.latest_session())
        assert not store.draft(None)
    latest = store.latest_session()
    assert latest is not None
    (choice,) = store.choices(latest.id)
    assert (choice.turn_id, choice.images[0].read(), choice.images[0].name) == (None, image.read(), "first.png")
    again = make_desk(session_id=latest.id)
    async with again.app.run_test(size=(120, 50)) as pilot:
        await ready(pilot, again)
        await until(pilot, lambda: BASIS_AT_FIRST in again.shown())
        assert "[1] first.png" in again.shown()
        assert again.shown().index("/choose dog | cats") < again.shown().index("dog ✓")
        assert again.screen.composer.draft.images == (image,)
        await send(pilot, again, "What is it?")
        await until(pilot, lambda: len(again.turns()) == 2)
        await until(pilot, lambda: again.state().endswith("ready"))
        assert again.shown().index("not added") < again.shown().rindex("What is it?")


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("", "there are no labels: give two or more"),
        ("cat", "there is one label: give two or more"),
        ("cat | dog | cat", "the label “cat” stands twice: give each once"),
        ("cat | | dog", "label 2 is blank"),
        ("cat | dog\nbird", "/choose takes its labels in one line"),
        ("cat | dog", "There is nothing to choose for: attach a picture first."),
    ],
)
async def test_labels_that_cannot_be_ranked_are_told_in_a_line(make_desk: MakeDesk, argument: str, reason: str) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/choose {argument}")
        await until(pilot, lambda: reason in " ".join(desk.notice().split()))
        assert desk.text() == f"/choose {argument}"
    assert desk.turns() == []


async def test_labels_wait_in_their_place(make_desk: MakeDesk, store: SessionStore) -> None:
    model = RankingGenerator("First.", "Second.")
    model.gate.set()
    loader = HeldLoader(model)
    desk = make_desk(load=loader)
    async with desk.app.run_test(size=(120, 60)) as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        for text in ("One?", "/choose cat | mouse", "Two?"):
            await send(pilot, desk, text)
        await until(pilot, lambda: "3 queued" in desk.state())
        assert store.draft(None).text == "One?\n\n/choose cat | mouse\n\nTwo?"
        loader.gate.set()
        await until(pilot, lambda: len(desk.turns()) == 4 and desk.state().endswith("ready"))
        shown = desk.shown()
        order = [shown.index(text) for text in ("One?", "First.", "/choose cat", "cat ✓", "Two?", "Second.")]
        assert order == sorted(order)
        assert "the whole history · not added" in shown
    latest = store.latest_session()
    assert latest is not None
    assert store.choices(latest.id)[0].turn_id == store.turns(latest.id)[1].id
    assert not store.draft(latest.id)


async def test_escape_stops_the_ranking_and_gives_the_labels_back(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    model = RankingGenerator("Yes.")
    desk = make_desk(generator=model, images=[scene_image(1)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "choosing" in desk.state() and "esc stop" in desk.state())
        assert [turn.is_pending for turn in desk.screen.query(ChoiceTurn)] == [True]
        await send(pilot, desk, "And?")
        await until(pilot, lambda: "1 queued" in desk.state())
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped" in desk.notice())
        assert desk.text() == "/choose cat | mouse"
        await until(pilot, lambda: desk.state().endswith("ready · 1 queued · enter sends"))
        desk.screen.composer.take()
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.state().endswith("ready"))
        assert not desk.screen.query(ChoiceTurn)
        assert not desk.screen.query(ChoiceCommand)


@pytest.mark.parametrize("failure", [GenerationError("out of luck"), RuntimeError("out of luck")])
async def test_a_failure_is_a_line_and_loses_nothing(
    make_desk: MakeDesk, scene_image: MakeImage, failure: Exception
) -> None:
    model = RankingGenerator("Yes.", failure=failure)
    model.gate.set()
    image = scene_image(1)
    desk = make_desk(generator=model, images=[image])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "Not chosen: " in desk.notice() and "out of luck" in desk.notice())
        assert desk.text() == "/choose cat | mouse"
        assert desk.screen.composer.draft.images == (image,)
        assert desk.state().endswith("ready")
        await pilot.press("enter")
        await until(pilot, lambda: BASIS_AT_FIRST in desk.shown())


async def test_a_likelihood_that_is_none_is_a_failure(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    class Broken(RankingGenerator):
        def score(self, prompt: Prompt, texts: object, stop: object) -> tuple[Score, ...]:
            return (Score(float("nan"), 1), Score(-1.0, 1))

    desk = make_desk(generator=Broken(), images=[scene_image(1)])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "no likelihood" in desk.notice())


async def test_a_session_left_while_labels_are_ranked_keeps_them_as_its_draft(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    model = RankingGenerator("Yes.", "No.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        old = desk.screen.session.id
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "choosing" in desk.state())
        # As soon as anything is kept the labels are: the program may die while they are ranked.
        desk.screen.keep_draft()
        assert store.draft(old).text == "/choose cat | mouse"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: desk.screen.session.id is None)
        assert store.draft(old).text == "/choose cat | mouse"
        await send(pilot, desk, "Elsewhere?")
        await until(pilot, lambda: len(desk.turns()) == 2 and desk.turns()[0][1] == "Elsewhere?")
        await until(pilot, lambda: desk.state().endswith("ready"))
    assert old is not None
    assert store.choices(old) == []


async def test_a_session_that_cannot_be_left_goes_on_ranking(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RankingGenerator("Yes.")
    desk = make_desk(generator=model)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: "choosing" in desk.state())
        await write(pilot, desk, "half a thought")
        with monkeypatch.context() as locked:
            locked.setattr(SqliteStore, "save_draft", busy)
            await pilot.press("ctrl+n")
            await until(pilot, lambda: "not saved" in desk.notice())
        model.gate.set()
        await until(pilot, lambda: "cat ✓" in desk.shown())
        assert len(desk.screen.query(ChoiceTurn)) == 1
        assert desk.text() == "half a thought"


async def test_a_sample_that_labels_are_ranked_for_stays_attached(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    sample = scene_image(1, name="sample.png")
    desk = make_desk(is_demonstration=True, samples=lambda: [sample])
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await until(pilot, lambda: desk.screen.composer.draft.images)
        await send(pilot, desk, "/choose cat | mouse")
        await until(pilot, lambda: BASIS_AT_FIRST in desk.shown())
        assert desk.screen.composer.draft.images == (sample,)


async def test_a_store_that_is_busy_gets_the_choice_later(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.screens.keeping.RETRY_S", 0.05)
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "One?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        with monkeypatch.context() as locked:
            locked.setattr(SqliteStore, "add_choice", busy)
            await send(pilot, desk, "/choose cat | mouse")
            await until(pilot, lambda: "it is locked" in desk.state())
            assert "cat ✓" in desk.shown()
        await until(pilot, lambda: desk.state().endswith("ready"))
        latest = store.latest_session()
        assert latest is not None
        assert len(store.choices(latest.id)) == 1


async def test_a_choice_follows_a_reply_that_the_store_took_late(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("out of luck")

    monkeypatch.setattr("chat.tui.screens.keeping.RETRY_S", 0.05)
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr(SqliteStore, "open_reply", refuse)
            await send(pilot, desk, "One?")
            await until(pilot, lambda: "out of luck" in desk.state())
            await send(pilot, desk, "/choose cat | mouse")
            await until(pilot, lambda: "cat ✓" in desk.shown())
        await until(pilot, lambda: desk.state().endswith("ready"))
        latest = store.latest_session()
        assert latest is not None
        (choice,) = store.choices(latest.id)
        assert choice.turn_id == store.turns(latest.id)[1].id
