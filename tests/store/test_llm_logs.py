"""The logs of `llm`, of older and newer versions: conversations, their pictures, and a list of what is not there."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Image, Text
from chat.errors import ImageError, TranscriptError
from chat.generation import GenerationSettings
from chat.images import is_there
from chat.store import llm_logs, open_store
from chat.store.llm_logs import read_llm_logs
from chat.transcript import from_json, to_json
from chat.transcript.foreign import Incoming
from tests.store.llm_schemas import RESPONSES, SHARED, THREADS
from tests.transcripts import BLUE, GREEN, RED


class LogsFile:
    """A database of logs that a test fills."""

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._connection = sqlite3.connect(path)
        self._connection.executescript(SHARED + schema)

    def add(self, table: str, **columns: Any) -> None:
        """Insert a row."""
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        self._connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*columns.values()])
        self._connection.commit()

    def run(self, statement: str) -> None:
        """Change it in another way."""
        self._connection.execute(statement)
        self._connection.commit()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def message(self, key: str, parent: str | None, role: str, *parts: str | dict[str, Any]) -> None:
        """Add a message of the newer tables: texts, or parts with a type of their own."""
        self.add("messages", hash=key, parent_hash=parent, role=role)
        for position, part in enumerate(parts):
            columns = {"type": "text", "text": part} if isinstance(part, str) else part
            self.add("parts", message_hash=key, position=position, **columns)


@pytest.fixture
def older(tmp_path: Path) -> Iterator[LogsFile]:
    with closing(LogsFile(tmp_path / "older.db", RESPONSES)) as logs:
        logs.add("conversations", id="c1", name="What is this?", model="gpt-4o")
        logs.add(
            "responses",
            id="r1",
            conversation_id="c1",
            model="gpt-4o",
            prompt="What is\r\nthis?",
            system="Be brief",
            response="Two cats.",
            options_json='{"temperature": 0.5, "max_tokens": 40, "other": 1}',
            datetime_utc="2026-11-21T02:30:00",
            duration_ms=1500,
            input_tokens=11,
        )
        logs.add(
            "responses", id="r2", conversation_id="c1", model="gpt-4o", prompt="And?", response="", system="Be brief"
        )
        yield logs


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[LogsFile]:
    with closing(LogsFile(tmp_path / "newer.db", THREADS)) as logs:
        logs.add("fragments", id=1, content="A fragment.")
        logs.message("m0", None, "system", "Be brief")
        borrowed = json.dumps({"text_ref": [{"fragment": 1}, {"literal": "\nWhat is this?"}]})
        logs.message("m1", "m0", "user", {"type": "text", "payload": borrowed})
        logs.message("m2", "m1", "assistant", {"type": "reasoning", "text": "Hm."}, "Two cats.")
        logs.add("threads", id="t1", name="What is this?", tip_message_hash="m2")
        logs.add(
            "turns",
            id="u1",
            thread_id="t1",
            parent_message_hash="m1",
            tip_message_hash="m2",
            model="gpt-4o",
            options_json='{"temperature": 0.5, "max_tokens": 40}',
            datetime_utc="2026-11-21T02:30:00+00:00",
            duration_ms=1500,
            input_tokens=11,
        )
        yield logs


def said(incoming: Incoming) -> list[tuple[str, tuple[Any, ...]]]:
    """Who said what, texts as plain strings."""
    return [
        (str(stored.turn.role), tuple(part.text if isinstance(part, Text) else part for part in stored.turn.parts))
        for stored in incoming.transcript.turns
    ]


def reasons(incoming: Incoming) -> Sequence[str]:
    """What is not kept, without the file and the conversation."""
    return [line.split(": ", 2)[2] for line in incoming.left_out]


def refusal(path: Path) -> str:
    with pytest.raises(TranscriptError) as caught:
        [*read_llm_logs(path)]
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{path}: ")


def refuse_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody look into folders called `locked`, as root always may."""

    def refusing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if "/locked/" in str(path):
                raise PermissionError(errno.EACCES, "Permission denied")
            return function(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "stat", refusing(os.stat))
    monkeypatch.setattr(os, "open", refusing(os.open))


def test_a_conversation_of_the_older_tables_is_read(older: LogsFile) -> None:
    (incoming,) = read_llm_logs(older.path)
    assert (incoming.transcript.title, incoming.transcript.system) == ("What is this?", "Be brief")
    assert said(incoming) == [
        ("user", ("What is\r\nthis?",)),
        ("assistant", ("Two cats.",)),
        ("user", ("And?",)),
        ("assistant", ()),
    ]
    assert incoming.left_out == ()


