"""Brings the store of an earlier version up to date before it is opened, on a thread of its own.

That may take minutes, in which the program draws, listens and can be left.
"""

import asyncio
import threading
from collections.abc import Callable

from chat.errors import ChatError

Tell = Callable[[str], None]
Update = Callable[[Tell], None]
"""Does it, and tells what goes on; raises ChatError."""


async def bring_up_to_date(update: Update, tell: Tell) -> None:
    """Wait for it; what it tells is told on this thread. Raises what it raises."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[ChatError | None] = loop.create_future()

    def call(function: Callable[..., object], *arguments: object) -> None:
        # Nobody waits any more where the program has ended.
        if not loop.is_closed():
            loop.call_soon_threadsafe(function, *arguments)

    def work() -> None:
        try:
            update(lambda words: call(tell, words))
        except ChatError as error:
            call(ended.set_result, error)
        else:
            call(ended.set_result, None)

    # Not one that the end of the program would wait for: what is half done is undone by whoever opens the store next.
    threading.Thread(target=work, name="update", daemon=True).start()
    if (error := await ended) is not None:
        raise error
