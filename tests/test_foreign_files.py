"""Files of other programs: OpenAI's chat format, ShareGPT and LLaVA, and what is refused of them."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from chat.conversation import Image, Text
from chat.errors import TranscriptError
from chat.records import StoredTurn
from chat.transcript import Transcript, reading, save_transcript, sources
from chat.transcript import folder as folder_file
from chat.transcript.foreign import Incoming, read_foreign
from chat.transcript.openai import to_openai
from chat.transcript.present import PresentPictures
from chat.transcript.reading import read_transcripts
from chat.transcript.saving import Form, save_together
from tests.transcripts import BLUE, GREEN, RED, TALK, transcripts


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if len(content) == 1 else [*content]}


def assistant(content: Any = "Red.") -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def url_of(image: Image) -> str:
    url = PresentPictures().url(image)
    assert url is not None
    return url


def shown(image: Image) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url_of(image)}}


def read(folder: Path, *values: Any, name: str = "talks.jsonl") -> list[Incoming]:
    (folder / name).write_text("".join(f"{json.dumps(value)}\n" for value in values), "utf-8")
    return [*read_transcripts(folder / name)]


def said(incoming: Incoming) -> list[tuple[str, tuple[Any, ...]]]:
    """Who said what, texts as plain strings."""
    return said_in(incoming.transcript.turns)


def said_in(turns: Iterable[StoredTurn]) -> list[tuple[str, tuple[Any, ...]]]:
    return [
        (str(stored.turn.role), tuple(part.text if isinstance(part, Text) else part for part in stored.turn.parts))
        for stored in turns
    ]


def paired(text: str) -> str:
    """The text with halves of surrogate pairs that fit put together, as JSON cannot hold them apart."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def refusal(folder: Path, *values: Any, **options: Any) -> str:
    with pytest.raises(TranscriptError) as caught:
        read(folder, *values, **options)
    message = str(caught.value)
    assert message.isprintable()
    return message.removeprefix(f"{folder}/")


@settings(max_examples=15, deadline=None)
@given(transcripts())
def test_what_is_written_is_read_back_text_by_text(transcript: Transcript) -> None:
    line = to_openai(transcript)
    assert "\n" not in line
    # A reply without a word has no place in the format.
    turns = [stored for stored in transcript.turns if stored.turn.parts]
    if not turns:
        return
    back = read_foreign(json.loads(line), Path())
    assert (back.transcript.title, back.transcript.system) == (paired(transcript.title), paired(transcript.system))
    assert said(back) == [
        (role, tuple(paired(part) if isinstance(part, str) else part for part in parts))
        for role, parts in said_in(turns)
    ]


def test_several_conversations_are_a_line_each(tmp_path: Path) -> None:
    save_together(tmp_path / "all.jsonl", iter([TALK, TALK]), Form.OPENAI)
    lines = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
    first = json.loads(lines[0])
    assert [message["role"] for message in first["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert first["messages"][1]["content"][1] == shown(RED)
    assert all(isinstance(message["content"], list) for message in first["messages"])
    assert [incoming.transcript.title for incoming in read_transcripts(tmp_path / "all.jsonl")] == ["A red picture"] * 2


def test_contents_are_texts_or_parts(tmp_path: Path) -> None:
    (incoming,) = read(
        tmp_path,
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                user({"type": "text", "text": "What is\r\nthis? <image>"}, shown(RED)),
                assistant([{"type": "text", "text": "Red."}]),
                user({"type": "input_image", "image_url": url_of(BLUE)}, {"type": "input_text", "text": "And this?"}),
            ]
        },
    )
    assert incoming.transcript.system == "Be brief."
    assert said(incoming) == [
        ("user", ("What is\r\nthis? <image>", RED)),
        ("assistant", ("Red.",)),
        ("user", (BLUE, "And this?")),
    ]


def test_messages_may_stand_in_a_row(tmp_path: Path) -> None:
    (incoming,) = read(tmp_path, {"messages": [user("One"), user("Two"), assistant("Three")]})
    assert said(incoming) == [("user", ("One",)), ("user", ("Two",)), ("assistant", ("Three",))]


