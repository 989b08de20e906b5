"""Help, leaving, and messages that were not sent."""

from typing import Final

from chat.drafts import Draft
from chat.errors import ChatError, UsageError
from chat.plain.attaching import take_message
from chat.plain.commands.group import CommandGroup
from chat.plain.unsent import Unsent
from chat.plain.words import help_lines
from chat.talk.commands import Call
from chat.talk.params import changed, difference_in_words, settings_in_words

_STEPS: Final = (
    "Type a message and press enter. A line that ends with a backslash goes on in the next; a space in front of a "
    "line makes it a message, whatever it begins with.",
    "Only turns and lines of the program begin at the left: what somebody says further is set off by two spaces. "
    "/export FILE.md saves it without them.",
    "The path of a picture attaches it to the next message; words behind the path are that message. [1] in a message "
    "places picture 1 there; without such marks pictures come first.",
    "Ctrl+C stops a reply and keeps what was said; at an empty prompt, pressed twice, it leaves. So does ctrl+d. "
    "Lines typed while the model answers are taken in order.",
    "In a pipe or a file every line is a message or a command, and blank lines are skipped.",
)


class GeneralCommands(CommandGroup):
    """What is about no conversation in particular."""

    def command_help(self, _: Call) -> None:
        """List the commands, and how to begin."""
        from chat.plain.commands import available

        for line in help_lines(available(), _STEPS):
            self.say(line)

    def command_quit(self, _: Call) -> None:
        """Leave."""
        self.talk.is_over = True

    def command_params(self, call: Call) -> None:
        """Tell how replies are generated, or change it from the next one on."""
        talk = self.talk
        if not call.argument:
            self.say(settings_in_words(talk.settings))
            return
        before, talk.settings = talk.settings, changed(talk.settings, talk.first_settings, call.argument)
        difference = difference_in_words(before, talk.settings)
        self.say(f"From the next reply on: {difference}." if difference else settings_in_words(talk.settings))

    def command_send(self, _: Call) -> None:
        """Send what was kept; or the attached pictures, as they are."""
        talk = self.talk
        draft = talk.unsent.numbered_from(talk.next_number)
        if draft:
            self._send_kept(draft)
        elif talk.images:
            talk.send(Draft("", talk.take_images()))
        else:
            raise UsageError("There is nothing that was not sent.")

    def _send_kept(self, draft: Draft) -> None:
        talk = self.talk
        unsent, images, turns = talk.unsent, talk.images, list(talk.session.turns)
        talk.unsent, talk.images = Unsent(), (*draft.images, *images)
        try:
            take_message(talk, draft.text)
        except ChatError:
            if not talk.unsent.draft and talk.session.turns == turns:
                # It did not come so far as to be kept by whoever sends it.
                talk.unsent, talk.images = unsent, images
            raise

    def command_forget(self, _: Call) -> None:
        """Drop what was kept, and the attached pictures."""
        talk = self.talk
        if not talk.unsent.draft and not talk.images:
            raise UsageError("There is nothing that was not sent.")
        talk.unsent, talk.images = Unsent(), ()
        talk.keep()
        self.say("Dropped.")
