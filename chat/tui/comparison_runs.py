"""How a recorded branch is answered anew: what runs on a thread beside the UI, and tells a screen by messages alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from textual.message import Message

from chat.errors import ChatError, GenerationError, UsageError, in_one_line
from chat.generation import CheckpointFacts, TextGenerator
from chat.loading import CanBeLost, Loader, LoadProgress
from chat.replay.beside import figures_in_words, of_compared, of_verified, run_in_words
from chat.replay.branch import RecordedBranch
from chat.replay.candidates import Answered as AnsweredStep
from chat.replay.candidates import Candidate, CandidateResult, Loaded, compared
from chat.replay.compare import ComparedTurn, History
from chat.replay.plan import Plan
from chat.replay.recording import Recording
from chat.talk.asked_comparison import AskedComparison
from chat.talk.checkpoint_words import AskedCheckpoint
from chat.talk.offers import AUTO, DTYPES, QUANTIZED, Catalogue, Way
from chat.talk.wording import short_name, size_in_words
from chat.tui.screens.column import Answered, Begun, Failed, Working

Post = Callable[[Message], object]
"""Takes the messages; called on the thread that runs."""
_PRECISIONS: Final = {dtype: precision for precision, dtype in DTYPES.items()}


Verification = Plan[CheckpointFacts | None]
"""Replies that are to be run again, by what gave them; None stands for what is loaded."""


def verification(branch: RecordedBranch, is_loaded: Callable[[CheckpointFacts], bool]) -> Verification:
    """What is to be run again of a branch, and on what.

    Args:
        branch: The replies.
        is_loaded: Whether something that gave replies is loaded already.
    """

    def target(recorded: CheckpointFacts) -> CheckpointFacts | None:
        return None if is_loaded(recorded) else recorded

    return Plan(branch.turns, _why_not, target, system=branch.system, left_out=branch.left_out)


def _why_not(recorded: CheckpointFacts) -> str:
    if recorded.is_remote:
        return "a server gave it, and nothing tells all that it does"
    return "" if recorded.name.strip() else "it is not known which checkpoint gave it"


def verify_on(generator: TextGenerator, plan: Verification, stop: threading.Event, post: Post) -> None:
    """Run again, on the model that is loaded, the replies that it gave."""
    with _told(post, 0):
        _verify(generator, plan, None, stop, post)


def verify_apart(
    catalogue: Catalogue,
    beside: CheckpointFacts | None,
    plan: Verification,
    stop: threading.Event,
    post: Post,
    *,
    is_of_file: bool,
) -> None:
    """Load what gave the other replies, one after the other, run them again, and let go of it.

    Args:
        catalogue: Knows what can be loaded.
        beside: What is loaded, and stays so.
        plan: The replies.
        stop: Ends it.
        post: Is told.
        is_of_file: Whether a file tells what gave them.
    """
    with _told(post, 0):
        for recorded in [target for target in plan.open if target is not None]:
            if stop.is_set():
                return
            post(Working(0, f"looking at {short_name(recorded.name)}"))
            try:
                load = _recorded_loader(catalogue, recorded, beside, is_of_file=is_of_file)
                generator = load(partial(_tell_loading, post, 0), stop)
            except ChatError as error:
                for turn in [] if stop.is_set() else plan.give_up(recorded, str(error)):
                    post(Answered(0, of_verified(turn)))
                continue
            try:
                _verify(generator, plan, recorded, stop, post)
            finally:
                if isinstance(generator, CanBeLost):
                    generator.close()


def compare_apart(
    catalogue: Catalogue,
    asked: AskedComparison,
    beside: CheckpointFacts | None,
    branch: RecordedBranch,
    stop: threading.Event,
    post: Post,
) -> None:
    """Load one checkpoint after the other and have it answer the recorded messages.

    Args:
        catalogue: Knows what can be loaded.
        asked: Which.
        beside: What is loaded, and stays so.
        branch: The messages.
        stop: Ends it.
        post: Is told.
    """
    history = History.FED_FORWARD if asked.is_fed_forward else History.RECORDED
    recording = Recording("", branch.turns, branch.system, branch.title, branch.left_out)
    for place, one in enumerate(asked.checkpoints):
        if stop.is_set():
            return
        with _told(post, place):
            post(Working(place, f"looking at {one.short}"))
            candidate = Candidate(one.label, _loader(catalogue, one, beside))
            tell = partial(_tell_candidate, post, place)
            turns: list[ComparedTurn] = []
            for step in compared([candidate], [recording], stop=stop, history=history, tell=tell):
                match step:
                    case Loaded():
                        post(Begun(place, run_in_words(step.facts)))
                        post(Working(place, _answering(one.short, 0, recording.exchange_count)))
                    case AnsweredStep(what=ComparedTurn() as turn):
                        turns.append(turn)
                        post(Answered(place, of_compared(turn), figures_in_words(turns)))
                        post(Working(place, _answering(one.short, len(turns), recording.exchange_count)))
                    case CandidateResult(problem=problem) if problem:
                        post(Failed(place, problem))


def _verify(
    generator: TextGenerator, plan: Verification, target: CheckpointFacts | None, stop: threading.Event, post: Post
) -> None:
    post(Begun(0, run_in_words(generator.facts)))
    post(_verifying(plan))
    for verified in plan.run(target, generator, stop):
        post(Answered(0, of_verified(verified, generator.facts)))
        post(_verifying(plan))


def _verifying(plan: Verification) -> Working:
    return Working(0, f"verifying · {len(plan.turns):,} of {plan.count:,}")


def _answering(name: str, done: int, count: int) -> str:
    return f"answers · {done:,} of {count:,} · {name}"


def _tell_loading(post: Post, place: int, progress: LoadProgress) -> None:
    if progress.stage:
        percent = "" if progress.fraction is None else f" · {100 * progress.fraction:.0f} %"
        post(Working(place, f"loading · {progress.stage}{percent}"))


def _tell_candidate(post: Post, place: int, _: Candidate, progress: LoadProgress) -> None:
    _tell_loading(post, place, progress)


def _loader(catalogue: Catalogue, asked: AskedCheckpoint, beside: CheckpointFacts | None) -> Loader:
    """What loads a checkpoint beside the one that is loaded; raises ChatError where that cannot be."""
    if asked.is_on_server:
        return catalogue.loader(asked.name, AUTO, asked.options)
    offer = catalogue.examine(asked.name, beside, asks_hub=True, options=asked.options)
    way = asked.way(offer)
    if way is None:
        wanted = " or ".join(asked.precisions)
        raise UsageError(f"{short_name(asked.name)} cannot be loaded as {wanted}: choose another precision")
    _check_memory(way, asked.name, beside)
    return catalogue.loader(offer.name, way.precision, asked.options)


def _recorded_loader(
    catalogue: Catalogue, recorded: CheckpointFacts, beside: CheckpointFacts | None, *, is_of_file: bool
) -> Loader:
    """What loads a recorded checkpoint beside the one that is loaded; raises ChatError where that cannot be."""
    load = catalogue.recorded_loader(recorded, is_of_file=is_of_file)
    way = catalogue.examine(recorded.name, beside, asks_hub=not is_of_file).way(_precision(recorded))
    if way is not None:
        _check_memory(way, recorded.name, beside)
    return load


def _check_memory(way: Way, name: str, beside: CheckpointFacts | None) -> None:
    """Raise UsageError where there is no memory for a checkpoint beside the one that is loaded."""
    if not way.device or not way.fits_beside:
        other = f" beside {beside.short_name}" if beside is not None and way.device else ""
        raise UsageError(f"there is no memory for {short_name(name)}{other}: it takes {size_in_words(way.memory)}")


def _precision(facts: CheckpointFacts) -> str:
    if facts.quantization in QUANTIZED:
        return facts.quantization
    return _PRECISIONS.get(facts.dtype, AUTO)


@contextmanager
def _told(post: Post, place: int) -> Iterator[None]:
    """Tell what fails."""
    try:
        yield
    except ChatError as error:
        post(Failed(place, str(error)))
    except Exception as error:
        # Whatever torch or a checkpoint's files raise ends here: a thread that died would leave the UI waiting.
        post(Failed(place, str(GenerationError(in_one_line(error)))))
