"""Which checkpoint to load and how. Knows nothing of torch, so that options can be read without it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chat.errors import UsageError
from chat.safe_text import short_line

DTYPES: Final = ("auto", "float32", "float16", "bfloat16")
QUANTIZATIONS: Final = ("none", "8bit", "4bit")
_DEVICES: Final = re.compile(r"auto|cpu|mps|cuda(:\d+)?|xpu(:\d+)?")
HIGH: Final = "high"
"""The detail of pictures that are seen in parts as well as a whole."""
IMAGE_DETAILS: Final = ("low", HIGH)
APIS: Final = ("openai", "tgi")
"""What can be spoken to a server: OpenAI's chat completions, or text-generation-inference."""
_PLAIN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class CheckpointRequest:
    """What the user asked for."""

    name: str
    """A hub name, a folder, or what the bundled checkpoint or a server calls it; empty for a server's only one."""
    folder: Path | None = None
    """Where the files are, when that is known already."""
    revision: str | None = None
    dtype: str = "auto"
    quantize: str = "none"
    device: str = "auto"
    image_detail: str = "low"
    """Whether a picture is seen as a whole alone, in 64 to 169 tokens, or in parts, too, in hundreds to thousands.

    IDEFICS, the first of the families, sees every picture in one size.
    """
    is_demonstration: bool = False
    base_url: str = ""
    """Where the API of the server is that has it; empty for a checkpoint of this machine."""
    api: str = APIS[0]
    """What is spoken to that server."""

    @property
    def shown_name(self) -> str:
        """What to call it before more is known: its name, or the server's."""
        return self.name or urlsplit(self.base_url).netloc

    def __post_init__(self) -> None:
        if not self.name.strip() and not self.base_url:
            raise UsageError(
                "the checkpoint has no name: give a folder or a name such as HuggingFaceM4/idefics-9b-instruct"
            )
        if self.dtype not in DTYPES:
            raise UsageError(f"dtype is {self.dtype!r}: choose one of {', '.join(DTYPES)}")
        if self.quantize not in QUANTIZATIONS:
            raise UsageError(f"quantize is {self.quantize!r}: choose one of {', '.join(QUANTIZATIONS)}")
        if not _DEVICES.fullmatch(self.device):
            raise UsageError(f"device is {self.device!r}: choose one of auto, cpu, cuda, cuda:N, mps, xpu")
        if self.image_detail not in IMAGE_DETAILS:
            raise UsageError(f"image-detail is {self.image_detail!r}: choose one of {', '.join(IMAGE_DETAILS)}")
        if self.api not in APIS:
            raise UsageError(f"api is {self.api!r}: choose one of {', '.join(APIS)}")
        if self.base_url:
            _check_address(self.base_url)


def _check_address(base_url: str) -> None:
    """Refuse what is no address of a server, or has a secret in it that would be shown and kept."""
    try:
        parts = urlsplit(base_url)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_server = False
    if is_server and "@" in parts.netloc:
        raise UsageError("base-url has a name or a password in it: leave them out; IDEFICS_CHAT_API_KEY is for the key")
    if is_server and ("?" in base_url or "#" in base_url):
        raise UsageError("base-url has more than an address in it: it ends where its API is, such as with /v1")
    if not is_server or not _PLAIN.fullmatch(base_url):
        raise UsageError(
            f"base-url is {short_line(base_url, 80)}: give the address of a server such as http://localhost:8000/v1"
        )
