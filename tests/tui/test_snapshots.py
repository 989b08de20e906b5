"""How the screens look, at the sizes that matter and in both themes of our own."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from chat.conversation import Image, user_turn
from chat.errors import ChatError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, Score, StopReason
from chat.ranking import Ranking
from chat.records import Choice
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.widgets.lines import LinesView
from chat.tui.widgets.message_input import MessageInput
from chat.tui.widgets.picture import PictureView
from chat.tui.widgets.picture_tree import PictureTree
from tests.tui.doubles import FACTS, CountingGenerator, Desk, HeldLoader, at_rest, drawn, ready, saved, send, until

MakeDesk = Callable[..., Desk]
Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 40)]
SHAPES = CheckpointFacts("shapes", is_demonstration=True, context_length=1024)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cursor blinks."""
    monkeypatch.setattr(MessageInput.cursor_blink, "_default", False)


@pytest.fixture
def talk(store: SessionStore, scene_image: Callable[..., Image]) -> str:
    """A conversation of two exchanges, the last one stopped."""
    session_id = store.new_session()
    exchanges = [
        (scene_image(1, 3, "shapes.png"), "What is in the picture?", "A **red** circle.", StopReason.END_OF_UTTERANCE),
        (
            scene_image(2, 2, "corner.png"),
            "And in this one? Which shape is on the left, and how would you describe the two of them to somebody who "
            "cannot see the picture?",
            "The green triangle is on the left, near the top. A purple circle",
            StopReason.CANCELLED,
        ),
    ]
    for image, question, answer, reason in exchanges:
        message = store.add_user_turn(session_id, user_turn(image, question))
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, Reply(answer, (1, 2), reason, 40, 0, None, 0.1, 0.4))
    return session_id


def _before(desk: Desk, theme: str) -> Callable[[Pilot[ChatError]], Awaitable[None]]:
    async def run(pilot: Pilot[ChatError]) -> None:
        desk.app.theme = theme
        await ready(pilot, desk)
        await drawn(pilot, desk)

    return run


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_first_run(
    make_desk: MakeDesk, snap_compare: Compare, scene_image: Callable[..., Image], size: tuple[int, int]
) -> None:
    desk = make_desk(
        generator=ScriptedGenerator([], facts=SHAPES),
        is_demonstration=True,
        samples=lambda: [scene_image(seed, 3, f"sample-{seed}.png") for seed in (1, 2, 3)],
    )

    async def run(pilot: Pilot[ChatError]) -> None:
        await ready(pilot, desk)
        await until(pilot, lambda: desk.screen.composer.draft.images)
        await drawn(pilot, desk)

    assert snap_compare(desk.app, terminal_size=size, run_before=run)


@pytest.mark.parametrize("theme", ["ink", "paper"])
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_conversation(make_desk: MakeDesk, snap_compare: Compare, talk: str, size: tuple[int, int], theme: str) -> None:
    desk = make_desk(session_id=talk)
    assert snap_compare(desk.app, terminal_size=size, run_before=_before(desk, theme))


