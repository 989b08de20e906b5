"""A text in the user's own editor, which has the terminal for as long as it runs."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from chat.errors import InputError, UsageError
from chat.files import read_file
from chat.safe_text import short_line

_USUAL: Final = ("nano", "vi", "notepad")
_MOST_BYTES: Final = 2**26


def editor_command(configured: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The words of the command that starts the user's editor.

    Args:
        configured: What the config names; VISUAL and EDITOR win over it.
        environ: Where those are looked for.

    Raises:
        UsageError: There is none, or what is set is no command.
    """
    named = environ.get("VISUAL") or environ.get("EDITOR") or configured
    try:
        words = shlex.split(named) or [name for name in _USUAL if shutil.which(name)][:1]
    except ValueError as error:
        raise UsageError(f"The editor {short_line(named, 60)} is no command: close its quotes.") from error
    if not words:
        raise UsageError("No editor is set: set EDITOR, or `editor` in the config.")
    return words


def edited(text: str, command: list[str]) -> str:
    """The text as the editor left it. The terminal is the editor's; the caller sees to that.

    The file is readable by its owner alone, and gone afterwards.

    Raises:
        InputError: The editor could not be started, failed, or left what cannot be read; that stays where it is.
    """
    descriptor, name = tempfile.mkstemp(prefix="idefics-chat-", suffix=".txt")
    path = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        _run([*command, name])
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    try:
        left = read_file(path, most_bytes=_MOST_BYTES, error=InputError).decode("utf-8")
    except (InputError, UnicodeDecodeError) as error:
        problem = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        raise InputError(f"What the editor wrote {problem}: it is in {short_line(name)}.") from error
    path.unlink(missing_ok=True)
    # Most editors end the last line.
    return left if text.endswith("\n") else left.removesuffix("\n").removesuffix("\r")


def _run(command: list[str]) -> None:
    shown = short_line(command[0], 60)
    try:
        editor = subprocess.Popen(command)
    except OSError as error:
        raise InputError(f"The editor {shown} cannot be started: {error.strerror}.") from error
    with _signals_for(editor):
        code = editor.wait()
    if code:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with {code}"
        raise InputError(f"The editor {shown} {how}: the message is as it was.")


@contextmanager
def _signals_for(editor: "subprocess.Popen[bytes]") -> Iterator[None]:
    """While an editor runs, a request to end this program ends it first; ctrl-C is the editor's own matter."""

    def end(_: int, __: FrameType | None) -> None:
        with suppress(OSError):
            editor.terminate()

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
