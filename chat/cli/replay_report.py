"""The file that a comparison is written to: a page to read, or a document for programs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chat.errors import InputError, UsageError
from chat.files import check_free, write_file
from chat.replay.report import Report
from chat.safe_text import json_line, short_line

_PAGES: Final = (".html", ".htm")
_DOCUMENTS: Final = (".json",)


class ReportFile:
    """Where a report is to lie."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """See before anything is computed that it can be written.

        Args:
            path: Its ending says what it is.
            overwrite: Replace a file that is there.

        Raises:
            UsageError: The ending is none that is known.
            InputError: There is such a file already, or no such folder.
        """
        self._path, self._overwrite = path, overwrite
        shown = short_line(str(path))
        if path.suffix.lower() not in (*_PAGES, *_DOCUMENTS):
            raise UsageError(f"--report {shown}: end its name with .html for a page, or .json for a document")
        if not path.absolute().parent.is_dir():
            raise InputError(f"{shown}: there is no such folder: make it first")
        if not overwrite:
            check_free(path, b"", error=InputError)

    def write(self, report: Report) -> str:
        """Write it, whole or not at all; gives what was done, in words.

        Raises:
            InputError: It cannot be written.
        """
        write_file(self._path, self._content(report).encode(), overwrite=self._overwrite, error=InputError)
        return f"saved the report as {self._path}"

    def _content(self, report: Report) -> str:
        if self._path.suffix.lower() in _DOCUMENTS:
            from chat.replay.report_json import comparison_document

            return f"{json_line(comparison_document(report))}\n"
        from chat.replay.report_html import comparison_page

        return "".join(comparison_page(report, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
