"""A conversational chat application for vision-language instruct checkpoints, in a terminal."""
