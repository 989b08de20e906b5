"""All branches of a session as a tree."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, Tree
from textual.widgets.tree import TreeNode

from chat.records import TreeTurn
from chat.safe_text import short_line
from chat.talk.branch_tree import Row, rows_of
from chat.talk.tree_words import beginning_of, facts_of, speaker_of
from chat.talk.wording import count_in_words
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.screens.layer import Dialog

LEAST_WORDS: Final = 16
"""Characters of a turn's text that are shown however little room there is."""
MOST_COLUMNS: Final = 92
"""Of a row, in the widest dialog."""
GUIDE: Final = 3
"""Columns by which what is inside a row is moved to the right."""


class BranchTree(Tree[TreeTurn | None]):
    """The tree; what is shown has a sign and a word."""

    ICON_NODE = ""
    ICON_NODE_EXPANDED = ""

    show_root = False
    auto_expand = False
    guide_depth = GUIDE

    @on(Tree.NodeSelected)
    def _fold(self, message: "Tree.NodeSelected[TreeTurn | None]") -> None:
        """Turns that are folded are shown with enter, too."""
        if message.node.data is None:
            message.stop()
            message.node.toggle()


class TreeScreen(Dialog[int | None]):
    """Shows every turn of every branch; gives the id of the turn whose branch is to be shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,t,q", "close", "Back", key_display="esc", tooltip="Close the tree"),
    ]
    AUTO_FOCUS = "BranchTree"

    def __init__(self, tree: Sequence[TreeTurn], title: str) -> None:
        """Show a tree.

        Args:
            tree: Every turn, each after the one it follows.
            title: The session's.
        """
        super().__init__()
        self._turns = tree
        self._session_title = title
        self._now = datetime.now().astimezone()

    def compose(self) -> ComposeResult:
        """Title, tree, keys."""
        with Vertical(classes="dialog", id="branches"):
            title = f"Branches of “{short_line(self._session_title, 60)}”" if self._session_title else "Branches"
            yield Static(Content.styled(title, "bold"), markup=False, id="branches-title")
            yield BranchTree("")
            keys = (("enter", "bold"), " show · ", (GLYPHS.here, "bold"), " is shown · ", ("esc", "bold"), " back")
            yield Static(Content.assemble(*keys), markup=False, id="branches-keys")

    def on_mount(self) -> None:
        """Fill the tree, with the cursor on the last turn that is shown."""
        tree = self.query_one(BranchTree)
        last = max((turn.id for turn in self._turns if turn.is_shown), default=0)
        here: TreeNode[TreeTurn | None] | None = None
        pending: list[tuple[TreeNode[TreeTurn | None], Row, int]] = [
            (tree.root, row, 1) for row in reversed(rows_of(self._turns))
        ]
        while pending:
            parent, row, depth = pending.pop()
            is_folded = row.turn is None and bool(row.inside) and parent is not tree.root
            node = parent.add(self._label(row, depth), row.turn, expand=not is_folded, allow_expand=bool(row.inside))
            if row.turn is not None and row.turn.id == last:
                here = node
            pending += [(node, inside, depth + 1) for inside in reversed(row.inside)]
        tree.root.expand()
        # The rows get their numbers as they are counted; before the next key, which may choose one.
        if here is not None and tree.last_line >= 0:
            tree.move_cursor(here)
            self.call_after_refresh(tree.scroll_to_node, here, animate=False)

    def _label(self, row: Row, depth: int) -> Text:
        turn = row.turn
        if turn is None:
            is_beginning = bool(row.inside[0].number)
            return Text(
                "  (beginning)" if is_beginning else f"  … {count_in_words(len(row.inside), 'turn')} · enter shows them"
            )
        line = Text(f"{GLYPHS.here if turn.is_shown else ' '} ")
        line.append(f"{row.number} " if row.number else "", "bold")
        line.append(f"{speaker_of(turn)}  ", "bold" if turn.is_shown else "")
        shown = ["shown"] if turn.is_shown and row.number else []
        facts = " · ".join([*facts_of(turn, self._now), *shown])
        room = min(self.app.size.width - 6, MOST_COLUMNS) - depth * GUIDE - line.cell_len - len(facts) - 2
        words = Text(beginning_of(turn, max(LEAST_WORDS, room)))
        # What is known of it stands at the right, as in every list.
        words.truncate(max(LEAST_WORDS, room), overflow="ellipsis", pad=True)
        return line.append_text(words).append(f"  {facts}", "dim")

    @on(Tree.NodeSelected)
    def _show(self, message: "Tree.NodeSelected[TreeTurn | None]") -> None:
        if message.node.data is not None:
            self.dismiss(message.node.data.id)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss(None)
