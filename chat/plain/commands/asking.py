"""What is asked about pictures beside plain messages: labels, captions, stories, and one question for each."""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace

from chat.conversation import Conversation, Image
from chat.drafts import Draft
from chat.errors import ChatError, GenerationError, UsageError
from chat.generation import Score, TextGenerator
from chat.plain.commands.group import CommandGroup
from chat.plain.model import Stopped
from chat.plain.words import choice_in_words
from chat.ranking import check_labels
from chat.requests import CAPTION_REQUEST, STORY_REQUEST
from chat.talk.commands import Call
from chat.talk.said import LABEL_ROOM, AskedCaption, AskedChoice, prompt_of
from chat.talk.wording import count_in_words


class AskingCommands(CommandGroup):
    """Commands that the model answers."""

    def command_choose(self, call: Call) -> None:
        """Have labels ranked, and tell how likely each is."""
        labels = check_labels(call.argument.split("|") if call.argument else (), "/choose ONE | OTHER")
        if any("\n" in label for label in labels):
            raise UsageError("/choose takes its labels in one line.")
        talk, session = self.talk, self.talk.session
        if not talk.images and not session.turns:
            raise UsageError("There is nothing to choose for: attach a picture first.")
        asked = AskedChoice(f"/choose {' | '.join(labels)}", (), labels, talk.images)
        generator = talk.model.ready()
        conversation = session.conversation_for(asked, generator.facts)
        talk.require_room(conversation, "", replace(talk.settings, max_new_tokens=LABEL_ROOM))
        session.waiting.append(asked)
        session.begin_choice(asked, generator.facts)
        try:
            work = talk.model.begin(lambda _, stop: _scored(generator, conversation, labels, stop))
            scores = talk.model.wait(work)
            if scores is None:
                raise Stopped("Stopped; nothing was chosen.")
        except BaseException:
            # Also where the program ends: the command is easily typed again.
            session.choosing = None
            raise
        self.output.begin(*choice_in_words(session.finish_choice(scores)))
        self.output.end_line()
        talk.keep()

    def command_caption(self, call: Call) -> None:
        """Ask for a caption, which given words may begin."""
        beginning = call.argument
        if "\n" in beginning:
            raise UsageError("/caption takes its words in one line.")
        images = self._take_shown("/caption")
        asked = AskedCaption(f"/caption {beginning}", images, CAPTION_REQUEST) if beginning else None
        self.talk.send(asked or Draft(CAPTION_REQUEST, images))

    def command_story(self, _: Call) -> None:
        """Ask for a story about the pictures."""
        self.talk.send(Draft(STORY_REQUEST, self._take_shown("/story")))

    def _take_shown(self, command: str) -> tuple[Image, ...]:
        """Take the attached pictures; there need be none where one was shown before."""
        if not self.talk.pictures():
            raise UsageError(f"{command} is about a picture: attach one first.")
        return self.talk.take_images()

    def command_each(self, call: Call) -> None:
        """Ask the same of every attached picture by itself."""
        if not call.argument:
            raise UsageError("/each needs the words to send with every picture.")
        if not self.talk.images:
            raise UsageError("/each asks about the attached pictures: attach some first.")
        images = self.talk.take_images()
        for place, image in enumerate(images, start=1):
            try:
                self.talk.send(Draft(call.argument, (image,)))
                if self.talk.is_stopped:
                    raise Stopped(f"Stopped; {_still_attached(images[place:])}.")
            except ChatError:
                self.talk.images = images[place:]
                self.talk.keep()
                raise


def _still_attached(images: Sequence[Image]) -> str:
    return f"{count_in_words(len(images), 'picture')} {'is' if len(images) == 1 else 'are'} still attached"


def _scored(
    generator: TextGenerator, conversation: Conversation, labels: tuple[str, ...], stop: threading.Event
) -> tuple[Score, ...] | None:
    scores = generator.score(prompt_of(conversation, generator), labels, stop)
    if scores is not None and not all(math.isfinite(score.log_likelihood) for score in scores):
        raise GenerationError("it gave no likelihood for some of the labels")
    return scores
