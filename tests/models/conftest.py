"""A tiny checkpoint of each kind, written and loaded once for a module of tests."""

import pytest

from tests.models.reference import Tiny
from tests.models.tiny import KINDS, write_checkpoint


@pytest.fixture(scope="module")
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkpoint of the kind that the test names."""
    import torch
    import transformers
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    kind = KINDS[request.param]
    folder = write_checkpoint(kind, tmp_path_factory.mktemp("tiny") / "checkpoint")
    is_smolvlm2 = kind.model_type == "smolvlm"
    model_class = getattr(transformers, f"{'SmolVLM' if is_smolvlm2 else 'Idefics3'}ForConditionalGeneration")
    processor_class = SmolVLMImageProcessorPil if is_smolvlm2 else Idefics3ImageProcessorPil
    return Tiny(
        request.param,
        kind,
        folder,
        model_class.from_pretrained(folder).eval(),
        processor_class.from_pretrained(folder, do_image_splitting=False),
        transformers.PreTrainedTokenizerFast.from_pretrained(folder),
    )
