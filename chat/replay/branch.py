"""A saved conversation as it is replayed: the branch that is shown, and every other one. Nothing of it is changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chat.conversation import Image
from chat.errors import UsageError
from chat.images import is_there
from chat.records import LeftOut, StoredTurn, TreeTurn
from chat.session import SessionStore
from chat.transcript import Transcript
from chat.transcript.values import PlacedTurn

_MOST_WORDS: Final = 200
"""Characters of a turn's text that a row of the tree may show."""

ReadBranch = Callable[[int], Sequence[StoredTurn]]
"""Gives the turns from the first to the one with this id; raises ChatError."""


@dataclass(frozen=True, slots=True)
class RecordedBranch:
    """One branch of a conversation, from its first turn to its last, and the way to the others."""

    title: str
    system: str
    turns: tuple[StoredTurn, ...]
    tree: tuple[TreeTurn, ...]
    """Every turn of every branch, each after the one it follows."""
    read_branch: ReadBranch
    left_out: LeftOut
    """What of the turns the model is not shown."""
    is_of_file: bool = False
    """Whether a file tells of it, which may be from anywhere."""

    @property
    def ends(self) -> tuple[int, ...]:
        """The last turn of every branch."""
        followed = {turn.parent_id for turn in self.tree}
        return tuple(turn.id for turn in self.tree if turn.id not in followed)

    @property
    def place(self) -> int:
        """Which of the branches this is, from 0; -1 where it ends before its branch does."""
        last = self.turns[-1].id if self.turns else None
        return self.ends.index(last) if last in self.ends else -1

    @property
    def shown_tree(self) -> tuple[TreeTurn, ...]:
        """The tree with the turns of this branch as those that are shown."""
        shown = {stored.id for stored in self.turns}
        return tuple(replace(turn, is_shown=turn.id in shown) for turn in self.tree)

    def branch_with(self, turn_id: int) -> "RecordedBranch":
        """The branch that a turn is in, down to the newest of all turns that follow it.

        Raises:
            UsageError: There is no such turn.
            ChatError: The turns cannot be read.
        """
        last = _newest_after(self.tree, turn_id)
        if last is None:
            raise UsageError(
                f"there is no turn {turn_id} in this conversation: `replay` with --json tells those of the shown"
                ' branch, and as "branches" the last one of each'
            )
        return replace(self, turns=tuple(self.read_branch(last)))


Named = tuple[str, RecordedBranch]
"""A branch with a name: that of its file, or its session's id."""


def of_transcript(transcript: Transcript, turn_ids: Sequence[int] = ()) -> RecordedBranch:
    """What a transcript holds.

    Args:
        transcript: All of it.
        turn_ids: What its turns are called, by their numbers; if not given, these.
    """
    ids = dict(enumerate(turn_ids, start=1)) or {placed.stored.id: placed.stored.id for placed in transcript.tree}
    tree = {ids[placed.stored.id]: _called(placed, ids) for placed in transcript.tree}
    left_out = transcript.left_out

    def read_branch(last: int) -> Sequence[StoredTurn]:
        turns: list[StoredTurn] = []
        at: int | None = last
        while at is not None:
            turns.append(tree[at].stored)
            at = tree[at].after
        return turns[::-1]

    turns = tuple(read_branch(ids[transcript.last])) if transcript.last is not None else ()
    shown = {stored.id for stored in turns}
    return RecordedBranch(
        transcript.title,
        transcript.system,
        turns,
        tuple(_tree_turn(placed, is_shown=placed.stored.id in shown) for placed in tree.values()),
        read_branch,
        LeftOut(
            frozenset(ids[number] for number in left_out.messages),
            frozenset((ids[number], picture) for number, picture in left_out.pictures),
        ),
        is_of_file=True,
    )


def _called(placed: PlacedTurn, ids: Mapping[int, int]) -> PlacedTurn:
    """A turn by its id, in the place of its number."""
    after = None if placed.after is None else ids[placed.after]
    return PlacedTurn(after, replace(placed.stored, id=ids[placed.stored.id]))


def every_branch(branch: RecordedBranch) -> list[tuple[StoredTurn, ...]]:
    """Every branch of a conversation, from its first turn to its last, in the order of their last turns."""
    return [tuple(branch.read_branch(end)) for end in branch.ends]


def of_session(store: SessionStore, session_id: str) -> RecordedBranch:
    """What a store holds of a session. Used on the thread of the store.

    Raises:
        UnknownSessionError: There is no such session.
        StoreError: It cannot be read.
    """
    summary = store.find_session(session_id)
    turns, tree = tuple(store.turns(summary.id)), tuple(store.tree(summary.id))

    def read_branch(last: int) -> Sequence[StoredTurn]:
        return store.turns(summary.id, last)

    return RecordedBranch(summary.title, summary.system, turns, tree, read_branch, store.left_out(summary.id))


def missing_pictures(turns: Iterable[StoredTurn]) -> tuple[Image, ...]:
    """The pictures whose bytes cannot be had, each once. Reads all of them; safe from any thread."""
    images = dict.fromkeys(image for stored in turns for image in stored.turn.images)
    return tuple(image for image in images if not is_there(image))


def _newest_after(tree: Sequence[TreeTurn], turn_id: int) -> int | None:
    """The end of the branch that a turn is in; None where there is no such turn."""
    following: dict[int | None, list[int]] = defaultdict(list)
    newest: dict[int, int] = {}
    for turn in reversed(tree):
        newest[turn.id] = max((newest[later] for later in following[turn.id]), default=turn.id)
        following[turn.parent_id].append(turn.id)
    return newest.get(turn_id)


def _tree_turn(placed: PlacedTurn, *, is_shown: bool) -> TreeTurn:
    stored = placed.stored
    generation = stored.generation
    return TreeTurn(
        id=stored.id,
        parent_id=placed.after,
        role=stored.turn.role,
        words=stored.turn.text[:_MOST_WORDS],
        image_count=len(stored.turn.images),
        created_at=stored.created_at,
        checkpoint=generation.facts.name if generation else "",
        seed=generation.seed if generation else None,
        stop_reason=generation.stop_reason if generation else None,
        is_shown=is_shown,
    )
