"""How what was said is copied: the terminal puts it into the clipboard, also that of a machine far away."""

from typing import TYPE_CHECKING, Final

from textual.actions import SkipAction

from chat.errors import UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.wording import count_in_words
from chat.tui.screens.tasks import TaskScreen

# The widgets of turns come after the first frame.
if TYPE_CHECKING:
    from chat.tui.widgets.code_block import CodeBlock
    from chat.tui.widgets.turn import SaidTurn

SURELY_TAKEN: Final = 70_000
"""Bytes that terminals take into the clipboard as a rule; some take no more."""


class CopyingScreen(TaskScreen):
    """Copies turns and the code in them."""

    _copied_code: tuple[str, int] = ("", -1)
    """The text whose code was copied last, and which of its blocks."""

    def turn_copy(self, turn: "SaidTurn") -> None:
        """Copy a turn as it was written."""
        is_message = turn.stored is not None and turn.stored.generation is None
        kind = "message" if is_message else "reply"
        self._copy(self._text_of(turn), kind)

    def turn_code(self, turn: "SaidTurn") -> None:
        """Copy the next code block of a turn."""
        try:
            self._copy_next_code(self._text_of(turn))
        except UsageError as error:
            self.say(str(error))

    def on_code_block_copy_wanted(self, message: "CodeBlock.CopyWanted") -> None:
        """Copy the code that was clicked."""
        language = f" · {short_line(message.language, 20)}" if message.language else ""
        self._copy(message.code, "code block", language)

    def action_copy_text(self) -> None:
        """Copy what is selected; with nothing selected the key means something else."""
        selected = self.get_selected_text()
        if selected is None:
            raise SkipAction
        self._copy(selected, "selection")

    def copy_last(self) -> None:
        """Copy the last reply."""
        try:
            self._copy(self._last_reply(), "last reply")
        except UsageError as error:
            self.say(str(error))

    async def command_copy(self, call: Call) -> None:
        """Copy the last reply, or its next code block."""
        if call.argument not in ("", "code"):
            raise UsageError("/copy copies the last reply, /copy code the code in it, block after block.")
        if call.argument:
            self._copy_next_code(self._last_reply())
        else:
            self._copy(self._last_reply(), "last reply")

    def _text_of(self, turn: "SaidTurn") -> str:
        return turn.stored.turn.text if turn.stored is not None else self.session.reply_text

    def _last_reply(self) -> str:
        if self.session.is_replying and self.session.reply_text:
            return self.session.reply_text
        for stored in reversed(self.session.turns):
            if stored.generation is not None:
                return stored.turn.text
        raise UsageError("There is no reply to copy yet.")

    def _copy_next_code(self, text: str) -> None:
        from chat.talk.blocks import code_of

        blocks = code_of(text.replace("\r\n", "\n"))
        if not blocks:
            raise UsageError("There is no code block in this turn.")
        copied, place = self._copied_code
        place = (place + 1) % len(blocks) if copied == text else 0
        self._copied_code = (text, place)
        block = blocks[place]
        language = f" · {short_line(block.language, 20)}" if block.language else ""
        self._copy(block.text, f"code block {place + 1} of {len(blocks)}", language)

    def _copy(self, text: str, what: str, more: str = "") -> None:
        if not text:
            self.say("There is no text to copy.")
            return
        # Halves of surrogate pairs have no bytes.
        data = text.encode("utf-8", "replace")
        self.app.copy_to_clipboard(data.decode())
        warning = " · some terminals take less" if len(data) > SURELY_TAKEN else ""
        self.say(f"{what} copied{more} · {count_in_words(len(text), 'character')}{warning}", is_problem=False)