def test_the_use_of_a_tool_is_told_and_the_reply_goes_on(tmp_path: Path) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    (incoming,) = read(
        tmp_path,
        {
            "messages": [
                user("What is it?"),
                {"role": "assistant", "content": "I look.", "tool_calls": calls},
                {"role": "tool", "tool_call_id": "1", "content": "a cat"},
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "1", "content": "a cat"},
                assistant("A cat."),
            ]
        },
    )
    assert said(incoming) == [("user", ("What is it?",)), ("assistant", ("I look.\n\nA cat.",))]
    assert [line.removeprefix(f"{tmp_path}/talks.jsonl: line 1: ") for line in incoming.left_out] == [
        f"messages[{number}]: the use of a tool is not kept" for number in range(1, 5)
    ]


def test_parts_and_fields_that_have_no_place_are_listed_and_the_rest_is_kept(tmp_path: Path) -> None:
    sound, text = {"type": "input_audio", "input_audio": {"data": "AAAA"}}, {"type": "text", "text": "listen"}
    (incoming,) = read(
        tmp_path,
        {
            "messages": [
                user(sound, text),
                {"role": "assistant", "content": None, "audio": {"id": "a"}},
                user({"type": "file"}, {"type": "text", "text": " "}),
                assistant([{"type": "refusal", "refusal": "No."}]),
                user({"type": "\x1b[2J"}, {"type": "image"}),
                {**assistant("ok"), "reasoning_content": "Well."},
            ]
        },
    )
    assert said(incoming) == [
        ("user", ("listen",)),
        ("assistant", ()),
        ("user", ("[file left out]",)),
        ("assistant", ()),
        ("user", ("[picture left out]",)),
        ("assistant", ("ok",)),
    ]
    assert [line.removeprefix(f"{tmp_path}/talks.jsonl: line 1: messages") for line in incoming.left_out] == [
        "[0].content[0]: input_audio is not kept: text and image_url are",
        "[1].audio: is not kept",
        "[2].content[0]: file is not kept: text and image_url are",
        "[3].content[0]: refusal is not kept: text and image_url are",
        "[4].content[0]: ␛[2J is not kept: text and image_url are",
        "[4].content[1]: image is not kept: text and image_url are",
        "[5].reasoning_content: is not kept",
    ]


def test_what_a_conversation_has_beside_its_messages_is_kept_or_listed(tmp_path: Path) -> None:
    (incoming,) = read(
        tmp_path,
        {
            "system": "Be a pirate.",
            "tools": "[]",
            "videos": ["v.mp4"],
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": "<video>\nWhat?"},
                {"from": "gpt", "value": "A <audio> cat."},
                {"from": "human", "value": "<video>\n\n"},
            ],
        },
    )
    assert incoming.transcript.system == "Be a pirate.\n\nBe brief."
    assert said(incoming) == [
        ("user", ("What?",)),
        ("assistant", ("A <audio> cat.",)),
        ("user", ("[video or sound left out]",)),
    ]
    assert [line.removeprefix(f"{tmp_path}/talks.jsonl: line 1: ") for line in incoming.left_out] == [
        "videos: not kept: only pictures are",
        "tools: the tools that the model was offered are not kept",
    ]
    (spoken,) = read(tmp_path, {"messages": [user("What is <video>?")]})
    assert said(spoken) == [("user", ("What is <video>?",))]
    assert refusal(tmp_path, {"system": 5, "messages": [user("a")]}) == (
        "talks.jsonl: line 1: system has no content: neither a text nor a list of parts"
    )


