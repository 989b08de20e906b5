"""A dialog for the generation settings and for the text before the first turn."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static, TextArea

from chat.errors import UsageError
from chat.generation import GenerationSettings
from chat.talk.params import NAMES, in_words, with_value, words_for
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.message_input import safe_draft
from chat.tui.widgets.safe_input import SafeInput


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is in force once the dialog is left."""

    settings: GenerationSettings
    system: str


class SettingRow(Horizontal):
    """A setting: its name, its value, and what it does or why it cannot be that."""

    # Here and not on the screen: what scrolls the rows would take these keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next", show=False, id="next_setting"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="previous_setting"),
    ]

    def __init__(self, name: str, settings: GenerationSettings) -> None:
        super().__init__(id=f"row-{name}")
        self.setting = name
        self._typed = in_words(getattr(settings, name))

    def compose(self) -> ComposeResult:
        """Three columns."""
        yield Static(self.setting, markup=False, classes="setting-name")
        yield SafeInput(self._typed, compact=True, select_on_focus=True, id=f"setting-{self.setting}")
        yield Static(words_for(self.setting), markup=False, classes="setting-words")

    @property
    def typed(self) -> str:
        """The value as it stands there."""
        return self.query_one(Input).value

    def tell(self, problem: str) -> None:
        """Say why the value cannot be that; what the setting does where that is empty."""
        words = (
            Content.styled(f"{GLYPHS.failed} {problem}", "$text-error") if problem else Content(words_for(self.setting))
        )
        self.query_one(".setting-words", Static).update(words)
        self.set_class(bool(problem), "-wrong")


class SystemText(TextArea):
    """The text before the first turn. As in a message, enter is done and ctrl+j begins a line."""

    class Done(Message):
        """Enter was pressed."""

    def __init__(self, text: str) -> None:
        super().__init__(text, compact=True, tab_behavior="focus", highlight_cursor_line=False, id="system-text")

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            self.post_message(self.Done())
        elif event.key in ("ctrl+j", "shift+enter"):
            self.insert("\n")
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.replace(safe_draft(event.text), *self.selection, maintain_selection_offset=False)


class SettingsDialog(Dialog[Chosen | None]):
    """Shows what is in force; gives what is to be, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the message"),
    ]

    def __init__(self, settings: GenerationSettings, system: str) -> None:
        """Show the dialog.

        Args:
            settings: Those in force.
            system: The text before the first turn.
        """
        super().__init__()
        self._settings = settings
        self._system = system

    def compose(self) -> ComposeResult:
        """The settings, then the text."""
        with Vertical(classes="dialog", id="settings"):
            yield Static(
                Content.assemble(("Settings", "bold"), ("  of the replies from the next one on", "$quiet")),
                markup=False,
                id="setting-title",
            )
            with VerticalScroll(id="setting-rows", can_focus=False):
                yield from (SettingRow(name, self._settings) for name in NAMES)
                yield Static(
                    Content.assemble(
                        ("System text", "bold"), ("  stands before the first turn of this session", "$quiet")
                    ),
                    markup=False,
                    id="system-title",
                )
                yield SystemText(safe_draft(self._system))
            yield Static(_keys(), markup=False, id="setting-keys")

    def on_mount(self) -> None:
        """Begin with the first setting."""
        for first in self.query(Input)[:1]:
            first.focus()

    def action_close(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)

    @on(Input.Changed)
    def _judge(self, message: Input.Changed) -> None:
        message.stop()
        self._judged()

    def _judged(self) -> GenerationSettings | None:
        """The settings as they stand there; None where one of them cannot be that."""
        settings, is_right = self._settings, True
        for row in self.query(SettingRow):
            try:
                settings = with_value(settings, row.setting, row.typed)
            except UsageError as error:
                is_right = False
                row.tell(str(error))
            else:
                row.tell("")
        return settings if is_right else None

    @on(Input.Submitted)
    @on(SystemText.Done)
    def _apply(self, message: Message) -> None:
        message.stop()
        settings = self._judged()
        if settings is None:
            self.query("SettingRow.-wrong Input").first().focus()
            return
        typed = self.query_one(SystemText).text
        # What was shown in marks is not what it was.
        system = self._system if typed == safe_draft(self._system) else typed
        self.dismiss(Chosen(settings, system.strip()))


def _keys() -> Content:
    pairs = (("enter", "use them"), ("tab", "next"), ("ctrl+j", "new line of text"), ("esc", "back"))
    return Content.styled(" · ", "$quiet").join(
        Content.assemble((key, "bold"), (f" {word}", "$quiet")) for key, word in pairs
    )