def test_a_thread_of_the_newer_tables_is_read(newer: LogsFile) -> None:
    (incoming,) = read_llm_logs(newer.path)
    assert (incoming.transcript.title, incoming.transcript.system) == ("What is this?", "Be brief")
    assert said(incoming) == [("user", ("A fragment.\nWhat is this?",)), ("assistant", ("Two cats.",))]


@pytest.mark.parametrize("logs", ["older", "newer"])
def test_where_a_reply_came_from_is_kept_as_far_as_it_is_known(logs: str, request: pytest.FixtureRequest) -> None:
    (incoming,) = read_llm_logs(request.getfixturevalue(logs).path)
    message, reply = incoming.transcript.turns[:2]
    assert message.created_at == reply.created_at == "2026-11-21T02:30:00.000000+00:00"
    assert reply.generation is not None
    assert reply.generation.facts.name == "gpt-4o"
    assert reply.generation.settings == GenerationSettings(max_new_tokens=40, temperature=0.5)
    assert (reply.generation.prompt_tokens, reply.generation.total_s) == (11, 1.5)


@pytest.mark.parametrize(
    "options",
    [
        '{"top_k": 1.5}',
        '{"max_tokens": 12.5}',
        '{"max_tokens": 0}',
        f'{{"top_k": {10**24}}}',
        '{"top_p": true}',
        '{"temperature": NaN}',
        '{"temperature": "hot"}',
    ],
)
def test_settings_that_cannot_be_are_the_ones_that_go_without_saying(options: str, older: LogsFile) -> None:
    older.run(f"UPDATE responses SET options_json = '{options}'")
    (incoming,) = read_llm_logs(older.path)
    generation = incoming.transcript.turns[1].generation
    assert generation is not None
    assert generation.settings == GenerationSettings()
    assert from_json(to_json(incoming.transcript), lambda _: None) == incoming.transcript


def test_a_conversation_that_went_on_with_a_newer_version_is_read_once(older: LogsFile) -> None:
    older._connection.executescript(THREADS)
    older.message("m1", None, "user", "What is this?")
    older.add("threads", id="c1", name="Whole", tip_message_hash="m1")
    older.add("conversations", id="c2", name="Other")
    older.add("responses", id="r3", conversation_id="c2", model="m", prompt="Hi", response="Ho")
    assert [incoming.transcript.title for incoming in read_llm_logs(older.path)] == ["Other", "Whole"]


