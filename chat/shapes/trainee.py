"""The model in training: its throw-away heads, its optimizer, and all that a stopped run needs to go on."""

from functools import partial
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import IdeficsForVisionText2Text

from chat.shapes.architecture import (
    HIDDEN_SIZE,
    IMAGE_SIZE,
    LATENTS,
    PATCH_SIZE,
    VISION_WIDTH,
    new_model,
    shapes_config,
)
from chat.shapes.batches import Batch, normalise
from chat.shapes.dialogues import MOST_PICTURES
from chat.shapes.scenes import Colour, Kind, Place

_FIRST, _SECOND = len(Kind) + 1, len(Colour) + 1
_SLOTS: Final = 8
"""Latents that answer for one thing each: four places, then four kinds. The eight after them answer for colours."""

_MEMORY_LAYER: Final = 2
"""The decoder layer after which a fence must hold its picture: the layers behind it can still read it from there."""

_RECOLLECTION_LAYER: Final = 3
"""The decoder layer after which the token before an answer must hold the picture that is asked about."""

_ANSWERING_LAYER: Final = 4
"""The decoder layer after which every token of an answer must hold it: the last layer then chooses the next word."""


class Heads(nn.Module):
    """Throw-away heads that ask the latents, the patches and the text stream what lies where."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Linear(VISION_WIDTH, _FIRST + _SECOND)
        self.patches = nn.Linear(VISION_WIDTH, _FIRST + _SECOND)
        self.memory = nn.Linear(HIDDEN_SIZE, _SLOTS * (_FIRST + _SECOND))
        self.ordinal = nn.Linear(HIDDEN_SIZE, MOST_PICTURES)
        self.recollection = nn.Linear(HIDDEN_SIZE, _SLOTS * (_FIRST + _SECOND))
        self.answering = nn.Linear(HIDDEN_SIZE, _SLOTS * (_FIRST + _SECOND))
        self.colours = nn.Linear(VISION_WIDTH, len(Place) * _FIRST)
        side = IMAGE_SIZE // PATCH_SIZE
        half = side // 2
        cells = [(row // half) * 2 + column // half for row in range(side) for column in range(side)]
        self.cell_of_patch = torch.tensor(cells)

    def sight_loss(self, patches: Tensor, latents: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of what lies where, asked of the latents and the patches.

        Args:
            patches: (P, patches + 1, width), the vision tower's output with its class token.
            latents: (P, latents, width).
            labels: (P, 16), see `scene_labels`.
        """
        slots = _pair_loss(self.latents(latents[:, :_SLOTS]), labels[:, 0::2], labels[:, 1::2])
        cells = self.cell_of_patch
        dense = _pair_loss(self.patches(patches[:, 1:]), labels[:, 0:8:2][:, cells], labels[:, 1:8:2][:, cells])
        return slots + dense + self._colour_loss(latents[:, _SLOTS:], labels)

    def _colour_loss(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Each colour's latent must say which kind of shape has it at each place, 0 for none."""
        kinds, colours = labels[:, 0:8:2], labels[:, 1:8:2]
        has_colour = colours[:, None] == torch.arange(1, len(Colour) + 1)[:, None]  # (P, colours, places)
        answers = self.colours(latents).unflatten(-1, (len(Place), _FIRST))
        return F.cross_entropy(answers.flatten(0, 2), (kinds[:, None] * has_colour).flatten())

    def memory_loss(self, fences: Tensor, labels: Tensor, ordinals: Tensor) -> Tensor:
        """Cross-entropy of what lies where, and of which picture it is, asked of the fences behind pictures.

        Args:
            fences: (P, hidden), the text stream after the memory layer.
            labels: (P, 16), see `scene_labels`.
            ordinals: (P,), 0 for a conversation's first picture.
        """
        return _slots_loss(self.memory(fences), labels) + F.cross_entropy(self.ordinal(fences), ordinals)

    def recollection_loss(self, asked: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of what lies where in the picture asked about, asked of the tokens before answers.

        Args:
            asked: (R, hidden), the text stream after the recollection layer.
            labels: (R, 16), see `scene_labels`.
        """
        return _slots_loss(self.recollection(asked), labels)

    def answering_loss(self, answering: Tensor, labels: Tensor) -> Tensor:
        """The same, asked of every token of an answer, (A, hidden) after the answering layer, with labels (A, 16)."""
        return _slots_loss(self.answering(answering), labels)

    @torch.no_grad()
    def all_right(self, latents: Tensor, labels: Tensor) -> float:
        """The share of pictures of which every slot is right."""
        answers = self.latents(latents[:, :_SLOTS])
        first = answers[..., :_FIRST].argmax(-1) == labels[:, 0::2]
        second = answers[..., _FIRST:].argmax(-1) == labels[:, 1::2]
        return float((first & second).all(1).float().mean())


def _slots_loss(answers: Tensor, labels: Tensor) -> Tensor:
    return _pair_loss(answers.unflatten(-1, (_SLOTS, _FIRST + _SECOND)), labels[:, 0::2], labels[:, 1::2])


def _pair_loss(answers: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return F.cross_entropy(answers[..., :_FIRST].flatten(0, 1), first.flatten()) + F.cross_entropy(
        answers[..., _FIRST:].flatten(0, 1), second.flatten()
    )


class Trainee:
    """The model in training, its heads and its optimizer: all that a stopped run needs to go on."""

    def __init__(self, vocab_size: int, seed: int, learning_rate: float) -> None:
        self.model: IdeficsForVisionText2Text = new_model(shapes_config(vocab_size), seed)
        self.model.train()
        self.heads = Heads()
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        groups = [{"params": list(module.parameters())} for module in (self.model, self.heads)]
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.step = 0
        self._streams: dict[int, Tensor] = {}
        for layer in (_MEMORY_LAYER, _RECOLLECTION_LAYER, _ANSWERING_LAYER):
            self.model.model.layers[layer].register_forward_hook(partial(self._keep_stream, layer))

    def _keep_stream(self, layer: int, _: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        self._streams[layer] = output if isinstance(output, Tensor) else output[0]

    def memory_loss(self, batch: Batch, labels: Tensor, image_id: int) -> Tensor:
        """The loss of the memory lesson for the batch that was computed last; labels (P, 16) of its pictures."""
        rows, columns = torch.nonzero(batch.token_ids == image_id, as_tuple=True)
        fences = self._streams[_MEMORY_LAYER][rows, columns + 1]
        return self.heads.memory_loss(fences, labels, batch.places % MOST_PICTURES)

    def recollection_loss(self, batch: Batch, album_labels: Tensor) -> Tensor:
        """The loss of the recollection lesson for the batch that was computed last; labels of the whole album."""
        rows, columns, numbers = batch.recollections.unbind(1)
        asked = self.heads.recollection_loss(self._streams[_RECOLLECTION_LAYER][rows, columns], album_labels[numbers])
        rows, columns, numbers = batch.answering.unbind(1)
        return asked + self.heads.answering_loss(self._streams[_ANSWERING_LAYER][rows, columns], album_labels[numbers])

    def look(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (P, patches + 1, width) and latents (P, latents, width) of pictures given as bytes."""
        patches = self.model.model.vision_model(pixel_values=normalise(pixels)).last_hidden_state
        return patches, self.model.model.perceiver_resampler(patches)

    def logits(self, batch: Batch, latents: Tensor) -> Tensor:
        """Logits (answers' tokens, vocabulary) for the tokens of every answer in the batch."""
        rows = batch.token_ids.shape[0]
        embeddings = latents.new_zeros(rows * MOST_PICTURES, LATENTS, VISION_WIDTH)
        embeddings = embeddings.index_copy(0, batch.places, latents)
        hidden = self.model.model(
            input_ids=batch.token_ids,
            attention_mask=batch.attention_mask,
            perceiver_embeddings=embeddings,
            image_attention_mask=batch.image_attention_mask,
            use_cache=False,
        ).last_hidden_state
        logits: Tensor = self.model.lm_head(hidden[:, :-1][batch.is_answer[:, 1:]])
        return logits

    def learn(self, loss: Tensor, rate: float, heads_rate: float) -> None:
        """One optimizer step, at one learning rate for the model and one for the heads."""
        for group, its_rate in zip(self.optimizer.param_groups, (rate, heads_rate), strict=True):
            group["lr"] = its_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1

    def save(self, path: Path) -> None:
        """Write the state next to `path` and move it there, so that a stop in between loses nothing."""
        state = {
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        fresh = path.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(path)

    def begin_from(self, checkpoint: Path) -> None:
        """Take the weights of a finished checkpoint. Its heads are gone: they must be learnt anew."""
        finished = IdeficsForVisionText2Text.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.load_state_dict(finished.state_dict())

    def load(self, path: Path) -> None:
        """Go on from a saved state."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
