"""How recorded conversations are answered anew: run again on what gave them, or asked of other checkpoints."""

import threading
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from chat.conversation import Role
from chat.errors import UsageError
from chat.generation import CheckpointFacts
from chat.talk.commands import Call
from chat.tui.screens.changing import ChangingScreen
from chat.tui.screens.replaying import ReplayingScreen

# Imported with the first comparison: the first frame does without.
if TYPE_CHECKING:
    from chat.replay.branch import RecordedBranch
    from chat.talk.asked_comparison import AskedComparison
    from chat.tui.screens.checkpoints import Chosen
    from chat.tui.screens.comparison import ComparisonScreen
    from chat.tui.screens.replay import Comparer


class ComparisonEnded(Message):
    """The model is free again."""

    def __init__(self, screen: "ComparisonScreen") -> None:
        super().__init__()
        self.screen = screen


class ComparingScreen(ChangingScreen, ReplayingScreen):
    """Has a model answer, and shows its answers as they come on a screen of their own."""

    @property
    def comparer(self) -> "Comparer | None":
        """Has what is played back answered anew."""
        return self

    async def command_compare(self, call: Call) -> None:
        """Have other checkpoints answer the messages of the open conversation."""
        from chat.talk.asked_comparison import asked_comparison

        branch = self.shown_branch()
        asked = asked_comparison(call.argument)
        if asked.checkpoints:
            await self._compare(branch, asked)
        else:
            self._choose_other(branch, is_fed_forward=asked.is_fed_forward)

    async def compare_branch(self, branch: "RecordedBranch") -> str:
        """Ask which checkpoint is to answer the recorded messages; gives why none can, or nothing."""
        try:
            self._choose_other(branch, is_fed_forward=False)
        except UsageError as error:
            return str(error)
        return ""

    def _choose_other(self, branch: "RecordedBranch", *, is_fed_forward: bool) -> None:
        from chat.talk.asked_comparison import AskedCheckpoint, AskedComparison
        from chat.tui.screens.checkpoints import CheckpointsScreen

        async def compare(chosen: "Chosen | None") -> None:
            if chosen is not None:
                asked = AskedCheckpoint(chosen.offer.name, chosen.precision)
                await self._compare(branch, AskedComparison((asked,), is_fed_forward))

        self.app.push_screen(CheckpointsScreen(self.catalogue, self.facts), compare)

    async def _compare(self, branch: "RecordedBranch", asked: "AskedComparison") -> None:
        from chat.tui.comparison_runs import compare_apart

        screen, stop = await self._show_comparison(branch, [one.label for one in asked.checkpoints])
        self._run_beside(
            screen, partial(compare_apart, self.catalogue, asked, self.facts, branch, stop, screen.post_message)
        )

    async def verify_branch(self, branch: "RecordedBranch") -> str:
        """Run the recorded replies again, on what is loaded where that gave them; gives why not, or nothing."""
        recorded = _recorded_facts(branch)
        if recorded is None:
            return "Nothing tells what gave these replies: there is nothing to run again."
        if self.is_loading and self._checkpoint == recorded.name:
            return f"{recorded.short_name} is being loaded: verify when it is ready."
        if recorded.is_remote:
            return "A server gave these replies, and nothing tells all that it does: c compares them instead."
        generator, model = self._generator, self._model
        if generator is None or model is None or not self._has(recorded):
            return await self._verify_apart(branch, recorded)
        if self.is_working:
            return "The model is at work: verify when it has ended."
        from chat.tui.comparison_runs import verify_on

        screen, stop = await self._show_comparison(branch, ["now"])
        run = partial(verify_on, generator, branch, stop, screen.post_message)

        def job() -> ComparisonEnded:
            run()
            return ComparisonEnded(screen)

        model.ask(job)
        return ""

    def _has(self, recorded: CheckpointFacts) -> bool:
        """Whether what gave recorded replies is loaded, however it was loaded then, or is all that there can be."""
        is_it = self.facts is not None and self.facts.is_of_machine(recorded.name)
        return is_it or self.open_catalogue is None

    async def _verify_apart(self, branch: "RecordedBranch", recorded: CheckpointFacts) -> str:
        from chat.tui.comparison_runs import verify_apart

        try:
            catalogue = self.catalogue
        except UsageError as error:
            return str(error)
        screen, stop = await self._show_comparison(branch, ["now"])
        self._run_beside(
            screen, partial(verify_apart, catalogue, recorded, self.facts, branch, stop, screen.post_message)
        )
        return ""

    async def _show_comparison(
        self, branch: "RecordedBranch", names: list[str]
    ) -> "tuple[ComparisonScreen, threading.Event]":
        from chat.tui.screens.comparison import ComparisonScreen

        stop = threading.Event()
        screen = ComparisonScreen(branch, names, stop)
        # Before anything is asked: an answer may come before the screen is there.
        await self.app.push_screen(screen)
        return screen, stop

    def _run_beside(self, screen: "ComparisonScreen", run: "partial[None]") -> None:
        """Run it on a thread of its own, with a model of its own: the one that is loaded stays free."""

        def job() -> None:
            run()
            self.post_message(ComparisonEnded(screen))

        # No worker, for which the program would wait when it ends.
        threading.Thread(target=job, name="comparison", daemon=True).start()

    @on(ComparisonEnded)
    def _end_comparison(self, message: ComparisonEnded) -> None:
        from chat.tui.screens.column import Ended

        message.screen.post_message(Ended())
        self.prefill_draft()


def _recorded_facts(branch: "RecordedBranch") -> CheckpointFacts | None:
    """What gave the last reply of which that is known."""
    replies = [stored for stored in branch.turns if stored.turn.role is Role.ASSISTANT and stored.generation]
    known = [stored.generation.facts for stored in replies if stored.generation and stored.generation.facts.name]
    return known[-1] if known else None