def test_addresses_are_listed_and_never_fetched(tmp_path: Path) -> None:
    remote = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    (incoming,) = read(tmp_path, {"messages": [user({"type": "text", "text": "What?"}, remote), user(remote, remote)]})
    assert said(incoming)[0] == ("user", ("What?",))
    assert said(incoming)[1] == ("user", ("[picture left out]",))
    assert len(incoming.left_out) == 3
    assert "messages[0].content[1]: https://example.org/cat.png was not fetched: nothing is" in incoming.left_out[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for image in (RED, BLUE, GREEN):
        (tmp_path / "pictures" / f"{image.digest[:4]}.png").write_bytes(image.read())
    return tmp_path


def name_of(image: Image) -> str:
    return f"pictures/{image.digest[:4]}.png"


def test_pictures_come_to_their_places_in_order(folder: Path) -> None:
    talk = {
        "id": "7",
        "image": [name_of(RED), name_of(BLUE)],
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "<image>\nWhat is this, and\n<image>"},
            {"from": "gpt", "value": "Red and blue. <image> is a word here."},
        ],
    }
    with pytest.raises(TranscriptError, match=r"conversations\[2\]: <image> stands for one more picture than the 2"):
        read(folder, talk)
    talk["conversations"][2]["value"] = "Red and blue."  # type: ignore[index]
    (incoming,) = read(folder, talk)
    assert incoming.transcript.system == "Be brief."
    assert said(incoming) == [("user", (RED, "What is this, and", BLUE)), ("assistant", ("Red and blue.",))]
    assert incoming.transcript.images[1].read() == BLUE.read()


def test_a_list_of_conversations_and_one_alone_are_read_too(folder: Path) -> None:
    messages = {"images": [name_of(GREEN)], "messages": [user("<image>What?"), assistant()]}
    unmarked = {"image": name_of(GREEN), "conversations": [{"from": "human", "value": "What?"}]}
    first, second = read(folder, [messages, unmarked], name="list.json")
    assert said(first) == [("user", (GREEN, "What?")), ("assistant", ("Red.",))]
    assert said(second) == [("user", (GREEN, "What?"))]
    (folder / "one.json").write_text(json.dumps(messages, indent=2), "utf-8")
    (one,) = read_transcripts(folder / "one.json")
    assert said(one) == said(first)


def test_the_folder_of_the_pictures_may_be_another(folder: Path) -> None:
    (folder / "talk.json").write_text(json.dumps([{"image": "here.png", "messages": [user("<image>What?")]}]))
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "here.png").write_bytes(RED.read())
    with pytest.raises(
        TranscriptError, match=r"\[0\]: image\[0\]: here.png is not beside the file: give --images FOLDER"
    ):
        [*read_transcripts(folder / "talk.json")]
    (incoming,) = read_transcripts(folder / "talk.json", folder / "elsewhere")
    assert said(incoming) == [("user", (RED, "What?"))]


def test_a_picture_whose_name_is_too_long_is_refused_with_its_place(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"image": "a" * 5000, "messages": [user("<image>What?")]})
    assert words.startswith("talks.jsonl: line 1: image[0]: ")
    assert words.endswith("the path is too long: move the file where its path is shorter")
    assert len(words) < 300


