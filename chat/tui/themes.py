"""The two colour themes of the program and what any other theme lacks for it."""

from typing import Final

from textual.theme import Theme

INK: Final = Theme(
    name="ink",
    dark=True,
    background="#14161A",
    surface="#1D2026",
    panel="#282C34",
    primary="#5B9BD5",
    secondary="#8AA4C8",
    accent="#E8A653",
    success="#7BC38F",
    warning="#E3B341",
    error="#E5717A",
    foreground="#D8DCE2",
    variables={"quiet": "#9AA0AA"},
)
"""Dark; the default."""

PAPER: Final = Theme(
    name="paper",
    dark=False,
    background="#FAFAF7",
    surface="#F0EFEA",
    panel="#E4E2DA",
    primary="#1F5FA8",
    secondary="#3C5A80",
    accent="#8F5300",
    success="#1E6B3A",
    warning="#8A5A00",
    error="#B3261E",
    foreground="#22252A",
    variables={"quiet": "#62666E"},
)
"""Light."""

# Textual's own muted colour is too faint on many of its themes' surfaces; this one keeps a readable contrast on all.
DEFAULT_VARIABLES: Final = {"quiet": "auto 75%"}
"""Colours of ours that another theme does not define: `$quiet` is for everything that is not the conversation."""
