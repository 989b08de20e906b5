"""A Python that has imported what a model needs, and becomes the program: `python -m tests.cli.warm`.

Importing torch and transformers takes most of the time of a short answer. For every line on stdin, a process is forked
off that goes on as `python -m chat` would, or as `python -c` with a script: nothing of the program is imported before,
and no run knows of another. Its process id, and at the end its exit code, are written to stdout. What an import says on
stderr is heard where tests start the program itself.
"""

import atexit
import gc
import io
import json
import os
import runpy
import sys
import threading
from typing import NoReturn

# By what the program takes from them, as transformers imports a module when it is asked for one of its names.
from transformers import GenerationConfig, IdeficsForVisionText2Text, LlamaTokenizer  # noqa: F401
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil  # noqa: F401

from tests.cli.program import CLOSED, GONE


def main() -> None:
    """Fork as often as asked; a fork leaves the loop and becomes the program."""
    asked, told = os.dup(0), os.dup(1)
    # A fork shares this memory, until something is written to it: looking for garbage writes everywhere.
    gc.freeze()
    for line in open(asked):
        child = os.fork()
        if not child:
            os.close(told)
            become(**json.loads(line))
        os.write(told, b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))


def become(arguments: list[str], cwd: str, environment: dict[str, str], files: list[str], script: str) -> NoReturn:
    """Run the program, or a script, in a folder, on files in the place of stdin, stdout and stderr."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    begin_streams(files)
    # As `python -m` and `python -c` have them.
    sys.argv, sys.path[0] = ["chat", *arguments], "" if script else cwd
    try:
        if script:
            exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module("chat", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        end(ended.code)
    end(0)


def begin_streams(files: list[str]) -> None:
    """Open the standard streams as an interpreter does that begins with these files."""
    for descriptor, path in enumerate(files):
        if path == GONE:
            reader, opened = os.pipe()
            os.close(reader)
        elif path != CLOSED:
            opened = os.open(path, os.O_RDWR)
        if path != CLOSED:
            os.dup2(opened, descriptor)
            os.close(opened)
    is_unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for descriptor, (name, path) in enumerate(zip(("stdin", "stdout", "stderr"), files, strict=True)):
        before, stream = getattr(sys, name), None
        if path == CLOSED:
            os.close(descriptor)
        else:
            mode, is_raw = ("wb", is_unbuffered) if descriptor else ("rb", False)
            stream = io.TextIOWrapper(
                open(descriptor, mode, buffering=0 if is_raw else -1, closefd=False),
                encoding=before.encoding,
                errors=before.errors,
                line_buffering=name == "stderr",
                write_through=is_raw,
            )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def end(code: object) -> NoReturn:
    """End as an interpreter does, but for taking itself apart, which would write to all the memory that is shared."""
    threading._shutdown()  # type: ignore[attr-defined]  # an interpreter's own way to wait for its threads
    atexit._run_exitfuncs()
    exit_code = code if isinstance(code, int) else int(code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            exit_code = 120
    os._exit(exit_code)


if __name__ == "__main__":
    main()
