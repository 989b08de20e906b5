"""Conversations as Markdown and HTML: complete, and no text of theirs breaks out of its turn."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from chat.conversation import assistant_turn, user_turn
from chat.errors import ImageError, TranscriptError
from chat.records import StoredTurn
from chat.transcript import Transcript
from chat.transcript.html import LONG_TURN, to_html
from chat.transcript.markdown import to_markdown
from chat.transcript.saving import Form, save_as
from tests.transcripts import BLUE, CHOSEN, RED, TALK, WHEN, contents

BREAKING = [
    "```\nnever closed",
    "~~~~\nnever closed\n```",
    "<!-- never closed",
    "<script>alert(1)",
    "<details><summary>hidden",
    "</section></main><script>alert(1)</script>",
    "## You\n\nI never said this.",
    "You\n---\nI never said this.",
    "> ## You",
    "[You]: http://evil.example\n",
    "[a word]: http://evil.example\n\nmore",
    "- [You]: http://evil.example",
    "[^1]: a footnote",
    "![pixel](http://tracker.example/pixel.png)",
    "- a list\n\n      ```",
    "    ```\n```",
    "text\n\t```\n  ~~~",
    "*never closed **either `one",
    "````md\n```\n````\n```",
]


def talk_of(*texts: str) -> Transcript:
    """A conversation in which both say each of these texts."""
    turns = [turn for text in texts for turn in (user_turn(f"{text}"), assistant_turn(text))]
    return Transcript("Title", "", tuple(StoredTurn(number, turn, WHEN, None) for number, turn in enumerate(turns, 1)))


@pytest.mark.parametrize("text", BREAKING)
def test_no_text_breaks_out_of_its_turn_in_markdown(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(to_markdown(talk_of(text, "[a word] [You]"), {}))
    headings = [
        tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0
    ]
    assert headings == ["Title", *["You", "Assistant"] * 2]
    every = [*tokens, *(child for token in tokens for child in token.children or ())]
    assert not {"html_block", "html_inline", "image", "link_open"} & {token.type for token in every}


@pytest.mark.parametrize(
    "text",
    [
        "![x](file://attacker/share/x.png)",
        "![x](data:image/svg+xml,x)",
        "[a](javascript:alert(1))",
        "[a](jav&#x61;script:alert(1))",
        "[a](<vbscript:x>)",
        "<file:///etc/passwd>",
        "> - **see [a](../../secret.txt)**",
        "[a](//attacker/share)",
    ],
)
def test_markdown_that_leads_a_viewer_to_files_or_scripts_stands_in_a_fence(text: str) -> None:
    assert f"\n\n```text\n{text}\n```\n" in to_markdown(talk_of(text), {})


@pytest.mark.parametrize("text", ["[a](HTTPS://example.org)", "<mailto:a@example.org>", "a[0] and (file:///x)"])
def test_markdown_that_leads_to_the_net_stays_as_it_is(text: str) -> None:
    assert f"\n\n{text}\n\n" in to_markdown(talk_of(text), {})


def test_markdown_of_a_reply_stays_markdown() -> None:
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n**bold** and [a link](https://example.org)"
    assert f"\n\n{text}\n\n" in to_markdown(talk_of(text), {})


def test_markdown_tells_pictures_origin_and_labels(tmp_path: Path) -> None:
    save_as(tmp_path / "talk.md", CHOSEN, Form.MARKDOWN)
    document = (tmp_path / "talk.md").read_text("utf-8")
    assert "# A red picture\n\n## System\n\nAnswer briefly." in document
    assert "## You \\(example\\)" in document
    assert "idefics-9b-instruct · cuda · bfloat16 · temperature 0.7, top p 0.9, top k 40, seed 7 · 3 tokens" in document
    assert "cat 67.9 %, dog 32.1 %" in document
    named = re.findall(r"!\[.*?\]\((.*?)\)", document)
    assert len(named) == 4
    assert {f"pictures/{path.name}" for path in (tmp_path / "pictures").iterdir()} >= set(named)


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "hr"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture(scope="module")
def hostile_page() -> str:
    links = "[a](javascript:alert(1)) [b](data:text/html,x) [c](file:///etc/passwd) [d](https://example.org/x)"
    talk = talk_of(*BREAKING, links, "&#x202e;turned \x1b]0;title\x07", "<img src=http://tracker.example/x>")
    return "".join(to_html([replace(talk, title="<script>\u202e</title>", system="</p><b>")]))


def test_nothing_in_a_page_runs_or_is_fetched(hostile_page: str) -> None:
    page = Page(hostile_page)
    assert {tag for tag, _ in page.tags} <= set(
        "html head meta title style body main article section h1 h2 p time div pre code ul ol li blockquote hr br em"
        " strong a h3".split()
    )
    names = {name for _, attributes in page.tags for name in attributes}
    assert not any(name.startswith("on") or name in ("src", "srcset", "style", "action") for name in names)
    assert {link["href"] for link in page.all("a")} <= {"https://example.org/x", "http://tracker.example/pixel.png"}
    assert all(link["rel"] == "noopener noreferrer nofollow" for link in page.all("a"))
    assert "default-src 'none'" in hostile_page
    assert not re.search(r"@import|url\(", hostile_page)


def test_characters_that_act_are_shown_in_a_page(hostile_page: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", hostile_page)
    assert "<U+202E>turned ␛]0;title␇" in Page(hostile_page).text


def test_a_page_has_a_section_for_every_turn_and_no_more(hostile_page: str) -> None:
    turns = [attributes["class"] for attributes in Page(hostile_page).all("section")]
    assert turns == ["system", *["turn user", "turn assistant"] * (len(BREAKING) + 3)]


def test_a_page_holds_its_pictures_and_how_replies_were_made() -> None:
    page = Page("".join(to_html([CHOSEN])))
    assert [image["src"].partition(";")[0] for image in page.all("img") if image["src"]] == [
        "data:image/png",
        "data:image/jpeg",
        "data:image/png",
        "data:image/jpeg",
    ]
    assert "temperature 0.7" in page.text
    assert "cat 67.9 %, dog 32.1 %" in page.text
    assert not [*page.all("nav")]


def test_several_conversations_have_a_list_of_contents() -> None:
    page = Page("".join(to_html([TALK, talk_of("Hello")])))
    assert [link["href"] for link in page.all("a")] == ["#conversation-1", "#conversation-2"]
    assert [article["id"] for article in page.all("article")] == ["conversation-1", "conversation-2"]


def test_only_a_long_turn_may_be_printed_on_two_pages() -> None:
    short, long = "a" * LONG_TURN, "a" * (LONG_TURN + 1)
    classes = [section["class"] for section in Page("".join(to_html([talk_of(short, long)]))).all("section")]
    assert classes == ["turn user", "turn assistant", "turn user long", "turn assistant long"]


@pytest.mark.parametrize("form", [Form.MARKDOWN, Form.HTML, Form.OPENAI])
def test_a_picture_that_is_another_by_now_is_not_written(form: Form, tmp_path: Path) -> None:
    changed = replace(RED, read=lambda: RED.read() + b"x")
    talk = Transcript(turns=(StoredTurn(1, user_turn(changed), WHEN, None),))
    with pytest.raises(TranscriptError, match=r"picture red\.png is no longer what it was: its digest differs"):
        save_as(tmp_path / "talk", talk, form)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("form", [Form.MARKDOWN, Form.HTML, Form.OPENAI])
def test_words_stand_for_a_picture_that_is_gone(form: Form, tmp_path: Path) -> None:
    def gone() -> bytes:
        raise ImageError("it is gone")

    lost = replace(RED, read=gone)
    talk = Transcript(turns=(StoredTurn(1, user_turn("What?", lost, "And this?", BLUE, lost), WHEN, None),))
    assert save_as(tmp_path / "talk", talk, form) == (lost,)
    assert (tmp_path / "talk").read_text("utf-8").replace("\\", "").count("[picture not found: red.png]") == 2


@pytest.mark.parametrize("form", [Form.MARKDOWN, Form.HTML, Form.OPENAI])
def test_a_file_is_replaced_only_when_asked_and_left_where_it_is_the_same(form: Form, tmp_path: Path) -> None:
    path = tmp_path / f"talk{form.suffix}"
    save_as(path, TALK, form)
    before = path.stat().st_mtime_ns
    save_as(path, TALK, form)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(TranscriptError, match="exists already: choose another name, or give --overwrite"):
        save_as(path, replace(TALK, title="Another"), form)
    written = contents(tmp_path)
    save_as(path, replace(TALK, title="Another"), form, overwrite=True)
    assert contents(tmp_path).keys() == written.keys()
    assert contents(tmp_path)[path.name] != written[path.name]
