"""The keys of a turn that has the focus."""

from typing import Final

from textual.binding import BindingType

from chat.tui.binding import Binding

TURN_KEYS: Final[list[BindingType]] = [
    Binding("up,k", "ask('previous')", "Previous", show=False, key_display="↑", tooltip="Go to the turn above"),
    Binding("down,j", "ask('next')", "Next", show=False, key_display="↓", tooltip="Go to the turn below"),
    Binding("home,g", "ask('first')", "First", show=False, tooltip="Go to the first turn"),
    Binding("end,G", "ask('last')", "Last", show=False, tooltip="Go to the last turn"),
    Binding("ctrl+end", "ask('bottom')", "End", show=False, tooltip="Go to the end, and follow it"),
    Binding("left", "ask('older_version')", "Branch", key_display="←→", tooltip="Show the version before"),
    Binding("right", "ask('newer_version')", "Branch", show=False, tooltip="Show the version after"),
    Binding("e", "ask('edit')", "Edit", tooltip="Change your message; that makes a branch"),
    Binding("r", "ask('again')", "Again", tooltip="Ask for another reply; that makes a branch"),
    Binding("c", "ask('copy')", "Copy", tooltip="Copy the turn as it was written"),
    Binding("y", "ask('code')", "Code", show=False, tooltip="Copy its code blocks, one after the other"),
    Binding("i", "ask('details')", "Details", tooltip="Show when it was said, how and why it ended"),
    Binding("enter", "ask('view')", "View", show=False, tooltip="Show its pictures as large as the window"),
    Binding("p", "ask('prompt')", "Model's view", show=False, tooltip="Show what the model sees up to this turn"),
    Binding("t", "ask('tree')", "Tree", tooltip="Show all branches as a tree"),
    Binding("u", "ask('undo')", "Undo", show=False, tooltip="Take the last exchange out; it is kept"),
    Binding("slash", "ask('command')", "Command", show=False, key_display="/", tooltip="Type a command"),
    Binding("question_mark", "screen.help", "Help", show=False, tooltip="Show these keys and commands", id="help_turn"),
    Binding("escape", "screen.back", "Back", key_display="esc", tooltip="Go back to the message"),
    # As everywhere; the row of keys below has no room for them here.
    Binding("ctrl+o", "screen.attach", show=False, tooltip="Choose a picture to attach"),
    Binding("ctrl+r", "screen.sessions", show=False, tooltip="Open an earlier conversation"),
    Binding("ctrl+t", "screen.model_view", show=False, tooltip="Show or hide what the model sees"),
    Binding("ctrl+n", "screen.new", show=False, tooltip="Begin a new conversation; this one is kept"),
]
"""What they ask of a turn is done by the method `turn_` and its name of the screen."""
