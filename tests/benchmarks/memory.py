"""Prints what `doctor` says a checkpoint takes beside what it then takes: `python -m tests.benchmarks.memory`."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chat.models.estimate import estimate
from chat.models.folder import check_folder, weight_files
from chat.models.headers import read_headers
from tests.benchmarks.medium import write_medium

MIB: Final = 2**20
MOST_WHILE_LOADING: Final = 1.15
"""Of what is in use once it is loaded."""
TOLERANCE: Final = 0.10

CHECKPOINTS: Final[list[tuple[str, str, dict[str, int]]]] = [
    ("Idefics", "float32", {"hidden": 512, "layers": 8, "seen_hidden": 384}),
    ("Idefics", "bfloat16", {"hidden": 1024, "layers": 10, "seen_hidden": 512}),
    ("Idefics2", "bfloat16", {"hidden": 768, "layers": 8, "seen_hidden": 384}),
    ("Idefics3", "bfloat16", {"hidden": 1024, "layers": 12, "seen_hidden": 512}),
    ("SmolVLM2", "float32", {"hidden": 640, "layers": 10, "seen_hidden": 384}),
]
"""Kind, precision in the file, and sizes."""

CHOICES: Final[list[dict[str, str]]] = [{}, {"dtype": "bfloat16"}, {"quantize": "8bit"}, {"quantize": "4bit"}]
"""Options of the loading; without any, a CPU computes in full precision."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One loading and one conversation that fills the context, in bytes."""

    estimated: int
    peak: int
    """The most at any time."""
    loading_peak: int
    loaded: int

    @property
    def ratio(self) -> float:
        """What was told over what it was."""
        return self.estimated / self.peak

    @property
    def loading_ratio(self) -> float:
        """The most while loading over what stays."""
        return self.loading_peak / self.loaded


def measure(folder: Path, options: dict[str, str]) -> Measured:
    """Load a checkpoint in a process of its own and fill its context."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.memory_child", str(folder), json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    need = estimate(
        check_folder(folder),
        read_headers(weight_files(folder)),
        dtype=found["dtype"],
        quantize=options.get("quantize", "none"),
    )
    return Measured(need.total, found["peak"], found["loading_peak"], found["loaded"])


def main() -> None:
    """Measure every checkpoint in every way and print a Markdown table."""
    print("| checkpoint | loaded as | told | measured | told / measured | while loading / loaded | |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for kind, dtype, sizes in CHECKPOINTS:
            folder = write_medium(kind, Path(name) / f"{kind}-{sizes['hidden']}", dtype, **sizes)
            for options in CHOICES:
                found = measure(folder, options)
                is_kept = abs(found.ratio - 1) <= TOLERANCE and found.loading_ratio <= MOST_WHILE_LOADING
                print(
                    f"| {folder.name} ({dtype}) | {' '.join(options.values()) or 'float32'} "
                    f"| {found.estimated / MIB:,.0f} MiB | {found.peak / MIB:,.0f} MiB "
                    f"| {found.ratio:.2f} | {found.loading_ratio:.2f} | {'kept' if is_kept else '**missed**'} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
