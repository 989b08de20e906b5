"""A session that begins with the examples of a recipe."""

from typing import Final

from chat.conversation import assistant_turn, user_turn
from chat.records import StoredTurn
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.tasks.recipes import Recipe
from chat.transcript import Transcript

LONGEST_TITLE: Final = 60
"""Characters, as in the titles that the store gives."""


def session_of(store: SessionStore, recipe: Recipe, name: str) -> str:
    """Begin a session whose first exchanges are the examples of a recipe, marked as such; gives its id.

    Args:
        store: Where it is kept.
        recipe: With the examples.
        name: What the recipe is called, by which the session can be told from the one it was made of.

    Raises:
        StoreError: The store did not take all of them; then there is no session.
    """
    turns: list[StoredTurn] = []
    for example in recipe.examples:
        asked = user_turn(*example.images, *([example.text] if example.text.strip() else []))
        turns.append(StoredTurn(len(turns) + 1, asked, "", None, is_example=True))
        turns.append(StoredTurn(len(turns) + 1, assistant_turn(example.answer), "", None))
    asks = " ".join(recipe.text.split())
    title = short_line(f"{name}: {asks}" if asks else name, LONGEST_TITLE)
    return store.add_session(Transcript(title, turns=tuple(turns)))
