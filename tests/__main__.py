"""The gate: format, lint, types, import contracts, tests. `python -m tests` runs all of it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", *sys.argv[1:]),
)


def main() -> int:
    """Run every check with the tools of this Python's environment; gives the first exit code that is not 0."""
    tools = Path(sys.executable).parent
    for name, *arguments in CHECKS:
        print(f"--- {name} {' '.join(arguments)}", flush=True)
        code = subprocess.run([tools / name, *arguments], cwd=ROOT, check=False).returncode
        if code:
            print(f"--- {name} failed", flush=True)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
