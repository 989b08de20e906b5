"""Tiny checkpoints, written once for a module of tests."""

from pathlib import Path

import pytest

from tests.models.reference import Tiny
from tests.models.tiny import KINDS, write_checkpoint
from tests.models.tiny_idefics import write_idefics


@pytest.fixture(scope="module", params=["IDEFICS", *KINDS])
def family_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of every family, as files."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    path = tmp_path_factory.mktemp("tiny") / "checkpoint"
    if request.param == "IDEFICS":
        return write_idefics(path, has_resampler=True)
    return write_checkpoint(KINDS[request.param], path)


@pytest.fixture(scope="module")
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkpoint of the kind that the test names."""
    import torch
    import transformers
    from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    kind = KINDS[request.param]
    folder = write_checkpoint(kind, tmp_path_factory.mktemp("tiny") / "checkpoint")
    processors = (Idefics2ImageProcessorPil, Idefics3ImageProcessorPil, SmolVLMImageProcessorPil)
    (processor_class,) = (one for one in processors if one.__name__.startswith(kind.class_name))
    model_class = getattr(transformers, f"{kind.class_name}ForConditionalGeneration")
    return Tiny(
        request.param,
        kind,
        folder,
        model_class.from_pretrained(folder).eval(),
        processor_class.from_pretrained(folder, do_image_splitting=False),
        transformers.AutoTokenizer.from_pretrained(folder),
    )