def test_loading_with_a_message_that_waits(make_desk: MakeDesk, snap_compare: Compare, talk: str) -> None:
    loader = HeldLoader(ScriptedGenerator([], facts=FACTS))
    desk = make_desk(session_id=talk, load=loader, checkpoint="HuggingFaceM4/idefics-9b-instruct")

    async def run(pilot: Pilot[ChatError]) -> None:
        await until(pilot, lambda: "loading 62 %" in desk.state())
        await send(pilot, desk, "And what colour is the background?")
        await until(pilot, lambda: "1 queued" in desk.state())
        await at_rest(pilot, desk)

    assert snap_compare(desk.app, terminal_size=(80, 24), run_before=run)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_labels_that_were_ranked(
    make_desk: MakeDesk, snap_compare: Compare, talk: str, store: SessionStore, size: tuple[int, int]
) -> None:
    likelihoods = (-2.45, -5.28, -0.31, -4.03)
    ranking = Ranking(("circle", "square", "triangle", "star"), tuple(Score(value, 1) for value in likelihoods))
    last = store.turns(talk)[-1].id
    store.add_choice(talk, Choice(last, ranking, FACTS, number=2))
    store.mark_example(store.turns(talk)[2].id, True)
    desk = make_desk(session_id=talk)
    assert snap_compare(desk.app, terminal_size=size, run_before=_before(desk, "ink"))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_sessions_that_were_found(
    make_desk: MakeDesk, snap_compare: Compare, talk: str, store: SessionStore, size: tuple[int, int]
) -> None:
    others = [store.new_session(title=title) for title in ("Hello", "Eval: colours, set B")]
    for session_id, text in zip(others, ("Hello there", "There is no triangle in the picture."), strict=True):
        store.add_user_turn(session_id, user_turn(text))
    store.pin_session(others[1], True)
    desk = make_desk(session_id=talk)

    async def run(pilot: Pilot[ChatError]) -> None:
        await ready(pilot, desk)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "3 sessions" in desk.shown())
        await pilot.press(*"triangle", "down", "down")
        await until(pilot, lambda: "2 of 3 match" in desk.shown())
        if size[0] >= 100:
            await until(pilot, lambda: "The green «triangle»" in desk.shown())
        await at_rest(pilot, desk)

    assert snap_compare(desk.app, terminal_size=size, run_before=run)


def test_tiny(make_desk: MakeDesk, snap_compare: Compare, talk: str) -> None:
    desk = make_desk(session_id=talk)

    async def run(pilot: Pilot[ChatError]) -> None:
        await ready(pilot, desk)
        await at_rest(pilot, desk)

    assert snap_compare(desk.app, terminal_size=(20, 5), run_before=run)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_a_message_that_does_not_fit(
    make_desk: MakeDesk, snap_compare: Compare, talk: str, size: tuple[int, int]
) -> None:
    model = CountingGenerator([], facts=CheckpointFacts("shapes", is_demonstration=True, context_length=100))
    desk = make_desk(generator=model, session_id=talk)

    async def ask(pilot: Pilot[ChatError]) -> None:
        await _before(desk, "ink")(pilot)
        await send(pilot, desk, "Which shape is it?" + " And why?" * 15)
        await until(pilot, lambda: desk.app.screen.query("#ways"))

    assert snap_compare(desk.app, terminal_size=size, run_before=ask)


def test_pictures_to_choose(
    make_desk: MakeDesk,
    snap_compare: Compare,
    scene_image: Callable[..., Image],
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = own_home / "Pictures"
    folder.mkdir()
    for number, name in enumerate(("corner.png", "park.png", "scan.png"), start=1):
        saved(scene_image(number), folder, name)
    (folder / "notes.txt").touch()
    monkeypatch.chdir(folder)
    desk = make_desk(generator=CountingGenerator([], facts=SHAPES))

    async def choose(pilot: Pilot[ChatError]) -> None:
        await _before(desk, "ink")(pilot)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: len(desk.app.screen.query_one(PictureTree).root.children) == 4)
        await pilot.press("tab", "down", "space", "down", "space")
        await until(pilot, lambda: "park.png" in str(desk.app.screen.query_one("#preview-facts", Static).visual))
        await until(pilot, lambda: all(view._lines for view in desk.app.screen.query(PictureView)))

    assert snap_compare(desk.app, terminal_size=(120, 40), run_before=choose)


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "paper"), ((120, 40), "ink")], ids=["80x24", "120x40"])
def test_what_the_model_sees(
    make_desk: MakeDesk, snap_compare: Compare, talk: str, size: tuple[int, int], theme: str
) -> None:
    desk = make_desk(session_id=talk)

    async def run(pilot: Pilot[ChatError]) -> None:
        await _before(desk, theme)(pilot)
        desk.screen.composer.insert("Is <image> a word here?")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "word here?" in desk.screen.query_one("#seen-prompt", LinesView).text)
        await at_rest(pilot, desk)

    assert snap_compare(desk.app, terminal_size=size, run_before=run)
