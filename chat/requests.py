"""What the model is asked with by a command that has words of its own."""

from typing import Final

CAPTION_REQUEST: Final = "Write a caption for this image."
"""What a checkpoint that takes turns is asked for a caption with."""
STORY_REQUEST: Final = "Use the image to write a story."
"""The instruction of IDEFICS's guide, as a message."""
