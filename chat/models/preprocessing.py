"""What an image processor hands to the model, turned back into a picture that a person can look at."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
from torch import Tensor

from chat.seen import SeenPicture, View


def seen_picture(views: Sequence[View], rows: int, columns: int) -> SeenPicture:
    """A picture by its views in the order of these families: the tiles row by row, and the whole at last."""
    *tiles, whole = views
    return SeenPicture(whole, tuple(tiles), rows, columns)


def view_of(pixels: Tensor, processor: Any, mask: Tensor | None = None) -> View:
    """A view as it was before its values were shifted and scaled to what the model was trained on.

    Args:
        pixels: As the processor gives them, (3, height, width).
        processor: Whose settings tell what was done.
        mask: Where the picture is, (height, width); around it there is padding, which is left out.
    """
    values = pixels.detach().double().cpu().numpy()
    if mask is not None:
        inside = np.argwhere(mask.cpu().numpy())
        (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0)
        values = values[:, top : bottom + 1, left : right + 1]
    if getattr(processor, "do_normalize", True):
        shape = (-1, 1, 1)
        values = values * np.reshape(processor.image_std, shape) + np.reshape(processor.image_mean, shape)
    if getattr(processor, "do_rescale", True):
        values = values / processor.rescale_factor
    rgb = values.round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    written = io.BytesIO()
    # Hardly smaller with more effort, and somebody waits for it.
    PIL.Image.fromarray(rgb, "RGB").save(written, "PNG", compress_level=1)
    return View(written.getvalue(), rgb.shape[1], rgb.shape[0])
