"""The gate: format, lint, types, import contracts, tests. `python -m tests` runs all of it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# One more than the two cores that a small machine has, since tests of a terminal wait a good part of their time; no
# more, since each may come to hold two gigabytes. Each begins with its share of the tests in their order, which shares
# what a module sets up, and who is done first takes some of the rest.
WORKERS = ("-n", "3", "--dist", "worksteal") if (os.cpu_count() or 1) > 1 else ()
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", *WORKERS, *sys.argv[1:]),
)
# A thread of torch that waits for the others keeps its core from the tests beside it.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def main() -> int:
    """Run every check with the tools of this Python's environment; gives the first exit code that is not 0."""
    tools = Path(sys.executable).parent
    for name, *arguments in CHECKS:
        print(f"--- {name} {' '.join(arguments)}", flush=True)
        code = subprocess.run([tools / name, *arguments], cwd=ROOT, env=ENVIRONMENT, check=False).returncode
        if code:
            print(f"--- {name} failed", flush=True)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
