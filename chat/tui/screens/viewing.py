"""How the pictures of the conversation are looked at, as large as the window."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.conversation import Image
from chat.errors import UsageError
from chat.talk.commands import Call
from chat.tui.screens.tasks import TaskScreen

# Neither turns nor pictures are needed for the first frame.
if TYPE_CHECKING:
    import PIL.Image

    from chat.tui.widgets.turn import SaidTurn


class ViewingScreen(TaskScreen):
    """Opens the picture view."""

    def turn_view(self, turn: "SaidTurn") -> None:
        """Show a turn's first picture."""
        images = turn.stored.turn.images if turn.stored is not None else ()
        if images:
            self._open_picture(turn, images[0])
        else:
            self.say("There is no picture in this turn.", is_problem=False)

    def on_said_turn_view_wanted(self, message: "SaidTurn.ViewWanted") -> None:
        """Show the picture that was clicked."""
        self._open_picture(message.turn, message.image)

    def view_last(self) -> None:
        """Show the last picture."""
        try:
            self._view_number("")
        except UsageError as error:
            self.say(str(error))

    async def command_view(self, call: Call) -> None:
        """Show a picture, the last one unless told which."""
        self._view_number(call.argument)

    def _view_number(self, argument: str) -> None:
        pictures = self._pictures()
        if not pictures:
            raise UsageError("There is no picture in this conversation.")
        if argument and not (argument.isascii() and argument.isdigit() and 1 <= int(argument[:9]) <= len(pictures)):
            raise UsageError(f"/view takes the number of a picture, from 1 to {len(pictures):,}.")
        self._open(pictures, int(argument) - 1 if argument else len(pictures) - 1)

    def _open_picture(self, turn: "SaidTurn", image: Image) -> None:
        """Show a picture of a turn; the same picture may stand in others as well."""
        place = 0
        for stored in self.session.turns:
            if turn.stored is not None and stored.id == turn.stored.id and image in stored.turn.images:
                self._open(self._pictures(), place + stored.turn.images.index(image))
                return
            place += len(stored.turn.images)

    def _pictures(self) -> list[Image]:
        return [image for stored in self.session.turns for image in stored.turn.images]

    def _open(self, pictures: list[Image], place: int) -> None:
        from chat.tui.screens.picture import PictureScreen

        self.app.push_screen(PictureScreen(pictures, place, self._seen_by_the_model()))

    def _seen_by_the_model(self) -> "Callable[[Image], PIL.Image.Image] | None":
        """Gives what the loaded model gets of a picture, on any thread; None where nothing is loaded."""
        generator = self._generator
        if generator is None:
            return None

        def seen(image: Image) -> "PIL.Image.Image":
            from chat.images import decode
            from chat.tui.model_pictures import model_picture

            return decode(model_picture(generator, image))

        return seen
