"""The commands that do more with pictures than talk: labels, captions, stories, one question for each, and examples."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from chat.conversation import Image
from chat.drafts import Draft
from chat.errors import ChatError, UsageError
from chat.requests import CAPTION_REQUEST, STORY_REQUEST
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.wording import count_in_words
from chat.tui.screens.browsing import BrowsingScreen

# The tasks come with the first command that needs them.
if TYPE_CHECKING:
    from chat.tasks.recipes import Recipe


class RecipeWritten(Message):
    """A recipe lies in its file, or could not be written."""

    def __init__(self, words: str, *, is_problem: bool) -> None:
        super().__init__()
        self.words = words
        self.is_problem = is_problem


class RecipeRead(Message):
    """A recipe was read from its file, or could not be."""

    def __init__(self, call: Call, recipe: "Recipe | None", problem: str = "") -> None:
        super().__init__()
        self.call = call
        self.recipe = recipe
        self.problem = problem


class TaskScreen(BrowsingScreen):
    """Does what these commands ask; where it cannot, it raises a ChatError."""

    async def command_choose(self, call: Call) -> None:
        """Have labels ranked."""
        from chat.ranking import check_labels
        from chat.talk.said import AskedChoice

        labels = check_labels(call.argument.split("|") if call.argument else (), "/choose ONE | OTHER")
        if any("\n" in label for label in labels):
            raise UsageError("/choose takes its labels in one line")
        self._require_read()
        shown = self.composer.draft.images
        if not shown and not self._has_said:
            raise UsageError("There is nothing to choose for: attach a picture first.")
        await self.enqueue(AskedChoice(f"/choose {' | '.join(labels)}", (), labels, shown))

    async def command_caption(self, call: Call) -> None:
        """Ask for a caption, which given words may begin."""
        from chat.talk.said import AskedCaption

        beginning = call.argument
        if "\n" in beginning:
            raise UsageError("/caption takes its words in one line")
        images = self._take_shown("/caption")
        asked = AskedCaption(f"/caption {beginning}", images, CAPTION_REQUEST) if beginning else None
        await self.submit(asked or Draft(CAPTION_REQUEST, images))

    def _take_shown(self, command: str) -> tuple[Image, ...]:
        """Take the attached pictures out; there need be none where one was shown before."""
        self._require_read()
        if not self.composer.draft.images and not self._has_picture:
            raise UsageError(f"{command} is about a picture: attach one first.")
        return self.composer.take_images()

    async def command_story(self, _: Call) -> None:
        """Ask for a story about the pictures."""
        await self.submit(Draft(STORY_REQUEST, self._take_shown("/story")))

    async def command_each(self, call: Call) -> None:
        """Ask the same of every attached picture by itself."""
        text = call.argument
        self._require_read()
        if not text:
            raise UsageError("/each needs the words to send with every picture.")
        images = self.composer.take_images()
        if not images:
            raise UsageError("/each asks about the attached pictures: attach some first.")
        # All before anything is waited for: meanwhile another session may be opened.
        await self.submit(*(Draft(text, (image,)) for image in images))

    @property
    def _has_said(self) -> bool:
        """Whether anything was said, or waits to be."""
        return bool(self.session.turns or self.session.waiting)

    @property
    def _has_picture(self) -> bool:
        """Whether a picture was shown, or waits to be."""
        return self.session.image_count > 0 or any(draft.images for draft in self.session.waiting)

    def _require_read(self) -> None:
        if self.is_reading:
            raise UsageError("The picture is still being read: press enter when it is attached.")

    # Examples and recipes

    async def command_example(self, call: Call) -> None:
        """Make an exchange an example, or take its mark away."""
        number = call.argument.strip()
        if number and not (number.isascii() and number.isdigit() and len(number) < 10):
            raise UsageError("/example takes the number of an exchange, from 1: /example 2")
        message = self.session.mark_example(int(number) if number else None)
        self.log_view.show_example(message)
        count = count_in_words(sum(stored.is_example for stored in self.session.turns), "example")
        done = "marked as an example" if message.is_example else "no example any more"
        line = short_line(message.turn.text, 40) or "The exchange"
        self.say(f"“{line}” is {done} · {count} · /recipe FILE.toml writes them", is_problem=False)

    async def command_recipe(self, call: Call) -> None:
        """Write examples as a recipe."""
        from chat.tasks.recipes import recipe_of

        path = _recipe_path("/recipe", call.argument)
        turns, are_marked = self.session.examples()
        self._write_recipe(path, recipe_of(turns), are_marked=are_marked)

    @work(thread=True, group="recipes")
    def _write_recipe(self, path: Path, recipe: "Recipe", *, are_marked: bool) -> None:
        from chat.tasks.recipes import write_recipe

        try:
            write_recipe(path, recipe)
        except ChatError as error:
            self.post_message(RecipeWritten(f"No recipe was written: {error}", is_problem=True))
        else:
            examples = count_in_words(len(recipe.examples), "example")
            words = (
                f"{examples} in {path.absolute()}{_why_these(recipe, are_marked)} · /fewshot {path} begins with them"
            )
            self.post_message(RecipeWritten(words, is_problem=False))

    @on(RecipeWritten)
    def _tell_written(self, message: RecipeWritten) -> None:
        self.say(short_line(message.words, 400), is_problem=message.is_problem)

    async def command_fewshot(self, call: Call) -> None:
        """Begin a conversation with a recipe's examples."""
        self._read_recipe(_recipe_path("/fewshot", call.argument), call)

    @work(thread=True, group="recipes", exclusive=True)
    def _read_recipe(self, path: Path, call: Call) -> None:
        from chat.tasks.recipes import read_recipe

        try:
            self.post_message(RecipeRead(call, read_recipe(path)))
        except ChatError as error:
            self.post_message(RecipeRead(call, None, str(error)))

    @on(RecipeRead)
    async def _begin_with(self, message: RecipeRead) -> None:
        """Begin a conversation whose first exchanges are a recipe's examples."""
        if self._store is None or self._session is None:
            return
        from chat.talk.few_shot import session_of

        if message.recipe is None:
            typed = Draft(f"/{message.call.name} {message.call.argument}")
            await self.composer.put_back(typed, self.session.next_number)
            self.say(short_line(message.problem, 400))
            return
        try:
            session_id = session_of(self._store, message.recipe, Path(message.call.argument).stem)
        except ChatError as error:
            self.say(f"Not begun: {error}")
            return
        await self.change_session(session_id)
        if self.session.id == session_id:
            self.composer.insert(message.recipe.text)
            examples = count_in_words(len(message.recipe.examples), "example")
            self.say(f"{examples} before your message; attach a picture and send it.", is_problem=False)


def _why_these(recipe: "Recipe", are_marked: bool) -> str:
    """Why a recipe has these examples, where nobody chose them."""
    if are_marked:
        return ""
    count = len(recipe.examples)
    which = f"all {count:,} exchanges" if count > 1 else "the one exchange"
    return f" · none was marked: {which} with a picture"


def _recipe_path(command: str, name: str) -> Path:
    if not name:
        raise UsageError(f"{command} needs a file: {command} FILE.toml")
    return Path(os.path.expanduser(name))
