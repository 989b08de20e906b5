"""Where a session is saved, as somebody typed it."""

from pathlib import Path

import pytest

from chat.talk.filing import export_file


@pytest.mark.parametrize(
    ("typed", "name", "overwrite"),
    [
        ("", "idefics-chat-abc.json", False),
        ("a talk.json", "a talk.json", False),
        ("a talk.json --overwrite", "a talk.json", True),
        ("--overwrite", "idefics-chat-abc.json", True),
        ("talk--overwrite", "talk--overwrite", False),
    ],
)
def test_a_file_may_be_replaced_where_the_end_says_so(typed: str, name: str, overwrite: bool) -> None:
    assert export_file(typed, "abc") == (Path.cwd() / name, overwrite)
