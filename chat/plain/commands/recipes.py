"""Examples of how to reply, and recipes made of them."""

import os
from pathlib import Path

from chat.drafts import Draft
from chat.errors import UsageError
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.unsent import Unsent
from chat.plain.words import quoted
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.wording import count_in_words


class RecipeCommands(CommandGroup):
    """Few-shot prompts by hand."""

    def command_example(self, call: Call) -> None:
        """Make an exchange an example, or take its mark away."""
        session = self.talk.session
        message = session.mark_example(count_of(call, 0) or None)
        count = count_in_words(sum(stored.is_example for stored in session.turns), "example")
        done = "is marked as an example" if message.is_example else "is no example any more"
        self.say(f"{quoted(message.turn.text, 40)} {done}; {count}. /recipe FILE.toml writes them.")

    def command_recipe(self, call: Call) -> None:
        """Write examples as a recipe."""
        from chat.tasks.recipes import recipe_of, write_recipe

        path = _recipe_path(call)
        turns, are_marked = self.talk.session.examples()
        recipe = recipe_of(turns)
        write_recipe(path, recipe)
        count = count_in_words(len(recipe.examples), "example")
        why = "" if are_marked else " None was marked: these are all exchanges with a picture."
        self.say(f"{count} in {short_line(str(path.absolute()), 200)}.{why}")

    def command_fewshot(self, call: Call) -> None:
        """Begin a conversation with a recipe's examples."""
        from chat.talk.few_shot import session_of
        from chat.tasks.recipes import read_recipe

        talk, path = self.talk, _recipe_path(call)
        recipe = read_recipe(path)
        talk.open(session_of(talk.store, recipe, path.stem))
        self.say(f"A new conversation that begins with {count_in_words(len(recipe.examples), 'example')}.")
        if recipe.text.strip():
            talk.unsent = Unsent(Draft(recipe.text), talk.next_number)
            talk.keep()
            self.say("Attach a picture, then /send asks what the recipe asks.")
            talk.tell_unsent()


def _recipe_path(call: Call) -> Path:
    if not call.argument:
        raise UsageError(f"/{call.name} needs a file: /{call.name} FILE.toml")
    return Path(os.path.expanduser(call.argument))