def test_fragments_and_system_texts_are_put_together_as_the_model_saw_them(older: LogsFile) -> None:
    for number in (1, 2):
        older.add("fragments", id=number, content=f"Fragment {number}.")
        older.add("prompt_fragments", response_id="r1", fragment_id=number, order=-number)
        older.add("system_fragments", response_id="r1", fragment_id=number, order=number)
    older.run("UPDATE responses SET system = 'Another' WHERE id = 'r2'")
    (incoming,) = read_llm_logs(older.path)
    assert incoming.transcript.system == "Fragment 1.\n\nFragment 2.\n\nBe brief"
    assert said(incoming)[0] == ("user", ("Fragment 2.\nFragment 1.\nWhat is\r\nthis?",))
    assert reasons(incoming) == ["response r2: a later system text is not kept"]


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Attachments, there and not."""
    (tmp_path / "red.png").write_bytes(RED.read())
    (tmp_path / "changed.png").write_bytes(RED.read())
    (tmp_path / "notes.txt").write_text("secret")
    return {
        "there": {"id": RED.digest, "type": "image/png", "path": str(tmp_path / "red.png")},
        "inside": {"id": BLUE.digest, "type": "image/jpeg", "content": BLUE.read()},
        "gone": {"id": "a" * 64, "type": "image/png", "path": str(tmp_path / "gone\x1b.png")},
        "changed": {"id": GREEN.digest, "type": "image/png", "path": str(tmp_path / "changed.png")},
        "remote": {"id": "b" * 64, "type": "image/png", "url": "https://example.org/cat.png"},
        "sound": {"id": sha256(b"RIFF").hexdigest(), "type": "audio/wav", "content": b"RIFF"},
        "text": {"id": sha256(b"secret").hexdigest(), "type": "image/png", "path": str(tmp_path / "notes.txt")},
    }


GONE = Image("a" * 64, 1, 1, "gone.png", bytes)
LEFT_OUT = [
    "gone␛.png: the picture is not there any more",
    "changed.png: the picture was changed since",
    "https://example.org/cat.png: was not fetched: nothing is",
    ": is audio/wav, not a picture",
    "notes.txt: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture",
]


def check_pictures(incoming: Incoming) -> None:
    there, inside, gone, changed = incoming.transcript.images
    assert said(incoming)[0][1][-4:] == (there, inside, gone, changed) == (RED, BLUE, GONE, GREEN)
    assert incoming.transcript.missing == (gone, changed)
    for image, words in ((gone, "is not there any more"), (changed, "was changed since")):
        with pytest.raises(ImageError, match=words):
            image.read()
    for line, words in zip(incoming.left_out, LEFT_OUT, strict=True):
        assert words in line
        assert line.isprintable()
    assert incoming.transcript.images[0].read() == RED.read()
    assert incoming.transcript.images[0].name == "red.png"


def test_pictures_of_the_older_tables_come_along_where_they_are_as_they_were(
    older: LogsFile, pictures: dict[str, dict[str, Any]]
) -> None:
    for order, attachment in enumerate(pictures.values()):
        older.add("attachments", **attachment)
        older.add("prompt_attachments", response_id="r1", attachment_id=attachment["id"], order=order)
    (incoming,) = read_llm_logs(older.path)
    check_pictures(incoming)


def test_pictures_of_the_newer_tables_come_along_where_they_are_as_they_were(
    newer: LogsFile, pictures: dict[str, dict[str, Any]]
) -> None:
    newer.run("DELETE FROM parts WHERE message_hash = 'm1'")
    for position, attachment in enumerate(pictures.values()):
        newer.add("attachments", **attachment)
        payload = json.dumps({"attachment": {"id": attachment["id"]}})
        newer.add("parts", message_hash="m1", position=position, type="attachment", payload=payload)
    (incoming,) = read_llm_logs(newer.path)
    check_pictures(incoming)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/" + "a" * 5000, "the path is too long"),
        ("nul\0.png", "no file can have this name"),
        ("DIR/locked/red.png", "you may not read it"),
        ("DIR", "is a folder"),
        ("DIR/older.db/red.png", "the picture is not there any more"),
    ],
    ids=["long", "nul", "locked", "folder", "under a file"],
)
def test_no_path_of_a_picture_stands_in_the_way_of_the_rest(
    path: str, reason: str, older: LogsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locked(monkeypatch)
    older.add("attachments", id="a" * 64, type="image/png", path=path.replace("DIR", str(older.path.parent)))
    older.add("prompt_attachments", response_id="r1", attachment_id="a" * 64, order=0)
    (incoming,) = read_llm_logs(older.path)
    assert len(incoming.transcript.turns) == 4
    (line,) = incoming.left_out
    assert f": {reason}" in line
    assert len(line) < 600


@pytest.mark.parametrize(("name", "expected"), [("gone", GONE), ("remote", "[picture left out]")])
def test_a_message_that_was_a_lost_picture_alone_says_so(
    name: str, expected: Image | str, older: LogsFile, pictures: dict[str, dict[str, Any]]
) -> None:
    older.add("attachments", **pictures[name])
    older.add("prompt_attachments", response_id="r2", attachment_id=pictures[name]["id"], order=0)
    older.run("UPDATE responses SET prompt = NULL WHERE id = 'r2'")
    (incoming,) = read_llm_logs(older.path)
    assert said(incoming)[2] == ("user", (expected,))


@pytest.mark.parametrize("change", [{"id": "cat"}, {"type": None}, {"type": "application/pdf"}])
def test_nothing_stands_for_an_attachment_that_need_be_no_picture(
    change: dict[str, Any], older: LogsFile, pictures: dict[str, dict[str, Any]]
) -> None:
    attachment = pictures["gone"] | change
    older.add("attachments", **attachment)
    older.add("prompt_attachments", response_id="r1", attachment_id=attachment["id"], order=0)
    (incoming,) = read_llm_logs(older.path)
    assert (incoming.transcript.images, len(incoming.left_out)) == ((), 1)


def test_a_picture_that_is_found_again_comes_back(
    older: LogsFile, pictures: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    older.add("attachments", **pictures["there"])
    older.add("prompt_attachments", response_id="r1", attachment_id=RED.digest, order=0)
    (tmp_path / "red.png").rename(tmp_path / "away.png")
    with open_store(tmp_path / "sessions.db") as store:
        (lost,) = store.import_sessions(incoming.transcript for incoming in read_llm_logs(older.path))
        (image,) = store.turns(lost.session_id)[0].turn.images
        assert (image, image.name, is_there(image)) == (RED, "red.png", False)
        (tmp_path / "away.png").rename(tmp_path / "red.png")
        (found,) = store.import_sessions(incoming.transcript for incoming in read_llm_logs(older.path))
        assert (found.session_id, found.is_new, found.added_turns) == (lost.session_id, False, 0)
        (image,) = store.turns(lost.session_id)[0].turn.images
        assert (image.read(), image.width, len(store.turns(lost.session_id))) == (RED.read(), RED.width, 4)


def test_a_message_without_words_lost_no_picture_where_another_did(
    older: LogsFile, newer: LogsFile, pictures: dict[str, dict[str, Any]]
) -> None:
    for logs in (older, newer):
        logs.add("attachments", **pictures["remote"])
    older.add("prompt_attachments", response_id="r1", attachment_id=pictures["remote"]["id"], order=0)
    older.run("UPDATE responses SET prompt = ''")
    newer.run("DELETE FROM parts WHERE message_hash = 'm1'")
    payload = json.dumps({"attachment": {"id": pictures["remote"]["id"]}})
    newer.add("parts", message_hash="m1", position=0, type="attachment", payload=payload)
    newer.message("m3", "m2", "user")
    newer.run("UPDATE threads SET tip_message_hash = 'm3'")
    for logs in (older, newer):
        (incoming,) = read_llm_logs(logs.path)
        assert said(incoming)[::2] == [("user", ("[picture left out]",)), ("user", ("[no words]",))]


def test_the_use_of_tools_is_told_and_the_reply_goes_on(older: LogsFile, newer: LogsFile) -> None:
    older.run("UPDATE responses SET prompt = '', response = 'Grey.' WHERE id = 'r2'")
    older.add("tool_results", response_id="r2", name="look", output="grey")
    newer.message("m3", "m2", "tool", {"type": "tool_result", "payload": '{"output": "grey"}'})
    newer.message("m4", "m3", "assistant", "Grey.")
    newer.run("UPDATE threads SET tip_message_hash = 'm4'")
    for logs, place in ((older, "response r2"), (newer, "message m3")):
        (incoming,) = read_llm_logs(logs.path)
        assert said(incoming)[1:] == [("assistant", ("Two cats.\n\nGrey.",))]
        assert reasons(incoming) == [f"{place}: the use of a tool is not kept"]


def test_nothing_is_written_to_the_file(older: LogsFile, tmp_path: Path) -> None:
    older.close()
    before = (older.path.read_bytes(), sorted(tmp_path.iterdir()))
    assert [*read_llm_logs(older.path)]
    assert (older.path.read_bytes(), sorted(tmp_path.iterdir())) == before


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE responses SET prompt = x'00ff'", "conversation c1: response r2: is not kept: prompt holds bytes, not"),
        ("UPDATE conversations SET name = x'00ff'", "conversation c1: name holds bytes, not a text"),
        (
            "UPDATE responses SET response = CAST(x'ff' AS TEXT)",
            "conversation c1: cannot be read as logs of llm (Could not decode",
        ),
        ("DROP TABLE conversations", "is a database, but holds no logs of llm: `llm logs path` tells where they are"),
        ("ALTER TABLE responses DROP COLUMN prompt_json", ""),
    ],
)
def test_values_that_cannot_be_are_refused(older: LogsFile, statement: str, reason: str) -> None:
    older.run(statement)
    if reason:
        assert refusal(older.path).startswith(reason)
    else:
        assert len([*read_llm_logs(older.path)]) == 1


@pytest.mark.parametrize(
    ("statement", "line", "turns"),
    [
        ("SET prompt = x'00ff' WHERE id = 'r1'", "response r1: is not kept: prompt holds bytes, not a text", 2),
        ("SET model = x'00ff' WHERE id = 'r2'", "response r2: is not kept: model holds bytes, not a text", 2),
        (
            "SET options_json = '[' WHERE id = 'r1'",
            "response r1: the settings are not kept: options_json holds no JSON",
            4,
        ),
        (
            "SET options_json = '[]' WHERE id = 'r1'",
            "response r1: the settings are not kept: options_json holds no JSON object",
            4,
        ),
        (
            """SET options_json = '{"top_k": 1.5}' WHERE id = 'r1'""",
            "response r1: the settings are not kept: options_json.top_k is not a whole number",
            4,
        ),
    ],
)
def test_an_entry_that_is_damaged_is_listed_and_the_others_come(
    statement: str, line: str, turns: int, older: LogsFile
) -> None:
    older.run(f"UPDATE responses {statement}")
    older.add("responses", id="r3", conversation_id="c2", model="m", prompt="Hi", response="Ho")
    first, second = read_llm_logs(older.path)
    assert first.left_out == (f"{older.path}: conversation c1: {line}",)
    assert len(first.transcript.turns) == turns
    assert said(second) == [("user", ("Hi",)), ("assistant", ("Ho",))]


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        ("m1", [("user", ("[message left out]",)), ("assistant", ("Two cats.",))]),
        ("m2", [("user", ("A fragment.\nWhat is this?",)), ("assistant", ())]),
    ],
)
def test_a_message_that_is_damaged_is_listed_and_the_others_come(
    damaged: str, expected: list[Any], newer: LogsFile
) -> None:
    newer.run(f"UPDATE parts SET type = 'text', text = NULL, payload = '[]' WHERE message_hash = '{damaged}'")
    (incoming,) = read_llm_logs(newer.path)
    assert said(incoming) == expected
    assert reasons(incoming) == [f"message {damaged}: is not kept: payload holds no JSON object"]


def test_responses_that_belong_to_no_conversation_are_one_and_named_so(older: LogsFile) -> None:
    older.run("UPDATE responses SET conversation_id = NULL, options_json = '['")
    (incoming,) = read_llm_logs(older.path)
    assert incoming.left_out[0].startswith(f"{older.path}: conversation without an id: response r1: ")


def test_a_part_of_an_unknown_kind_is_listed(newer: LogsFile) -> None:
    newer.add("parts", message_hash="m2", position=2, type="im\x1bage", text="x")
    (incoming,) = read_llm_logs(newer.path)
    assert said(incoming)[1] == ("assistant", ("Two cats.",))
    assert reasons(incoming) == ["message m2: a part is not kept: im␛age"]


def test_a_picture_that_is_not_the_user_s_is_listed(newer: LogsFile, pictures: dict[str, dict[str, Any]]) -> None:
    newer.add("attachments", **pictures["there"])
    payload = json.dumps({"attachment": {"id": RED.digest}})
    for key in ("m0", "m2"):
        newer.add("parts", message_hash=key, position=2, type="attachment", payload=payload)
    (incoming,) = read_llm_logs(newer.path)
    assert incoming.transcript.images == ()
    assert [line.partition(":")[0] for line in reasons(incoming)] == ["message m0", "message m2"]


def test_tables_that_compute_are_not_read(older: LogsFile) -> None:
    older.run("DROP TABLE responses")
    older.run(
        "CREATE VIEW responses AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
        " SELECT id, 'c1' AS conversation_id FROM n"
    )
    assert refusal(older.path) == "is a database, but holds no logs of llm: `llm logs path` tells where they are"


def test_messages_in_a_circle_or_missing_are_refused(newer: LogsFile) -> None:
    newer.run("UPDATE messages SET parent_hash = 'm2' WHERE hash = 'm1'")
    assert refusal(newer.path) == "conversation t1: message m2 comes before itself"
    newer.run("UPDATE messages SET parent_hash = 'gone' WHERE hash = 'm1'")
    assert refusal(newer.path) == "conversation t1: message gone is missing"


def test_a_value_that_is_too_long_is_refused(older: LogsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_logs, "MOST_BYTES", 100_000)
    older.run("UPDATE responses SET response = printf('%.*c', 200000, 'a')")
    assert refusal(older.path).startswith("conversation c1: cannot be read as logs of llm (string or blob too big)")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"CREATE TABLE", b"CREATE \xffABLE"),
        lambda content: content[:100] + bytes(len(content) - 100),
    ],
    ids=["cut", "spoiled", "emptied"],
)
def test_a_damaged_database_is_refused(damage: Callable[[bytes], bytes], older: LogsFile) -> None:
    older.close()
    older.path.write_bytes(damage(older.path.read_bytes()))
    assert refusal(older.path).startswith("cannot be read as logs of llm (")
