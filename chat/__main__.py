"""Starts the program: `idefics-chat`, or `python -m chat`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Nothing that a start imports is garbage, and looking for it takes a tenth of the time until the first frame. What
    # runs for long switches it on again.
    gc.disable()
    # Conversations are private: no file of this process is readable for others, whoever creates it.
    os.umask(0o077)
    try:
        from chat.cli.app import run
    except KeyboardInterrupt:
        # `INTERRUPTED` of what could not be imported.
        sys.exit(130)
    exit_code = run(sys.argv[1:])
    # Python looks for garbage once more when it ends, and what is there is let go with the process.
    gc.freeze()
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
