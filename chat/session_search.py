"""Finds sessions by words, filters and a picture that is in a file."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.search import Query
from chat.summaries import FoundSessions

if TYPE_CHECKING:
    from chat.session import SessionStore


def search_sessions(
    store: "SessionStore",
    query: Query,
    *,
    limit: int = 200,
    offset: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> FoundSessions:
    """A page of the sessions that are looked for.

    The first search for a picture looks at every picture that was kept since the last one, which takes a while.

    Args:
        store: Where the sessions are.
        query: What is looked for; a picture by its file.
        limit: Sessions on the page, at most.
        offset: Sessions before the page.
        tell: Is told of how many pictures how many have been looked at.
        is_wanted: Whether somebody still waits for it; if not, what is found may lack like pictures.

    Raises:
        ImageError: The file cannot be read or is no picture.
        StoreError: The sessions cannot be read.
    """
    if not query.filters.image:
        return store.search(query, limit=limit, offset=offset)
    from chat.likeness import open_sought

    sought = open_sought(query.filters.image)
    store.learn_likenesses(tell, is_wanted)
    return store.search(query, limit=limit, offset=offset, sought=sought)
