"""Where the blocks of a text begin and end, however the text comes in pieces."""

import random

import pytest

from chat.talk.blocks import MOST_LIST_LINES, Block, BlockReader, CodeBegun, Grown, Kind, blocks_of, code_of

TEXT = """Two shapes:
one is red.

# A heading
straight after it
- one
- two

  still two
- three

After the list
```python
if x:

    # no heading
- no item
```
after the fence
| a | b |
|---|---|
| 1 | 2 |

1. first
   ```
   inner

   more
   ```
2. second

> a quote
> goes on

~~~
``` inside
~~~
---
the **end**

```js
never closed
"""


def _read(text: str, lengths: "random.Random | None" = None) -> list[Grown | CodeBegun | Block]:
    reader = BlockReader()
    events: list[Grown | CodeBegun | Block] = []
    at = 0
    while at < len(text):
        end = at + (lengths.randint(1, 9) if lengths else len(text))
        events += reader.add(text[at:end])
        at = end
    return [*events, *reader.end()]


def test_every_block_is_found() -> None:
    assert [(block.kind.value, block.language, block.text) for block in blocks_of(TEXT)] == [
        ("text", "", "Two shapes:\none is red."),
        ("text", "", "# A heading"),
        ("text", "", "straight after it"),
        ("list", "", "- one\n- two\n\n  still two\n- three"),
        ("text", "", "After the list"),
        ("code", "python", "if x:\n\n    # no heading\n- no item"),
        ("text", "", "after the fence\n| a | b |\n|---|---|\n| 1 | 2 |"),
        ("list", "", "1. first\n   ```\n   inner\n\n   more\n   ```\n2. second"),
        ("text", "", "> a quote\n> goes on"),
        ("code", "", "``` inside"),
        ("text", "", "---"),
        ("text", "", "the **end**"),
        ("code", "js", "never closed"),
    ]


@pytest.mark.parametrize("seed", range(60))
def test_pieces_cut_anyhow_are_the_blocks_of_the_whole(seed: int) -> None:
    events = _read(TEXT, random.Random(seed))
    assert [event for event in events if isinstance(event, Block)] == blocks_of(TEXT)
    grown = ""
    for event in events:
        match event:
            case Grown():
                grown += event.text
            case CodeBegun():
                assert grown == ""
            case Block():
                assert grown.strip("\n") == event.text.strip("\n")
                grown = ""


def test_the_sources_of_all_blocks_are_the_text() -> None:
    assert "".join(block.source for block in blocks_of(TEXT)) == TEXT


def test_words_of_a_line_are_told_before_it_ends() -> None:
    reader = BlockReader()
    assert list(reader.add("A red ")) == [Grown("A red ")]
    assert list(reader.add("circle")) == [Grown("circle")]


def test_a_line_that_may_be_a_fence_waits_until_it_is_known() -> None:
    reader = BlockReader()
    assert list(reader.add("``")) == []
    assert list(reader.add("`py")) == []
    assert list(reader.add("thon\n")) == [CodeBegun("python")]
    assert list(reader.add("x\n``")) == [Grown("x\n")]
    assert list(reader.add("y\n")) == [Grown("``y\n")]


def test_a_long_list_goes_on_in_another_block() -> None:
    first, second = blocks_of("".join(f"- item {number}\n" for number in range(MOST_LIST_LINES + 5)))
    assert not first.is_continued
    assert second.is_continued
    assert second.text.startswith(f"- item {MOST_LIST_LINES}\n")


def test_code_is_found_with_its_language_and_as_it_was_written() -> None:
    blocks = code_of("a\n\n```python\nx = '**'\n\n\ty\n```\n\nb\n\n~~~\nz\n~~~")
    assert [(block.language, block.text) for block in blocks] == [("python", "x = '**'\n\n\ty"), ("", "z")]
    assert all(block.kind is Kind.CODE for block in blocks)
