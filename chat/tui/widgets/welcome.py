"""What an empty conversation shows: a picture to talk about, questions to try, and where to go from there."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chat.conversation import Image
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.choices import Choices
from chat.tui.widgets.picture import PictureView, fixed_box

EXAMPLES: Final = ("What is in the picture?", "How many shapes are there?", "What is on the left?")

_DEMONSTRATION = Content.assemble(
    "The bundled model is a ", ("demonstration", "bold"), ": it knows coloured shapes and nothing else."
)
_ANY_MODEL = Content("Attach a picture and ask about it; later questions may come back to it.")


class Examples(Choices):
    """Questions to try; a key away from the empty composer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Ask", tooltip="Send this question"),
        Binding(
            "left", "other_sample(-1)", "Other picture", key_display="←→", tooltip="Show the other sample pictures"
        ),
        Binding("right", "other_sample(1)", "Other picture", show=False, id="next_sample"),
    ]

    class OtherSample(Message):
        """The next or the previous sample picture is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Left(Message):
        """The list was left downward."""

    def __init__(self) -> None:
        super().__init__(
            *(Option(Content.assemble((f"{GLYPHS.pointer}  ", "$text-primary"), text)) for text in EXAMPLES)
        )

    def action_other_sample(self, step: int) -> None:
        """Show another sample picture."""
        self.post_message(self.OtherSample(step))

    def action_cursor_down(self) -> None:
        """Past the last question comes the composer."""
        if self.highlighted == self.option_count - 1:
            self.post_message(self.Left())
        else:
            super().action_cursor_down()


class Welcome(Vertical):
    """The first thing somebody sees."""

    class Asked(Message):
        """One of the questions was chosen."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class SampleChosen(Message):
        """Another sample picture is shown."""

        def __init__(self, image: Image) -> None:
            super().__init__()
            self.image = image

    def __init__(self, *, is_demonstration: bool) -> None:
        super().__init__()
        self._is_demonstration = is_demonstration
        self._samples: Sequence[Image] = ()
        self._shown = 0

    def compose(self) -> ComposeResult:
        """Picture and questions side by side, ways on below."""
        with Horizontal(id="try"):
            yield Vertical(id="sample")
            with Vertical(id="words"):
                yield Static(Content.styled("Talk about a picture.", "bold"), markup=False)
                yield Static(_DEMONSTRATION if self._is_demonstration else _ANY_MODEL, markup=False, id="about")
        yield Static(self._ways_on(), markup=False, id="ways-on")

    def show_model(self, *, is_demonstration: bool) -> None:
        """Tell what there is to talk with."""
        self._is_demonstration = is_demonstration
        self.query_one("#about", Static).update(_DEMONSTRATION if is_demonstration else _ANY_MODEL)
        self.query_one("#ways-on", Static).update(self._ways_on())

    async def show_samples(self, samples: Sequence[Image]) -> None:
        """Show the first of the sample pictures, and the questions about it."""
        self._samples, self._shown = samples, 0
        self.set_class(bool(samples), "-with-samples")
        if not samples:
            return
        if not self.query(Examples):
            hint = Content.styled(f"Try one of these  {GLYPHS.up}", "$quiet")
            await self.query_one("#words").mount(Static(hint, markup=False, id="try-hint"), Examples())
        if picture_mode() is PictureMode.TEXT:
            return
        sample = self.query_one("#sample")
        await sample.remove_children()
        await sample.mount(PictureView(samples[0], fixed_box(20, 10)))
        if len(samples) > 1:
            await sample.mount(Static(self._sample_count(), markup=False, id="sample-count"))

    @property
    def shown_sample(self) -> Image | None:
        """The sample picture in view."""
        return self._samples[self._shown] if self._samples else None

    def focus_examples(self) -> None:
        """Go to the questions, the one next to the composer first; where there are none, nothing happens."""
        for examples in self.query(Examples):
            if self.display:
                examples.highlighted = examples.option_count - 1
                examples.focus()

    @property
    def first_example(self) -> str:
        """The question that comes first."""
        return EXAMPLES[0]

    def _sample_count(self) -> Content:
        return Content.styled(f"sample {self._shown + 1} of {len(self._samples)}", "$quiet")

    def _ways_on(self) -> Content:
        ways = Content.assemble(
            ("ctrl+o", "bold"), " choose · ", ("ctrl+v", "bold"), " paste · or drop it, or its path"
        )
        rows = [("Your picture", ways)]
        if self._is_demonstration:
            rows.append(("A full model", Content.assemble(("ctrl+l", "bold"), " see sizes and what fits this machine")))
        return Content("\n").join(Content.assemble((f"{name:<14}", "$quiet"), way) for name, way in rows)

    @on(Examples.OtherSample)
    def _show_other(self, message: Examples.OtherSample) -> None:
        message.stop()
        if len(self._samples) < 2:
            return
        self._shown = (self._shown + message.step) % len(self._samples)
        for view in self.query(PictureView):
            view.show(self._samples[self._shown])
        for count in self.query("#sample-count").results(Static):
            count.update(self._sample_count())
        self.post_message(self.SampleChosen(self._samples[self._shown]))

    @on(OptionList.OptionSelected)
    def _ask(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.post_message(self.Asked(EXAMPLES[message.option_index]))
