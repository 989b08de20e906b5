"""What Textual fails on when keys and clicks come between two layouts."""

from textual.app import App, ComposeResult
from textual.widgets import Static

from chat.tui.screens.layer import SizedScreen
from chat.tui.widgets.choices import Choices


class Few(SizedScreen[None]):
    def compose(self) -> ComposeResult:
        yield Choices("one", "two", "three")
        yield Static("words")


class FewApp(App[None]):
    def get_default_screen(self) -> SizedScreen[None]:
        return Few()


async def test_a_list_without_room_goes_up_and_down_by_nothing() -> None:
    app = FewApp()
    async with app.run_test() as pilot:
        choices = app.screen.query_one(Choices)
        choices.highlighted = 1
        choices.styles.height = 0
        await pilot.pause()
        choices.clear_options().add_options(["one", "two"])
        choices.highlighted = 1
        choices.action_page_up()
        choices.action_page_down()
        assert choices.highlighted == 1
        choices.styles.height = 3
        await pilot.pause()
        choices.action_page_up()
        assert choices.highlighted == 0


async def test_a_widget_that_is_gone_and_still_drawn_begins_no_selection() -> None:
    app = FewApp()
    async with app.run_test() as pilot:
        words = app.screen.query_one(Static)
        place = words.region.offset
        assert app.screen.get_widget_and_offset_at(*place)[0] is words
        with app.batch_update():
            await words.remove()
            assert app.screen.get_widget_and_offset_at(*place) == (None, None)
        await pilot.click(offset=place)
