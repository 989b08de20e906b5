"""Signals while a line is waited for."""

import os
import select
import signal
import threading
import time

import pytest

from chat.plain.keyboard import Keyboard
from chat.plain.signals import Ended, Signals
from tests.tui.terminal import PATIENCE_S


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Ended)])
def test_a_signal_that_does_not_end_the_wait_for_a_key_is_seen_without_one(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    signals = Signals(Keyboard())
    keys, other_end = os.pipe()

    def signal_here() -> None:
        signal.pthread_kill(threading.get_ident(), number)

    # Taken by a thread of its own, the signal leaves the wait as it is.
    thread = threading.Timer(0.1, signal_here)
    try:
        with signals.listen(), pytest.raises(raised), signals.reading():
            thread.start()
            started = time.monotonic()
            select.select([keys], [], [], PATIENCE_S)
        assert time.monotonic() - started < PATIENCE_S / 2
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    finally:
        thread.join()
        os.close(keys)
        os.close(other_end)
