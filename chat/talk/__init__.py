"""A conversation in use, whatever shows it: what was said, what waits, commands, and how things are put into words."""
