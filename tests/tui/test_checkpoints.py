"""Another checkpoint is chosen while the program runs; what it takes is said before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from textual.widgets import DataTable, Input, Static

from chat.errors import ChatError, CheckpointError
from chat.generation import CheckpointFacts
from chat.loading import Loader
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.talk.offers import NOTHING_SAID, Offer, Place, Way
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, load, ready, send, until
from tests.tui.test_losing import Losable

MakeDesk = Callable[..., Desk]

OTHER = CheckpointFacts("org/other", dtype="bfloat16", context_length=2048)

FITS = Way("bf16", 2 * 10**9, 10**9, 10**6, 10**7, 2048, "cpu", 2048, is_spread=False, short=0, fits_beside=True)


class Shelf:
    """A catalogue of what a test puts in; everything can be asked for, and nothing else."""

    def __init__(self, *offers: Offer, loader: Loader | None = None) -> None:
        self._offers = {offer.name: offer for offer in offers}
        self._loader = loader or load(ScriptedGenerator(["From the other."] * 3, facts=OTHER))
        self.asked: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        self.options: list[Mapping[str, str]] = []
        self.recorded: list[CheckpointFacts] = []
        self.hub: dict[str, Offer | ChatError] = {}

    def machine(self) -> str:
        return "2 processors · 8.0 GB free · no accelerator"

    def offers(self, loaded: CheckpointFacts | None) -> Sequence[Offer]:
        return list(self._offers.values())

    def examine(
        self,
        name: str,
        loaded: CheckpointFacts | None,
        *,
        asks_hub: bool,
        options: Mapping[str, str] = NOTHING_SAID,
    ) -> Offer:
        self.asked.append(name)
        found = self.hub.get(name) or self._offers.get(name) or CheckpointError(f"{name} is no folder")
        if isinstance(found, ChatError):
            raise found
        return found

    def loader(self, name: str, precision: str, options: Mapping[str, str] = NOTHING_SAID) -> Loader:
        self.loaded.append((name, precision))
        self.options.append(options)
        return self._loader

    def recorded_loader(self, recorded: CheckpointFacts, *, is_of_file: bool) -> Loader:
        self.recorded.append(recorded)
        return self._loader


def other(*, beside: bool = True, device: str = "cpu") -> Offer:
    way = replace(FITS, fits_beside=beside, device=device, short=0 if device else 10**9)
    exact = replace(way, precision="fp32", weights=4 * 10**9)
    return Offer("org/other", Place.CACHED, 2 * 10**9, ways=(exact, way), best="bf16" if device else "")


def shown(desk: Desk) -> str:
    """What is said of the row under the cursor."""
    return str(desk.app.screen.query_one("#about-row", Static).visual)


async def test_a_checkpoint_is_chosen_from_the_table(make_desk: MakeDesk, store: SessionStore) -> None:
    shelf = Shelf(Offer("shapes", Place.BUNDLED, 10**7, ways=(replace(FITS, precision="fp32"),), best="fp32"), other())
    desk = make_desk("One.", "Two.", catalogue=lambda: shelf)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "8.0 GB free" in desk.shown())
        assert "▸ shapes" in desk.shown()
        assert "2.0 GB" in desk.shown()
        await pilot.press("down")
        await until(pilot, lambda: shown(desk) == "org/other: 3.0 GB on cpu, yes")
        await pilot.press("i")
        await until(pilot, lambda: "1.0 GB a conversation of 2,048 tokens" in shown(desk))
        await pilot.press("i", "space")
        await until(pilot, lambda: shown(desk) == "org/other: 5.0 GB on cpu, yes")
        await pilot.press("enter")
        await until(pilot, lambda: desk.screen.facts == OTHER)
        assert shelf.loaded == [("org/other", "fp32")]
        assert "other takes about 5.0 GB of memory as fp32" in desk.notice()
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: len(desk.turns()) == 4)
    latest = store.latest_session()
    assert latest is not None
    turns = store.turns(latest.id)
    given = [turn.generation.facts.name for turn in turns if turn.generation is not None]
    assert given == ["shapes", "org/other"]


async def test_the_old_one_answers_until_the_new_one_is_ready(make_desk: MakeDesk) -> None:
    old, loader = Losable("One.", "Two."), HeldLoader(ScriptedGenerator(["From the other."], facts=OTHER))
    old.free()
    desk = make_desk(generator=old, catalogue=lambda: Shelf(other(), loader=loader))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: "shapes answers until it is ready" in desk.notice())
        assert "loading 62 %" in desk.state()
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: desk.turns() == [("user", "Hello"), ("assistant", "One.")])
        assert not old.is_closed
        loader.gate.set()
        await until(pilot, lambda: desk.screen.facts == OTHER)
        await until(pilot, lambda: old.is_closed)
        assert "ready" in desk.state()


async def test_a_reply_that_is_being_written_ends_before_its_model_is_let_go_of(make_desk: MakeDesk) -> None:
    old = Losable("One two three.")
    desk = make_desk(generator=old, catalogue=lambda: Shelf(other()))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: desk.screen.facts == OTHER)
        assert not old.is_closed
        old.free()
        await until(pilot, lambda: desk.turns() == [("user", "Hello"), ("assistant", "One two three.")])
        await until(pilot, lambda: old.is_closed)
        await send(pilot, desk, "And now?")
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "From the other."))


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_where_both_do_not_fit_the_old_one_goes_first_and_returns(
    make_desk: MakeDesk, is_cancelled: bool
) -> None:
    old = Losable("One.")
    loader = HeldLoader(ScriptedGenerator([], facts=OTHER), CheckpointError("needs 18.1 GB, 11.8 GB free"))
    desk = make_desk(generator=old, catalogue=lambda: Shelf(other(beside=False), loader=loader))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: old.is_closed)
        assert "there is no memory for both: shapes was let go of" in desk.notice()
        assert desk.screen.facts is None
        if is_cancelled:
            await pilot.press("escape")
        else:
            loader.gate.set()
        await until(pilot, lambda: desk.screen.facts == FACTS)
        why = "other was not loaded" if is_cancelled else "Could not load other: needs 18.1 GB, 11.8 GB free"
        assert f"{why} · shapes is loaded again" in desk.notice()
        assert "ready" in desk.state()


async def test_a_loading_that_is_cancelled_leaves_the_old_one(make_desk: MakeDesk) -> None:
    loader = HeldLoader(ScriptedGenerator([], facts=OTHER))
    desk = make_desk(catalogue=lambda: Shelf(other(), loader=loader))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: "other is being loaded: esc cancels it first." in desk.notice())
        desk.screen.composer.query_one("#message").text = ""  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: "other was not loaded · shapes stays" in desk.notice())
        assert desk.screen.facts == FACTS
        assert "ready" in desk.state()


async def test_what_does_not_fit_is_refused_until_it_is_asked_for_again(make_desk: MakeDesk) -> None:
    shelf = Shelf(other(beside=False, device=""))
    desk = make_desk(catalogue=lambda: shelf)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/checkpoint org/other bf16")
        await until(
            pilot, lambda: "other does not fit: as bf16 it takes 3.0 GB, 1.0 GB more than is free" in desk.notice()
        )
        assert shelf.loaded == []
        await send(pilot, desk, "/checkpoint org/other bf16")
        await until(pilot, lambda: desk.screen.facts == OTHER)
        assert shelf.loaded == [("org/other", "bf16")]


async def test_nothing_is_let_go_of_while_it_replies(make_desk: MakeDesk) -> None:
    desk = make_desk(generator=HeldGenerator("One two."), catalogue=lambda: Shelf(other(beside=False)))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: "There is no memory for both: stop the reply (esc), or wait" in desk.notice())
        assert desk.screen.session.is_replying


async def test_the_hub_is_asked_when_somebody_asks(make_desk: MakeDesk) -> None:
    far = Offer("org/far", Place.REMOTE, 18 * 10**9, is_about=True)
    shelf = Shelf(far)
    shelf.hub["org/far"] = replace(far, ways=(FITS,), best="bf16", is_about=False)
    desk = make_desk(catalogue=lambda: shelf)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+l")
        await until(
            pilot, lambda: shown(desk) == "org/far: ~18.0 GB to fetch · enter asks the hub what it takes of memory"
        )
        assert shelf.asked == []
        await pilot.press("enter")
        await until(pilot, lambda: shown(desk) == "org/far: 3.0 GB on cpu, yes · 18.0 GB to fetch")
        await pilot.press("enter")
        await until(pilot, lambda: desk.screen.facts == OTHER)


async def test_another_name_is_typed(make_desk: MakeDesk) -> None:
    shelf = Shelf(other())
    shelf.hub["some/folder"] = replace(other(), name="some/folder", place=Place.FOLDER)
    desk = make_desk(catalogue=lambda: shelf)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "8.0 GB free" in desk.shown())
        await pilot.press("tab", *"no/where", "enter")
        await until(pilot, lambda: shown(desk) == "✕ no/where is no folder")
        desk.app.screen.query_one("#other", Input).value = "some/folder"
        await pilot.press("enter")
        await until(pilot, lambda: shown(desk) == "some/folder: 3.0 GB on cpu, yes")
        assert desk.app.screen.focused is desk.app.screen.query_one(DataTable)
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert shelf.loaded == []


async def test_a_damaged_checkpoint_says_what_is_wrong(make_desk: MakeDesk) -> None:
    shelf = Shelf(Offer("org/odd\x1b[31m", Place.CACHED, problem="model.safetensors is cut off: copy it again"))
    desk = make_desk(catalogue=lambda: shelf)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "model.safetensors is cut off" in desk.shown())
        assert "odd␛[31m" in desk.shown()
        assert "cannot load" in desk.shown()
        await pilot.press("enter")
        await until(pilot, lambda: shown(desk) == "✕ model.safetensors is cut off: copy it again")


async def test_a_program_without_other_checkpoints_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "There is no other checkpoint here." in desk.notice())


async def test_the_welcome_tells_what_there_is_to_talk_with(make_desk: MakeDesk) -> None:
    shelf = Shelf(other())
    desk = make_desk(catalogue=lambda: shelf, is_demonstration=True)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert "ctrl+l see sizes and what fits this machine" in desk.shown()
        await send(pilot, desk, "/checkpoint org/other")
        await until(pilot, lambda: desk.screen.facts == OTHER)
        await until(pilot, lambda: "see sizes" not in desk.shown() and "demonstration" not in desk.shown())
