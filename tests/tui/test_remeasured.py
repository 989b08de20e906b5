"""What is shown anew has its own size, whatever is laid out meanwhile."""

from textual.app import App, ComposeResult

from chat.tui.prompt_lines import Line, Look
from chat.tui.widgets.lines import LinesView

LONG: tuple[Line, ...] = ((("a", Look.PLAIN),),) * 9


class LinesApp(App[None]):
    CSS = "LinesView { height: auto; }"

    def compose(self) -> ComposeResult:
        yield LinesView()


async def test_a_layout_between_two_texts_leaves_nothing_of_the_first_ones_size() -> None:
    app = LinesApp()
    async with app.run_test() as pilot:
        view = app.query_one(LinesView)
        await pilot.pause()
        view.show(LONG)
        # Something else has asked for a layout before this widget has its turn.
        app.screen._clear_arrangement_cache()
        app.screen._refresh_layout()
        view.show(LONG[:2])
        await pilot.pause()
        await pilot.pause()
        assert view.size.height == 2
