"""A Python that has imported what a model needs, and becomes the program: `python -m tests.cli.warm`.

Importing torch and transformers takes most of the time of a short answer. For every line on stdin, a process is forked
off that goes on as `python -m chat` would: nothing of the program is imported before, and no run knows of another. Its
exit code is written to stdout. What an import says on stderr is heard where tests start the program itself.
"""

import gc
import json
import os
import runpy
import sys

# By what the program takes from them, as transformers imports a module when it is asked for one of its names.
from transformers import GenerationConfig, IdeficsForVisionText2Text, LlamaTokenizer  # noqa: F401
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil  # noqa: F401


def main() -> None:
    """Fork as often as asked; a fork leaves the loop and becomes the program."""
    asked, told = os.dup(0), os.dup(1)
    # A fork shares this memory, until something is written to it: looking for garbage writes everywhere.
    gc.freeze()
    for line in open(asked):
        child = os.fork()
        if not child:
            os.close(told)
            return become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    return None


def become(arguments: list[str], cwd: str, environment: dict[str, str], files: list[str]) -> None:
    """Run the program in a folder, on files in the place of stdin, stdout and stderr."""
    for descriptor, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDWR), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    # As `python -m` has them.
    sys.argv, sys.path[0] = ["chat", *arguments], cwd
    runpy.run_module("chat", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