def test_the_project_s_own_files_are_told_by_what_they_hold(tmp_path: Path) -> None:
    save_transcript(tmp_path / "own.jsonl", TALK)
    (incoming,) = read_transcripts(tmp_path / "own.jsonl")
    assert incoming == Incoming(TALK)
    document = json.loads((tmp_path / "own.jsonl").read_text("utf-8"))
    (tmp_path / "line.txt").write_text(json.dumps(document), "utf-8")
    assert [*read_transcripts(tmp_path / "line.txt")] == [Incoming(TALK)]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([assistant()], "messages[0]: the conversation begins with a reply"),
        ([user("a"), assistant(), assistant()], "messages[2]: a reply follows a reply"),
        ([user("a"), {"role": "system", "content": "b"}], "messages[1]: a system text stands only before the first"),
        ([user(" ")], "messages[0]: the message is empty: write something or attach a picture"),
        ([user("a"), assistant([shown(RED)])], "messages[1]: an assistant's turn is one text"),
        ([{"role": "\x1b[2J", "content": "a"}], "messages[0]: ␛[2J is none of system, developer, user, human"),
        ([{"content": "a"}], "messages[0]: None is none of system"),
        ([{"role": ["user"], "content": "a"}], "messages[0]: ['user'] is none of system"),
        ([user(None)], "messages[0] has no content: neither a text nor a list of parts"),
        ([user({"type": "text", "text": 5}, "a")], "messages[0].content[0] has no text"),
        ([user({"text": "b"}, "a")], "messages[0].content[0] is no part with a type"),
        ([user("b", "a")], "messages[0].content[0] is no part with a type"),
        (["a"], "messages[0] is not an object"),
        ([], "messages has no message of the user's"),
        ([{"role": "system", "content": "b"}], "messages has no message of the user's"),
        ({}, 'is no conversation: it has no list "messages" or "conversations"'),
    ],
)
def test_what_cannot_be_a_conversation_is_refused_with_its_place(messages: Any, reason: str, tmp_path: Path) -> None:
    good = {"messages": [user("a")]}
    assert refusal(tmp_path, good, {"messages": messages}).startswith(f"talks.jsonl: line 2: {reason}")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:text/html;base64,PGI+", "holds text/html, not a picture"),
        ("data:,hello", "holds a text, not a picture"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "picture.svg+xml: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture"),
        ("data:image/png,abc", "is not written in base64"),
        ("data:image/png;base64,!!!!", "is not base64 as it should be: it was cut or changed"),
        pytest.param(
            "data:image/png;base64," + base64.b64encode(RED.read()).decode()[:60], "picture.png: the file is", id="cut"
        ),
        ("data:image/png;base64", "is not a data URL as it should be"),
        ("file:///etc/passwd", "file:///etc/passwd is neither a data URL nor an address"),
        ("../secret.png", "../secret.png is neither a data URL nor an address"),
        (7, "has no address of a picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_place(url: Any, reason: str, tmp_path: Path) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    words = refusal(tmp_path, {"messages": [user(part, {"type": "text", "text": "a"})]})
    place, _, rest = words.partition("messages[0].content[0]")
    assert (place, rest.lstrip(": ").startswith(reason)) == ("talks.jsonl: line 1: ", True), words


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_CHARACTERS", 50)
    assert "messages[0].content[0]: is larger than a picture may be" in refusal(
        tmp_path, {"messages": [user([shown(RED)])]}
    )


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "pictures/../../secret.png", "link/secret.png", ""])
def test_no_picture_outside_the_folder_is_opened(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    (tmp_path / "secret.png").write_bytes(RED.read())
    words = refusal(inside, {"image": name, "messages": [user("<image>What?")]})
    assert "image[0]: " in words
    assert "lies outside the folder of the pictures: move it in" in words


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"messages": []\n', "is not JSON: line 2, column 1"),
        (b'{"messages": [{"role": "user", "content": "a"}]}\n{"messages": [{"ro', "line 2: is not JSON: column 16"),
        (b'{"messages": [{"role": "user", "content": "a"}]}\n\xff\n', "line 2: is not a text in UTF-8: byte 1"),
        (b'{"messages": [{"role": "user", "content": "a"}]}\n[]', "line 2: is not an object with messages"),
        (b'{"messages": [], "messages": []}', "the key messages stands twice in one object"),
        pytest.param(b"[" * 100_000, "its lists are nested too deeply", id="deep list"),
        pytest.param(b'{"messages": ' + b"[" * 100_000, "its lists are nested too deeply", id="deep object"),
        pytest.param(b"[" + b"9" * 10_000 + b"]", "it holds a number of thousands of digits", id="digits"),
        (b"[1]", "[0]: is not an object with messages"),
        (b'[{"messages": NaN}]', "is not JSON: NaN is no number"),
        (b"hello", "is not JSON: line 1, column 1"),
        (b"", "is empty: export the session again"),
        (b"\x89PNG", "is not JSON"),
        (b'{"format": "idefics-chat transcript", "version": 99}', "was written by a newer idefics-chat"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "talks.jsonl").write_bytes(content)
    with pytest.raises(TranscriptError) as caught:
        [*read_transcripts(tmp_path / "talks.jsonl")]
    assert str(caught.value).isprintable()
    assert reason in str(caught.value)


def test_a_line_of_too_many_values_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_file, "MOST_VALUES", 20)
    many = {"messages": [user("a")], "more": [0] * 20}
    assert refusal(tmp_path, {"messages": [user("a")]}, many).startswith(
        "talks.jsonl: line 2: holds more than 20 values"
    )


def test_a_line_that_is_too_long_is_refused_before_it_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_LINE_BYTES", 1000)
    with pytest.raises(TranscriptError, match=r"talks\.jsonl: line 2 is longer than 1000 bytes: make it shorter"):
        read(tmp_path, {"messages": [user("a")]}, {"messages": [user("a" * 1000)]})
