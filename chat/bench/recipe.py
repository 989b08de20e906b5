"""The guides' recipe for a conversation: a family's own processor over all of it, then plain `generate`, every turn.

Nothing of this project's prompts, encoders or engines takes part, so that it can be compared with them: strings and
pictures go in, ids come out. Only which ids end a reply and which are never said is the same for both.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from transformers import AutoTokenizer, StoppingCriteria, StoppingCriteriaList

from chat.conversation import Conversation, Image, Role, Text, Turn
from chat.errors import GenerationError
from chat.images import decode
from chat.models.engine import Engine
from chat.models.request import HIGH

if TYPE_CHECKING:
    import PIL.Image

_UTTERANCE: Final = "<end_of_utterance>"

Items = list[Any]
"""Strings and pictures, as the model card of IDEFICS hands them to its processor."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the recipe answered, and how long it took."""

    token_ids: tuple[int, ...]
    prompt_tokens: int
    first_token_s: float
    """Seconds from the conversation to the first id."""
    tokens_per_s: float
    """After the first; 0 for a reply of one token."""
    afterwards_s: float = 0.0
    """Seconds of work behind the reply, before the next question can be answered."""


class Recipe:
    """A loaded model of transformers and its processor."""

    def __init__(
        self,
        model: Any,
        inputs: Callable[[Conversation], dict[str, Tensor]],
        picture: Callable[[Image], Any],
        closing_ids: Collection[int],
        banned_ids: Collection[int],
    ) -> None:
        """Take over a model in evaluation mode.

        Args:
            model: Of a class with `generate`.
            inputs: Runs the processor over a conversation that awaits a reply.
            picture: Gives a picture decoded, and keeps it.
            closing_ids: What ends a reply.
            banned_ids: What is never said.
        """
        self._model = model
        self._inputs = inputs
        self._picture = picture
        self._closing = sorted(closing_ids)
        self._banned = [[token_id] for token_id in sorted(banned_ids)]

    def show(self, images: Sequence[Image]) -> None:
        """Let the recipe's user open pictures before their question is asked."""
        for image in images:
            self._picture(image)

    def answer(self, conversation: Conversation, max_new_tokens: int) -> Answer:
        """Process and answer a whole conversation, greedily; raises GenerationError."""
        started = time.perf_counter()
        inputs = {name: tensor.to(self._model.device) for name, tensor in self._inputs(conversation).items()}
        times = _Times()
        try:
            with torch.inference_mode():
                output = self._model.generate(
                    **inputs,
                    eos_token_id=self._closing,
                    bad_words_ids=self._banned,
                    max_new_tokens=max_new_tokens,
                    do_sample=False,
                    pad_token_id=0,
                    stopping_criteria=StoppingCriteriaList([times]),
                )
        # As with our own forward passes, nobody lists what this may raise.
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise GenerationError(f"the recipe failed: {reason}") from error
        length = inputs["input_ids"].shape[1]
        ids = tuple(output[0, length:].tolist())
        return Answer(ids, length, times.seen[0] - started, pace(times.seen[: len(ids)]))


def pace(times: Sequence[float]) -> float:
    """Tokens per second after the first, told from when each came; 0 for one token or none."""
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


class _Times(StoppingCriteria):
    """Stops nothing; notes when every token has come."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        # An accelerator is asked for the token itself: until then it may only have been told to compute it.
        input_ids[0, -1].item()
        self.seen.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


class _Pictures:
    """Pictures as whoever follows a recipe holds them: decoded, once each."""

    def __init__(self) -> None:
        self._decoded: dict[str, PIL.Image.Image] = {}

    def __call__(self, image: Image) -> "PIL.Image.Image":
        return self._decoded.setdefault(image.digest, decode(image))


def recipe_of(model: Any, folder: Path, image_detail: str, engine: Engine) -> Recipe:
    """The recipe for a checkpoint.

    Args:
        model: In evaluation mode, of one of the families that can be loaded.
        folder: Where the checkpoint's files are.
        image_detail: Whether pictures are cut into tiles, in the families that can.
        engine: Over the same checkpoint; it tells what ends a reply and what is never said.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    is_listed = model.config.model_type == "idefics"
    picture = _Pictures()
    inputs = (
        _list_inputs(tokenizer, folder, picture)
        if is_listed
        else _template_inputs(model, tokenizer, folder, image_detail, picture)
    )
    closing = {*engine.eos_ids, *([] if engine.utterance_id is None else [engine.utterance_id])}
    return Recipe(model, inputs, picture, closing, engine.banned_ids)


def _list_inputs(
    tokenizer: Any, folder: Path, picture: Callable[[Image], Any]
) -> Callable[[Conversation], dict[str, Tensor]]:
    """What IDEFICS' processor makes of a list of strings and pictures."""
    from transformers import IdeficsProcessor
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    processor = IdeficsProcessor(IdeficsImageProcessorPil.from_pretrained(folder, local_files_only=True), tokenizer)

    def inputs(conversation: Conversation) -> dict[str, Tensor]:
        items = listed(conversation, picture)
        return dict(processor(text=items, add_end_of_utterance_token=False, return_tensors="pt"))

    return inputs


def _template_inputs(
    model: Any, tokenizer: Any, folder: Path, image_detail: str, picture: Callable[[Image], Any]
) -> Callable[[Conversation], dict[str, Tensor]]:
    """What a family's processor makes of its chat template and pictures."""
    from transformers import Idefics2Processor, Idefics3Processor
    from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    # That of SmolVLM2 asks for packages that only films need; for pictures, that of Idefics3 writes the same.
    image_processor_class, processor_class = {
        "idefics2": (Idefics2ImageProcessorPil, Idefics2Processor),
        "idefics3": (Idefics3ImageProcessorPil, Idefics3Processor),
        "smolvlm": (SmolVLMImageProcessorPil, Idefics3Processor),
    }[model.config.model_type]
    image_processor = image_processor_class.from_pretrained(
        folder, local_files_only=True, do_image_splitting=image_detail == HIGH
    )
    processor = processor_class(image_processor, tokenizer, image_seq_len=_view_tokens(model.config))

    def inputs(conversation: Conversation) -> dict[str, Tensor]:
        messages = [_message(turn) for turn in conversation.turns]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        pictures = [picture(image) for image in conversation.images]
        return dict(processor(text=text, images=[pictures] if pictures else None, return_tensors="pt"))

    return inputs


def _view_tokens(config: Any) -> int:
    """How many tokens stand for a picture or a tile of it."""
    if config.model_type == "idefics2":
        return int(config.perceiver_config.resampler_n_latents)
    vision = config.vision_config
    return int((vision.image_size // vision.patch_size) ** 2 // config.scale_factor**2)


def listed(conversation: Conversation, picture: Callable[[Image], Any]) -> Items:
    """A conversation without a system text as the model card of IDEFICS lists it, up to `Assistant:`."""
    items: Items = []
    text = ""
    for number, turn in enumerate(conversation.turns):
        line_end = "\n" if number else ""
        if turn.role is Role.ASSISTANT:
            text += f"{line_end}Assistant: {turn.text}{_UTTERANCE}"
            continue
        text += f"{line_end}User:"
        for place, part in enumerate(turn.parts):
            if isinstance(part, Text):
                text += f"{'' if place else ' '}{part.text}"
            else:
                items += [text, picture(part)]
                text = ""
        text += _UTTERANCE
    return [*items, f"{text}\nAssistant:"]


def _message(turn: Turn) -> dict[str, Any]:
    """A turn as a chat template takes it."""
    content = [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image"} for part in turn.parts
    ]
    return {"role": str(turn.role), "content": content}
