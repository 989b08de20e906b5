"""Pictures: attaching them, and hearing what they are."""

import threading
from pathlib import Path

from chat.attachments import Address, address_of, dropped_paths
from chat.conversation import Image
from chat.errors import ChatError, UsageError
from chat.generation import TextGenerator
from chat.images import open_image
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.words import picture_in_words
from chat.plain.work import Tell, Work
from chat.talk.commands import Call
from chat.talk.wording import count_in_words


class PictureCommands(CommandGroup):
    """What is about pictures alone."""

    def command_image(self, call: Call) -> None:
        """Attach the pictures in files, or the one at an address."""
        if not call.argument:
            raise UsageError("/image needs the path of a picture: /image cat.jpg")
        if address := address_of(call.argument):
            self.talk.attach([self._fetched(address)])
            return
        paths = dropped_paths(call.argument) or [Path(call.argument)]
        self.talk.attach([open_image(path) for path in paths])

    def _fetched(self, address: Address) -> Image:
        """The picture at an address; ctrl+c ends the wait."""
        from chat.fetching import fetch_image

        def fetch(_: Tell, stop: threading.Event) -> Image | ChatError:
            try:
                return fetch_image(address.url, stop, may_be_local=address.may_be_local)
            except ChatError as error:
                return error

        work = Work(fetch)
        # Not on the model's thread, which may be loading for minutes.
        threading.Thread(target=work.run, name="fetch", daemon=True).start()
        found = self.talk.model.wait(work)
        if isinstance(found, ChatError):
            raise found
        return found

    def command_paste(self, _: Call) -> None:
        """Attach the picture in the clipboard, or the files that were copied there."""
        from chat.clipboard import read_clipboard

        found = read_clipboard()
        if not found.image and not found.paths:
            raise UsageError(found.problem)
        self.talk.attach([found.image] if found.image else [open_image(path) for path in found.paths])

    def command_sample(self, call: Call) -> None:
        """Attach a sample picture."""
        samples = self.talk.samples()
        number = count_of(call, 1)
        if not 1 <= number <= len(samples):
            raise UsageError(f"There is no sample {number:,}: there are {count_in_words(len(samples), 'sample')}.")
        self.talk.attach(samples[number - 1 : number])

    def command_pictures(self, _: Call) -> None:
        """List the pictures."""
        pictures = self.talk.pictures()
        if not pictures:
            self.say("There is no picture yet; the path of one attaches it.")
        for number, image, is_attached in pictures:
            self.say(picture_in_words(image, number) + (", attached to the next message" if is_attached else ""))

    def command_describe(self, call: Call) -> None:
        """Tell what the model sees in a picture by itself."""
        pictures = self.talk.pictures()
        if not pictures:
            raise UsageError("There is no picture to describe: attach one first.")
        number = count_of(call, len(pictures))
        if not 1 <= number <= len(pictures):
            raise UsageError(f"There is no picture {number:,}: give a number from 1 to {len(pictures):,}.")
        _, image, _ = pictures[number - 1]
        generator = self.talk.model.ready()
        work = self.talk.model.begin(lambda _, stop: _caption(generator, image, stop))
        self.say(f"[{number}] {self.talk.model.wait(work)}")


def _caption(generator: TextGenerator, image: Image, stop: threading.Event) -> str:
    """One line about a picture, apart from any conversation."""
    from chat.tasks.captioning import caption

    return next((" ".join(answer.text.split()) for answer in caption(generator, image, stop=stop)), "") or "(no words)"
