"""The recipes of the guides: a family's own processor on strings and pictures, then plain `generate`, for every turn.

Nothing of our prompt, encoder or engine takes part.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Final

import torch

from chat.conversation import Conversation, Image
from chat.generation import GenerationSettings
from chat.images import decode
from chat.models.tokens import Key
from tests.benign import reference_list
from tests.models.reference import Tiny
from tests.models.tiny import messages_of

UTTERANCE: Final = "<end_of_utterance>"
_QUIET: Final = 0.5


class Recipe(ABC):
    """A loaded model and its processor."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self._image_id = self.tokenizer.convert_tokens_to_ids("<image>")
        added = {*self.tokenizer.added_tokens_decoder}
        self.closing_ids = {self.tokenizer.convert_tokens_to_ids(UTTERANCE), *(_eos_ids(model) & added)}
        self._banned = [[token_id] for token_id in sorted(added - self.closing_ids)]

    @abstractmethod
    def inputs(self, conversation: Conversation) -> dict[str, torch.Tensor]:
        """What the processor makes of a conversation that awaits a reply."""

    def reply(self, conversation: Conversation, settings: GenerationSettings) -> tuple[list[Key], list[int]]:
        """The tokens of the whole conversation, and the ids that `generate` adds to them."""
        inputs = self.inputs(conversation)
        chosen: dict[str, Any] = {"do_sample": False}
        if settings.temperature:
            chosen = {"do_sample": True, "temperature": settings.temperature, "top_k": 0}
            torch.manual_seed(settings.seed or 0)
        output = self.model.generate(
            **inputs,
            **chosen,
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=sorted(self.closing_ids),
            bad_words_ids=self._banned,
            pad_token_id=0,
        )
        length = inputs["input_ids"].shape[1]
        return self._keys(output[0, :length].tolist(), conversation.images), output[0, length:].tolist()

    def keys(self, conversation: Conversation) -> list[Key]:
        """The tokens of a conversation that awaits a reply."""
        return self._keys(self.inputs(conversation)["input_ids"][0].tolist(), conversation.images)

    def _keys(self, ids: list[int], images: tuple[Image, ...]) -> list[Key]:
        """The tokens, those of a picture with its digest."""
        tokens_of_one = ids.count(self._image_id) // len(images) if images else 0
        digests = iter([image.digest for image in images for _ in range(tokens_of_one)])
        return [(token_id, next(digests) if token_id == self._image_id else "") for token_id in ids]

    def reads_back(self, text: str, ids: tuple[int, ...]) -> bool:
        """Whether a reply's text, written into the next prompt, is tokenized to the ids that were generated."""
        opened = self._ids_of(f"{UTTERANCE}\nAssistant:")
        return self._ids_of(f"{UTTERANCE}\nAssistant: {text}{UTTERANCE}")[:-1] == [*opened, *ids]

    def ids_before_next(self) -> list[int]:
        """What stands between a reply and anything that the user may say next."""
        return self._ids_of(f"{UTTERANCE}\nUser:")

    def _ids_of(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def make_readable(self) -> None:
        """Make the model say words, most of the time, whose text is tokenized to the same ids again.

        Words that begin with a space never join with their neighbours. The others are said with a lower voice.
        """
        quiet = [
            token_id
            for token_id in range(len(self.tokenizer))
            if token_id not in self.closing_ids and not self._is_readable(token_id)
        ]
        rows = self.model.lm_head.weight
        with torch.no_grad():
            rows[[token_id for token_id in quiet if token_id < len(rows)]] *= _QUIET

    def _is_readable(self, token_id: int) -> bool:
        text = self.tokenizer.decode([token_id])
        is_word = self.tokenizer.convert_ids_to_tokens(token_id)[0] in "▁Ġ"
        return is_word and bool(text.strip()) and self.reads_back(text.removeprefix(" "), (token_id,))


class ListRecipe(Recipe):
    """That of IDEFICS: a list of strings and pictures."""

    def inputs(self, conversation: Conversation) -> dict[str, torch.Tensor]:
        """What `IdeficsProcessor` makes of the model card's list."""
        items = reference_list(conversation)
        return dict(self.processor(text=items, add_end_of_utterance_token=False, return_tensors="pt"))


class TemplateRecipe(Recipe):
    """That of the families with a chat template."""

    def inputs(self, conversation: Conversation) -> dict[str, torch.Tensor]:
        """What the processor makes of the rendered template."""
        messages = messages_of(conversation)
        text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        pictures = [decode(image) for image in conversation.images]
        return dict(
            self.processor(
                text=text, images=[pictures] if pictures else None, return_tensors="pt", do_image_splitting=False
            )
        )


def _eos_ids(model: Any) -> set[int]:
    """Every end of text that one of the checkpoint's files names."""
    configs = (model.generation_config, model.config, model.config.get_text_config())
    named: list[Any] = [getattr(config, "eos_token_id", None) for config in configs]
    return {token_id for ids in named for token_id in (ids if isinstance(ids, list) else [ids])}


def idefics_recipe(folder: Path) -> Recipe:
    """The recipe for an IDEFICS checkpoint in a folder."""
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    return ListRecipe(IdeficsForVisionText2Text.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder))


def template_recipe(tiny: Tiny) -> Recipe:
    """The recipe for a tiny checkpoint of a family with a chat template."""
    return TemplateRecipe(tiny.model, tiny.processor())
