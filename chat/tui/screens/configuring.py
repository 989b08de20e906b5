"""How settings are changed while the program runs: those of replies, the text before the first turn, the colours."""

from typing import ClassVar

from textual.binding import BindingType

from chat.config import unknown
from chat.errors import UsageError
from chat.generation import GenerationSettings
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.tui.binding import Binding
from chat.tui.screens.tasks import TaskScreen


class ConfiguringScreen(TaskScreen):
    """Changes settings; they hold for every session until the program ends, but the text before the first turn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "settings", "Settings", show=False, tooltip="Change generation settings and the system text")
    ]

    _first_settings: GenerationSettings | None = None
    """Those that the program began with, once they were changed."""

    def action_settings(self) -> None:
        """Show the settings, and use what they are changed to."""
        if self._session is None:
            return
        from chat.tui.screens.settings import Chosen, SettingsDialog

        session = self.session

        async def use(chosen: Chosen | None) -> None:
            if chosen is None or session is not self._session:
                return
            told = []
            if difference := self._use_settings(chosen.settings):
                told.append(difference)
            if chosen.system != session.system:
                await self.set_system(chosen.system)
                told.append("the system text is set" if chosen.system else "there is no system text")
            if told:
                self.say(f"From the next reply on: {'; '.join(told)}.", is_problem=False)

        self.app.push_screen(SettingsDialog(self._settings, session.system), use)

    async def command_params(self, call: Call) -> None:
        """Show the settings, or change them as they are typed."""
        if not call.argument:
            self.action_settings()
            return
        from chat.talk.params import changed, settings_in_words

        first = self._first_settings or self._settings
        difference = self._use_settings(changed(self._settings, first, call.argument))
        shown = f"From the next reply on: {difference}." if difference else f"{settings_in_words(self._settings)}"
        self.say(shown, is_problem=False)

    def _use_settings(self, settings: GenerationSettings) -> str:
        """Use settings for what is sent from here on; a message that waits is counted anew. Gives what changed."""
        from chat.talk.params import difference_in_words

        difference = difference_in_words(self._settings, settings)
        if difference:
            self._first_settings = self._first_settings or self._settings
            self._settings = settings
            self._send_anew()
        return difference

    def _send_anew(self) -> None:
        """Have what waits, and what is written, counted and sent as it is to be from here on."""
        self.stop_checking()
        self.send_next()
        self.count_context()

    async def command_system(self, call: Call) -> None:
        """Show or set the text before the first turn."""
        if call.argument:
            await self.set_system("" if call.argument == "none" else call.argument)
        shown = self.session.system
        self.say(
            f"The text before the first turn: “{short_line(shown, 60)}” · /system none takes it away"
            if shown
            else "There is no text before the first turn; /system TEXT sets one.",
            is_problem=False,
        )

    async def set_system(self, text: str) -> None:
        """Set the text before the first turn; none where it is empty."""
        self.session.system = text
        self.save()
        await self.log_view.show_system(text)
        self._send_anew()

    async def command_theme(self, call: Call) -> None:
        """List the themes, or change to one."""
        named = call.argument.lower()
        if not named:
            from chat.tui.screens.help import ThemesScreen

            self.app.push_screen(ThemesScreen())
            return
        if named not in self.app.available_themes:
            raise UsageError(f"{unknown('theme', named, [*self.app.available_themes])}: /theme lists them")
        self.app.theme = named
        self.say(f'The theme is {named}; theme = "{named}" in the config keeps it.', is_problem=False)
