"""A text that takes over a terminal which is shown it as it is."""

HOSTILE = (
    "\x1b]52;c;SE9TVElMRQ==\x07"  # writes to the clipboard
    "\x1b]0;HOSTILE\x07"  # names the window
    "\x1b[2J\x1b[31;7m"  # clears and colours
    "\x9b8m\x90q\x9c"  # the same in one character
    "\u202eesrever\u2066"  # turns the line round
    "\x08\x7f\rHOSTILE[red][@click=app.quit]x[/]"
)
