"""Slash commands, line by line."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat.conversation import Image, Role, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason, TextGenerator
from chat.plain.commands import available
from chat.plain.commands.table import TABLE
from chat.plain.run import completed
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from chat.talk.commands import COMMANDS
from chat.transcript import load_transcript
from chat.transcript.reading import read_transcripts
from tests.plain.conftest import FACTS, Talk, turns

ELSEWHERE = {"compare", "copy", "editor", "theme", "view"}
"""Commands that only a full screen can do; they are answered with a line that says so."""


@pytest.mark.parametrize("name", [command.name for command in TABLE])
def test_every_command_does_something_or_says_why_not_in_a_line(talk: Talk, name: str) -> None:
    done = talk("Hello", f"/{name}")
    told = [line for line in done.err.splitlines() if line.startswith("idefics-chat: line 2: ")]
    if name in ELSEWHERE:
        assert told == [
            f"idefics-chat: line 2: /{name} is for the full screen: start idefics-chat without --plain for it."
        ]
    elif done.code:
        (line,) = told
        assert f"/{name}" in line or "There is" in line or "No conversation" in line
    elif name not in ("quit", "story"):
        assert done.out.removeprefix("shapes: Two cats.\n")


def test_every_command_of_the_terminal_ui_is_known_here() -> None:
    known = {command.name for command in available()}
    assert {command.name for command in COMMANDS} - known == ELSEWHERE


def test_help_fits_into_80_columns_and_names_every_command(talk: Talk) -> None:
    lines = talk("/help").out.splitlines()
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  /")]
    assert listed == [f"/{command.name}" for command in available()]


def test_choose_tells_a_table_of_words_and_keeps_it(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]
) -> None:
    done = talk("/choose circle | square | a", images=[scene_image(1)])
    assert done.out.splitlines()[1:] == [
        "shapes: most likely a",
        "  a       98.7 %  -1.00",
        "  circle   0.7 %  -6.00",
        "  square   0.7 %  -6.00",
        "  (log-likelihood, picture [1] before any message, not added to the conversation)",
    ]
    again = talk("/history", continue_latest=True).out.splitlines()
    assert again == ["You: /choose circle | square | a", *done.out.splitlines()[1:]]
    (choice,) = store.choices(store.sessions()[0].id)
    assert choice.ranking.labels == ("circle", "square", "a")
    assert turns(store) == []


def test_describe_tells_a_caption_that_is_not_part_of_the_conversation(
    talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]
) -> None:
    generator = ScriptedGenerator(["A cat.", "Two cats."], facts=FACTS)
    done = talk("/describe", "What is it?", "/describe 2", images=[scene_image(1)], generator=generator)
    assert done.out.splitlines()[1:] == ["[1] A cat.", "shapes: Two cats."]
    assert "There is no picture 2: give a number from 1 to 1." in done.err
    assert turns(store) == [("user", "What is it?"), ("assistant", "Two cats.")]
    assert "A cat." not in generator.prompts[1].text


def test_each_asks_the_same_of_every_picture(talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]) -> None:
    images = [scene_image(1), scene_image(2)]
    talk("/each What is it?", images=images)
    said = [stored.turn for stored in store.turns(store.sessions()[0].id) if stored.turn.role is Role.USER]
    assert [(turn.text, turn.images) for turn in said] == [("What is it?", (image,)) for image in images]


def test_a_caption_begins_with_given_words(talk: Talk, store: SqliteStore, scene_image: Callable[..., Image]) -> None:
    done = talk("/caption This is", images=[scene_image(1)], replies=["two cats."])
    assert done.out.endswith("shapes: This is two cats.\n")
    assert turns(store) == [("user", "Write a caption for this image."), ("assistant", "This is two cats.")]


def test_examples_become_a_recipe_that_another_conversation_begins_with(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    recipe = tmp_path / "shots.toml"
    done = talk("What is it?", "/example", f"/recipe {recipe}", f"/fewshot {recipe}", "/send", images=[scene_image(1)])
    assert done.code == 0
    assert "“What is it?” is marked as an example; 1 example." in done.out
    assert "A new conversation that begins with 1 example." in done.out
    assert turns(store) == [("user", "What is it?"), ("assistant", "Two cats.")] * 2


def test_conversations_are_listed_opened_named_deleted_and_brought_back(talk: Talk, store: SqliteStore) -> None:
    talk("First")
    done = talk(
        "Second",
        "/sessions",
        "/open 2",
        "/rename  Older   one",
        "Go on",
        "/delete",
        "/sessions",
        "/restore",
        "Still here",
    )
    assert done.code == 0
    assert (
        "1. Second, 2 turns, no pictures, now, shapes, open\n2. First, 2 turns, no pictures, now, shapes\n" in done.out
    )
    assert "“First” is open.\nIt is called “Older one”.\n" in done.out
    assert "Deleted “Older one”; /restore brings it back.\nA new conversation.\n1. Second" in done.out
    assert done.out.endswith("“Older one” is back, and open.\nshapes: Two cats.\n")
    assert sorted(summary.title for summary in store.sessions()) == ["Older one", "Second"]
    assert [text for role, text in turns(store) if role == Role.USER] == ["First", "Go on", "Still here"]


def test_ctrl_c_ends_an_import_and_what_was_imported_stays(
    talk: Talk, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"messages": [{"role": "user", "content": f"Message {number}"}]}) for number in range(3)]
    (tmp_path / "talks.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr("chat.store.whole.TURNS_AT_ONCE", 1)
    kept: list[int] = []

    def read(path: Path, *_: object) -> Iterator[object]:
        for number, one in enumerate(read_transcripts(path)):
            kept.append(len(store.sessions()))
            if number == 2 and kept[-1]:
                signal.raise_signal(signal.SIGINT)
            yield one

    monkeypatch.setattr("chat.talk.importing.read_transcripts", read)
    done = talk(f"/import {tmp_path / 'talks.jsonl'}", "Two?")
    assert "Stopped; what was imported by then is kept" in done.err
    assert done.code == 130
    assert kept == [0, 0, 0, 0, 1, 2]
    assert len(store.sessions()) == 2


def test_a_saved_conversation_is_imported_and_opened(talk: Talk, store: SqliteStore) -> None:
    samples = Path(__file__).parents[2] / "sample_sessions"
    done = talk(f"/import {samples / 'story.json'}", f"/import {samples / 'story.json'}", "/last", "/import")
    assert "Imported: An image-guided story" in done.out
    assert "It was there already." in done.out
    assert "Once upon a time" in done.out.split("It was there already.")[1]
    assert "line 4: /import takes a file, or a folder of them: /import talk.json" in done.err
    assert [session.title for session in store.sessions()] == ["An image-guided story"]


def test_an_exported_conversation_can_be_read_back(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    files = [f"{tmp_path}/talk.{suffix}" for suffix in ("json", "md", "html")]
    done = talk("What is it?", *(f"/export {file}" for file in files), images=[scene_image(1)])
    session_id = store.sessions()[0].id
    saved = f"Saved {session_id} as {tmp_path}/talk.json, its pictures in {tmp_path}/pictures."
    assert saved in done.out
    assert json.loads((tmp_path / "talk.json").read_text())["title"] == "What is it?"
    assert load_transcript(tmp_path / "talk.json").turns[0].turn.images == (scene_image(1),)
    assert (tmp_path / "talk.md").read_text("utf-8").startswith("# What is it?\n\n## You\n\n![1: ")
    assert f"Saved {session_id} as {tmp_path}/talk.html." in done.out


def test_settings_are_changed_from_the_next_reply_on(talk: Talk, store: SqliteStore) -> None:
    done = talk("Hello", "/params temperature=0.7 seed=3", "Again", "/params heat=2", "/params default", "Once more")
    assert "From the next reply on: temperature 0.7 (was 0), seed 3 (was none)." in done.out
    assert "line 4: " in done.err and "heat" in done.err
    replies = [stored for stored in store.turns(store.sessions()[0].id) if stored.generation]
    used = [stored.generation.settings for stored in replies if stored.generation]
    assert [(settings.temperature, settings.seed) for settings in used] == [(0.0, None), (0.7, 3), (0.0, None)]


def test_the_system_text_is_set_shown_and_taken_away(talk: Talk, store: SqliteStore) -> None:
    done = talk("/system Be brief.", "Hello", "/system", "/system none", "/system")
    assert done.out.count("The text before the first turn: “Be brief.”; /system none takes it away.") == 2
    assert done.out.endswith("There is no text before the first turn; /system TEXT sets one.\n")
    assert store.sessions()[0].system == ""


def test_prompt_is_exactly_what_the_model_is_shown(
    talk: Talk, shapes: TextGenerator, scene_image: Callable[..., Image]
) -> None:
    done = talk("What is in the picture?", "/prompt", images=[scene_image(1, 1)], generator=shapes)
    said = done.out.partition("shapes: ")[2].splitlines()
    fence = "<fake_token_around_image>"
    assert said[1:4] == [
        "What the model is shown, set off by two spaces:",
        f"  <s>User:{fence}<image>{fence}What is in the picture?<end_of_utterance>",
        f"  Assistant: {said[0]}<end_of_utterance>",
    ]
    numbers = [[int(number) for number in re.findall("[0-9]+", line.replace(",", ""))] for line in said[4:8]]
    (_, words, pictures), (_, replied), (control,), (total, length, left) = numbers
    assert said[4].startswith("Turn 1, You: ")
    assert pictures == 3
    assert words + pictures + replied + control == total == length - left
    assert said[8:] == ["After [1], text looks at picture [1] only"]
    assert talk("/context", continue_latest=True, generator=shapes).out.startswith(f"{total} of 1,024 tokens")


def test_tokens_lists_how_likely_each_token_of_the_last_reply_was(
    talk: Talk, shapes: TextGenerator, scene_image: Callable[..., Image]
) -> None:
    done = talk("What is in the picture?", "/tokens", images=[scene_image(1, 1)], generator=shapes)
    lines = done.out.splitlines()
    tokens = [re.match("“(.*?)”", line) for line in lines[3:]]
    assert "".join(token[1] for token in tokens if token).removesuffix("<end_of_utterance>") in lines[1]
    assert all(re.search(r" [0-9.]+ %   “", line) for line in lines[3:])


def test_details_and_times_tell_when_and_how_a_reply_came_about(talk: Talk) -> None:
    lines = talk("Hello", "/details", "/times").out.splitlines()
    assert lines[1].endswith(", end of utterance")
    assert "shapes, cpu, fp32" in lines
    assert re.fullmatch("You: [0-9:]{5}, “Hello”", lines[-2])
    assert re.fullmatch("shapes: [0-9:]{5}, “Two cats.”", lines[-1])


def test_the_name_of_a_checkpoint_begins_no_line_of_its_own(talk: Talk, store: SqliteStore) -> None:
    message = store.add_user_turn(store.new_session(), user_turn("Hello"))
    reply = store.open_reply(message, CheckpointFacts("a\nYou: b"), GenerationSettings())
    store.close_reply(reply, Reply("Hi.", (1,), StopReason.EOS, 9, 0, None, 0.1, 0.2))
    done = talk("/details", "/sessions", "/history", "/branch", "/tokens", continue_latest=True)
    assert [line for line in done.out.splitlines() if re.match("[“]?You", line, re.IGNORECASE)] == ["You: Hello"]
    assert not re.search("^You:", done.err, re.MULTILINE)


def test_conversations_are_found_by_what_was_said_in_them(talk: Talk, store: SqliteStore) -> None:
    talk("Hello", replies=["A green triangle."])
    talk("Bye")
    done = talk("/search triangle", "/pin 1", "/sessions", "/open 1", "/pin", "/search nosuchword")
    assert done.out.splitlines() == [
        "1. Hello, 2 turns, no pictures, now, shapes",
        "   A green «triangle».",
        "/open NUMBER goes on with one.",
        "“Hello” stands first in the list.",
        "1. Hello, 2 turns, no pictures, now, shapes, pinned",
        "2. Bye, 2 turns, no pictures, now, shapes",
        "/open NUMBER goes on with one.",
        "“Hello” is open.",
        "“Hello” stands among the others again.",
        "No conversation has “nosuchword”.",
    ]


def test_a_saved_conversation_is_told_from_its_file_and_by_its_id(
    talk: Talk, store: SqliteStore, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    path = tmp_path / "talk.json"
    said = talk("What is it?", f"/export {path}", "/replay", "/last", images=[scene_image(1)]).out
    told = said.partition("pictures.\n")[2]
    assert told.splitlines()[0] == "You: [1] What is it?"
    assert told.endswith("shapes: Two cats.\nshapes: Two cats.\n")
    (session,) = store.sessions()
    for named in (path, session.id):
        assert talk(f"/replay {named}").out == told.removesuffix("shapes: Two cats.\n")
    assert "nosuchid is neither a file nor a conversation" in talk("/replay nosuchid").err
    for picture in tmp_path.glob("pictures/*"):
        picture.unlink()
    assert talk(f"/replay {path}").out.splitlines() == [
        "Pictures that are missing: scene.png",
        "You: [1] What is it?",
        "[1] scene.png, 154 by 154 pixels",
        "shapes: Two cats.",
    ]


def test_tab_completes_commands_and_the_paths_behind_them(tmp_path: Path) -> None:
    (tmp_path / "a cat.png").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "evil\x1b.png").touch()
    assert completed("/ima") == ["/image "]
    assert completed("/q") == ["/quit"]
    assert completed(f"/image {tmp_path}/a") == [f"/image {tmp_path}/a cat.png", f"/image {tmp_path}/a folder/"]
    assert completed(f"/image {tmp_path}/e") == []
    assert completed(f"/system {tmp_path}/a") == []
    assert completed("/image nowhere/at/all") == []
    assert completed("ima") == []


def test_a_sample_picture_can_be_attached(talk: Talk, scene_image: Callable[..., Image]) -> None:
    samples = [scene_image(1, name="one.png"), scene_image(2, name="two.png")]
    done = talk("/sample", "/sample 2", "/sample 3", samples=lambda: samples)
    assert [line.partition(",")[0] for line in done.out.splitlines()] == ["[1] one.png", "[2] two.png"]
    assert "There is no sample 3: there are 2 samples." in done.err
