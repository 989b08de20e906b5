"""How recorded conversations are answered anew: run again on what gave them, or asked of other checkpoints."""

import threading
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from chat.errors import UsageError
from chat.generation import CheckpointFacts
from chat.talk.commands import Call
from chat.talk.wording import short_name
from chat.tui.screens.changing import ChangingScreen
from chat.tui.screens.replaying import ReplayingScreen

# Imported with the first comparison: the first frame does without.
if TYPE_CHECKING:
    from chat.replay.branch import RecordedBranch
    from chat.talk.asked_comparison import AskedComparison
    from chat.tui.comparison_runs import Verification
    from chat.tui.screens.checkpoints import Chosen
    from chat.tui.screens.comparison import ComparisonScreen
    from chat.tui.screens.replay import Comparer


class ComparisonEnded(Message):
    """The model is free again."""

    def __init__(self, screen: "ComparisonScreen", rest: "partial[None] | None" = None) -> None:
        super().__init__()
        self.screen = screen
        self.rest = rest
        """What is still to be run, with other models."""


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
        from chat.talk.asked_comparison import AskedComparison
        from chat.talk.checkpoint_words import AskedCheckpoint
        from chat.tui.screens.checkpoints import CheckpointsScreen

        async def compare(chosen: "Chosen | None") -> None:
            if chosen is not None:
                asked = AskedCheckpoint.chosen(chosen.offer.name, chosen.precision)
                await self._compare(branch, AskedComparison((asked,), is_fed_forward))

        self.app.push_screen(CheckpointsScreen(self.catalogue, self.facts), compare)

    async def _compare(self, branch: "RecordedBranch", asked: "AskedComparison") -> None:
        from chat.talk.offers import AUTO
        from chat.tui.comparison_runs import compare_apart

        catalogue = self.catalogue
        for one in asked.checkpoints:
            # What is wrong with an option is told before anything is shown.
            catalogue.loader(one.name, AUTO, one.options)
        screen, stop = await self._show_comparison(branch, [one.label for one in asked.checkpoints])
        self._run_beside(
            screen, partial(compare_apart, catalogue, asked, self.facts, branch, stop, screen.post_message)
        )

    async def verify_branch(self, branch: "RecordedBranch") -> str:
        """Run the recorded replies again, each on what gave it; gives why not, or nothing."""
        from chat.replay.beside import of_verified
        from chat.tui.comparison_runs import verification, verify_apart, verify_on
        from chat.tui.screens.column import Answered

        generator, model, facts = self._generator, self._model, self.facts
        is_ready = generator is not None and model is not None
        plan = verification(branch, lambda recorded: is_ready and self._has(recorded))
        if reason := self._why_not_verified(plan):
            return reason
        try:
            catalogue = self.catalogue if plan.open.keys() - {None} else None
        except UsageError as error:
            return str(error)
        screen, stop = await self._show_comparison(branch, ["now"])
        post, rest = screen.post_message, None
        for turn in plan.turns:
            post(Answered(0, of_verified(turn)))
        if catalogue is not None:
            rest = partial(verify_apart, catalogue, facts, plan, stop, post, is_of_file=branch.is_of_file)
        if generator is not None and model is not None and None in plan.open:
            run = partial(verify_on, generator, plan, stop, post)

            def job() -> ComparisonEnded:
                run()
                return ComparisonEnded(screen, rest)

            model.ask(job)
        elif rest is not None:
            self._run_beside(screen, rest)
        return ""

    def _why_not_verified(self, plan: "Verification") -> str:
        """Why nothing can be run again, in words; empty where something can."""
        if not plan.open:
            if not plan.count:
                return "There is no reply here that could be run again."
            if any(turn.reply.generation and turn.reply.generation.facts.is_remote for turn in plan.turns):
                return "A server gave these replies, and nothing tells all that it does: c compares them instead."
            return "Nothing tells what gave these replies: there is nothing to run again."
        if self.is_loading and any(one.name == self._checkpoint for one in plan.open if one is not None):
            return f"{short_name(self._checkpoint)} is being loaded: verify when it is ready."
        if self.is_working and None in plan.open:
            return "The model is at work: verify when it has ended."
        return ""

    def _has(self, recorded: CheckpointFacts) -> bool:
        """Whether what gave recorded replies is loaded, however it was loaded then, or is all that there can be."""
        is_it = self.facts is not None and self.facts.is_of_machine(recorded.name)
        return is_it or self.open_catalogue is None

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

        if message.rest is not None:
            self._run_beside(message.screen, message.rest)
        else:
            message.screen.post_message(Ended())
        self.prefill_draft()
