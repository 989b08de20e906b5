"""Saved conversations are played back on a screen of their own, without a model and without a store."""

from pathlib import Path

from chat.config import Config
from chat.replay.branch import Named, of_transcript
from chat.transcript import Transcript, load_transcript
from chat.tui.replay_app import RecordingsScreen, ReplayApp
from chat.tui.screens.replay import ReplayScreen
from tests.tui.doubles import until

SAMPLES = Path(__file__).parents[2] / "sample_sessions"


def named(*names: str) -> list[Named]:
    return [(name, of_transcript(load_transcript(SAMPLES / name))) for name in names]


def shown(app: ReplayApp) -> str:
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def test_one_is_played_at_once_and_leaving_it_leaves() -> None:
    app = ReplayApp(named("several-turns.json"), speed=100.0, config=Config())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "turn 10 of 10 · 100×" in shown(app))
        assert "v Verify" not in shown(app) and "t Branches" not in shown(app)
        await until(pilot, lambda: "space Play" in shown(app))
        await pilot.press("t")
        await until(pilot, lambda: "This conversation has one branch." in shown(app))
        await pilot.press("v")
        await until(pilot, lambda: "No model is here: `idefics-chat replay --verify`" in shown(app))
        await pilot.press("c")
        await until(pilot, lambda: "`idefics-chat replay --checkpoint NAME`" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value is None


async def test_one_without_a_turn_says_so() -> None:
    app = ReplayApp([("empty.json", of_transcript(Transcript("Nothing")))], speed=1.0, config=Config())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "There is nothing to play back: nothing was said." in shown(app))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_of_several_one_is_chosen_and_keys_go_to_those_beside_it() -> None:
    long = ("long.json", of_transcript(Transcript("A long title " * 30)))
    app = ReplayApp([*named("captioning.json", "several-turns.json"), long], speed=1.0, config=Config())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Several turns about one picture  several-turns.json · 10 turns" in shown(app))
        assert sum("long title" in line for line in shown(app).splitlines()) == 1
        assert "enter Play  esc Leave  f1 Help" in shown(app).splitlines()[-1]
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Replay · Several turns" in shown(app))
        await pilot.press("p")
        await until(pilot, lambda: "Replay · Captions" in shown(app))
        await pilot.press("p")
        await until(pilot, lambda: "This is the first conversation." in shown(app))
        await pilot.press("n")
        await until(pilot, lambda: "Replay · Several turns" in shown(app))
        assert isinstance(app.screen, ReplayScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RecordingsScreen))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)
