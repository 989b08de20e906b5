"""The line at the top: what it says of the checkpoint."""

from collections.abc import Callable

from textual.widgets import Static

from chat.generation import CheckpointFacts
from chat.scripted import ScriptedGenerator
from tests.tui.doubles import Desk, HeldLoader, ready, send, until

DEMONSTRATION = CheckpointFacts("shapes", device="cuda", dtype="bfloat16", is_demonstration=True)


def _checkpoint(desk: Desk) -> str:
    return str(desk.screen.query_one("#checkpoint", Static).visual)


async def test_the_demonstration_is_called_so_until_a_conversation_begins_and_its_device_is_always_named(
    make_desk: Callable[..., Desk],
) -> None:
    loader = HeldLoader(ScriptedGenerator(["Hello."], facts=DEMONSTRATION))
    desk = make_desk(load=loader, is_demonstration=True)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: _checkpoint(desk) == "◌ shapes demonstration")
        loader.gate.set()
        await ready(pilot, desk)
        assert _checkpoint(desk) == "● shapes demonstration · cuda · bf16"
        await send(pilot, desk, "Hi")
        await until(pilot, lambda: len(desk.turns()) == 2)
        assert _checkpoint(desk) == "● shapes · cuda · bf16"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _checkpoint(desk) == "● shapes demonstration · cuda · bf16")


async def test_another_checkpoint_is_named_with_its_device(make_desk: Callable[..., Desk]) -> None:
    facts = CheckpointFacts("HuggingFaceM4/idefics-9b-instruct", device="cuda", quantization="4bit")
    desk = make_desk(generator=ScriptedGenerator([], facts=facts))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert _checkpoint(desk) == "● idefics-9b-instruct · cuda · 4bit"
