"""Keeps transformers' progress bars off the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """No bars of transformers in here."""
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
