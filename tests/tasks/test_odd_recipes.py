"""Recipes that nobody would write by hand."""

from pathlib import Path

import pytest

from chat.errors import InputError
from chat.tasks.recipes import read_recipe
from chat.toml_lines import lines_of


def test_a_number_of_thousands_of_digits_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(f'text = "a"\nx = {"9" * 5000}\n')
    with pytest.raises(InputError, match=r"odd\.toml: line 1: is not TOML: it holds a number of thousands of digits"):
        read_recipe(path)


def test_the_lines_of_a_long_text_are_not_parsed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import chat.toml_lines

    parsed: list[int] = []
    parse = chat.toml_lines._parsed

    def counted(text: str) -> object:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(chat.toml_lines, "_parsed", counted)
    document = 'text = """\n' + "a line of it\n" * 5000 + '"""\nother = [\n"a",\n"b"\n]\n'
    found = lines_of(document)
    assert found[None, "text"] == (1, 5002)
    assert found[None, "other"] == (5003, 5006)
    assert sum(parsed) < 3 * len(document)
