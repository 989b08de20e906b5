"""What a comparison is reported as: a page that runs and fetches nothing, and a document for programs."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from chat.conversation import Image
from chat.environment import CheckpointFile, Environment, Library
from chat.errors import ImageError
from chat.generation import CheckpointFacts, Score
from chat.replay.compare import History
from chat.replay.report import Report, differs_from_recorded
from chat.replay.report_html import comparison_page
from chat.replay.report_json import comparison_document
from chat.replay.report_pictures import SIDE, data_url
from tests.replay.talks import FACTS, candidate, results, talk, unloadable
from tests.transcripts import RED

HOSTILE = "<script>alert(1)</script>\x1b]52;c;aGk=\x07 \u202e <img src=http://evil.example/x> &amp; \"'"
OWN_FACTS = CheckpointFacts("own/model", device="cpu", environment=Environment((), (Library("torch", "2.13"),)))


def gone() -> bytes:
    raise ImageError("lost.png: is gone")


LOST = Image("1" * 64, 9, 9, "lost.png", gone)


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1] if self.open else "", data.strip()))

    def said(self, tag: str) -> list[str]:
        """The words that stand in elements of a kind."""
        return [words for inside, words in self.words if inside == tag]


@pytest.fixture(scope="module")
def report() -> Report:
    recordings = [
        talk((RED, "What is it?"), "A red picture.", "Where is the cat?", "There."),
        replace(talk((HOSTILE, LOST), HOSTILE), name=HOSTILE, title=HOSTILE),
    ]
    candidates = [
        candidate("same", "A red picture.", "There.", HOSTILE, facts=OWN_FACTS),
        candidate(f"own {HOSTILE}", "A blue picture.", ImageError(f"is gone {HOSTILE}"), f"{HOSTILE} too"),
        unloadable("big", f"needs 18 GB {HOSTILE}"),
    ]
    return Report(recordings, results(candidates, recordings), overrides={"max_new_tokens": 40})


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page("".join(comparison_page(report, "2026-11-28")))


def test_the_page_runs_and_fetches_nothing(page: Page) -> None:
    assert not page.open
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "a", "base", "svg"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "href", "srcset")]
        if "src" in attributes:
            assert tag == "img" and re.match(r"data:image/(png|jpeg);base64,", attributes["src"] or "")
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_what_others_wrote_is_shown_as_words(page: Page) -> None:
    shown = [words for _, words in page.words if "alert(1)" in words]
    # The title twice and the name, the label in two tables and three answers, messages, replies and errors.
    assert len(shown) >= 10
    for words in shown:
        assert "<script>alert(1)</script>␛]52;c;aGk=␇ <U+202E> <img" in words
    everything = "".join(words for _, words in page.words)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", everything)


def test_each_turn_has_its_message_and_beside_it_all_answers(page: Page) -> None:
    heads = page.said("h3")
    assert heads[:5] == ["You", "recorded · model", "same · same", heads[3], "You"]
    assert heads[3].startswith("own ") and heads[3].endswith("· differs")
    assert page.said("mark")[:2] == ["red", "blue"]
    assert page.said("span")[:4] == ["=", "≠", "=", "✕"]
    assert "✕ picture 1: lost.png: is gone" in page.said("p")
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [one["alt"] for one in pictures] == ["1: red.png"]


def test_the_figures_come_first(page: Page) -> None:
    cells = page.said("td")
    assert cells[:7] == ["–", "–", "–", "–", "–", "–", "–"]
    assert cells[7:10] == ["3 of 3", "3 of 3", "1.000"]
    assert page.said("h1") == ["Compared: 2 conversations"]
    about = page.said("p")[0]
    assert "3 messages" in about and "max-new-tokens 40" in about and "2026-11-28" in about
    assert any("big: needs 18 GB" in words for words in page.said("p"))
    assert "≠ cpu" in page.said("strong") and "≠ own/model" in page.said("strong")


def test_how_it_was_asked_is_told(report: Report) -> None:
    fed = replace(report, history=History.FED_FORWARD, overrides={}, is_whole=False, recordings=report.recordings[:1])
    page = Page("".join(comparison_page(fed)))
    assert page.said("h1") == ["Compared: A talk"]
    about = page.said("p")[0]
    assert "the model's own answers" in about and "with the recorded settings" in about and "stopped" in about


def test_the_document_has_what_it_promises(report: Report) -> None:
    document = comparison_document(report)
    json.dumps(document, allow_nan=False)
    assert list(document) == [
        "history",
        "overrides",
        "similarity_measure",
        "is_whole",
        "recordings",
        "recorded_checkpoints",
        "recorded",
        "candidates",
    ]
    assert (document["history"], document["overrides"]) == ("recorded", {"max_new_tokens": 40})
    recorded = document["recordings"][0]["turns"][1]
    assert (recorded["turn"], recorded["message"]) == (3, {"id": 3, "text": "Where is the cat?", "images": []})
    assert (recorded["recorded"]["text"], recorded["recorded"]["checkpoint"]) == ("There.", "recorded/model")
    assert [one["name"] for one in document["recorded_checkpoints"]] == ["recorded/model"]
    same, own, big = document["candidates"]
    assert [one["turn"] for one in same["recordings"][0]["turns"]] == [1, 3]
    assert same["figures"] | {"tokens_per_s": 0, "first_token_s": 0} == {
        "turns": 3,
        "answered": 3,
        "compared": 3,
        "same": 3,
        "mean_similarity": 1.0,
        "tokens_per_s": 0,
        "first_token_s": 0,
        "scored": 3,
        "mean_log_probability": same["figures"]["mean_log_probability"],
        "mean_character_log_probability": -1.0,
        "unscored": None,
    }
    failed = own["recordings"][0]["turns"][1]
    assert failed["text"] is None and failed["problem"].startswith("is gone") and failed["new_tokens"] is None
    assert (big["checkpoint"], big["recordings"]) == (None, [])
    assert {"what": "device", "recorded": "cuda", "present": "cpu"} in same["differs_from_recorded"]


def test_what_is_impossible_for_a_model_is_null() -> None:
    recordings = [talk("a", "b")]
    (result,) = results([candidate("one", "b")], recordings)
    (turn,) = result.turns
    impossible = replace(turn, score=Score(float("-inf"), 1))
    turns = replace(result.recordings[0], turns=(impossible,))
    document = comparison_document(Report(recordings, [replace(result, recordings=(turns,))]))
    json.dumps(document, allow_nan=False)
    assert document["candidates"][0]["figures"]["mean_log_probability"] is None


def test_what_nobody_tells_of_a_reply_is_null_and_not_told() -> None:
    facts = replace(FACTS, device="remote", dtype="", quantization="", context_length=0, image_size=0)
    recordings = [talk("a", "b", "c", "")]
    report = Report(recordings, results([candidate("one", "b", "", facts=facts)], recordings))
    document = comparison_document(report)
    first, second = (turn["recorded"] for turn in document["recordings"][0]["turns"])
    unknown = ("new_tokens", "prompt_tokens", "tokens_per_s", "first_token_s", "total_s")
    assert [first[name] for name in unknown] == [None] * 5
    assert second["new_tokens"] == 0
    checkpoint = document["candidates"][0]["checkpoint"]
    assert [checkpoint[name] for name in ("dtype", "quantization", "context_length", "image_size")] == [None] * 4
    assert checkpoint["is_demonstration"] is False
    page = Page("".join(comparison_page(report)))
    assert sum("0 tokens" in words for words in page.said("p")) == 2


def test_files_are_no_difference_of_another_checkpoint() -> None:
    def facts(name: str, digest: str) -> CheckpointFacts:
        return replace(FACTS, name=name, environment=Environment((CheckpointFile("config.json", digest * 64),)))

    recordings = [talk("a", "b")]
    reply = recordings[0].turns[1]
    assert reply.generation is not None
    turns = [recordings[0].turns[0], replace(reply, generation=replace(reply.generation, facts=facts("m", "a")))]
    recorded = [replace(recordings[0], turns=turns)]
    assert [one.what for one in differs_from_recorded(recorded, facts("m", "b"))] == ["file config.json"]
    assert [one.what for one in differs_from_recorded(recorded, facts("n", "b"))] == ["checkpoint"]


def test_large_pictures_are_made_small() -> None:
    import io

    import PIL.Image

    from chat.images import read_image

    def image() -> Iterator[Image]:
        for picture in (
            PIL.Image.new("RGB", (2000, 1000), "red"),
            PIL.Image.effect_noise((1300, 1300), 90).convert("RGB"),
        ):
            file = io.BytesIO()
            picture.save(file, "PNG")
            yield read_image(file.getvalue(), "large.png")

    flat, noisy = map(data_url, image())
    assert flat.startswith("data:image/png") and noisy.startswith("data:image/jpeg")
    from base64 import b64decode

    with PIL.Image.open(io.BytesIO(b64decode(flat.partition(",")[2]))) as small:
        assert small.size == (SIDE, SIDE // 2)
