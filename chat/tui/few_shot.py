"""A session that begins with the examples of a recipe."""

from chat.conversation import assistant_turn, user_turn
from chat.records import StoredTurn
from chat.session import SessionStore
from chat.session_files import import_transcript
from chat.tasks.recipes import Recipe
from chat.transcript import Transcript


def session_of(store: SessionStore, recipe: Recipe) -> str:
    """Begin a session whose first exchanges are the examples of a recipe, marked as such; gives its id.

    Raises:
        StoreError: The store did not take all of them; then there is no session.
    """
    turns: list[StoredTurn] = []
    for example in recipe.examples:
        asked = user_turn(*example.images, *([example.text] if example.text.strip() else []))
        turns.append(StoredTurn(len(turns) + 1, asked, "", None, is_example=True))
        turns.append(StoredTurn(len(turns) + 1, assistant_turn(example.answer), "", None))
    return import_transcript(store, Transcript(turns=tuple(turns)))
