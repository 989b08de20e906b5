"""The commands for tasks as a person or a script runs them, on the bundled checkpoint."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.cli.app import run as run_here
from chat.conversation import Image, user_turn
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.store import open_store
from tests.cli.program import Begin, slow_script, told
from tests.cli.test_output import _Pieces
from tests.tasks.test_recipes import SAMPLE

PICTURES = sorted((SAMPLE.parents[1] / "pictures").glob("*.png"))
FOUR, GREEN, SQUARE, THREE = PICTURES
KEYS = ["image", "digest", "width", "height", "text", "stop_reason", "seed", "prompt_tokens", "new_tokens"]
RUN = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(
    shapes: TextGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RUN:
    """Runs a command in this process, with the checkpoint that was loaded already or another model."""

    def run(*arguments: object, model: TextGenerator = shapes) -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv("IDEFICS_CHAT_DB", str(tmp_path / "sessions.db"))
        monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: model)
        words = list(map(str, arguments))
        try:
            code = run_here(words)
        except SystemExit as end:
            code = int(end.code or 0)
        output = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, output.out, output.err)

    return run


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_one_caption_is_bare_and_several_have_their_names(program: RUN) -> None:
    assert program("caption", SQUARE).stdout == "A purple square.\n"
    several = program("caption", SQUARE, GREEN, "--raw")
    assert several.stdout == f"{SQUARE}: A purple square.\n{GREEN}: A green triangle and a purple circle.\n"
    assert (several.returncode, several.stderr) == (0, "")


def test_a_prompted_caption_is_printed_with_its_prefix(program: RUN) -> None:
    done = program("caption", SQUARE, "--prefix", "This is an image of ")
    assert done.stdout == "This is an image of a purple square.\n"


def test_json_is_a_list_with_the_promised_keys(program: RUN) -> None:
    for arguments in (
        ["caption", SQUARE, GREEN],
        ["vqa", "How many shapes are there?", SQUARE],
        ["few-shot", SAMPLE, SQUARE],
        ["story", SQUARE],
    ):
        listed = document(program(*arguments, "--json"))
        assert [list(one) for one in listed] == [KEYS] * len(listed)
        assert listed[0]["image"] == str(SQUARE)
    (together,) = document(program("story", SQUARE, GREEN, "--json"))
    assert [one["image"] for one in together["images"]] == [str(SQUARE), str(GREEN)]
    assert list(together["images"][0]) == KEYS[:4]


def test_a_seed_that_is_drawn_is_one_for_all_and_told(program: RUN) -> None:
    done = program("caption", SQUARE, GREEN, "--temperature", "0.7", "--json")
    (seed,) = {one["seed"] for one in json.loads(done.stdout)}
    assert done.stderr == f"idefics-chat: sampled with --seed {seed}\n"
    again = program("caption", SQUARE, GREEN, "--temperature", "0.7", "--json", "--seed", seed)
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_a_picture_may_come_from_stdin(program: RUN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SQUARE.read_bytes())))
    assert program("caption", "-").stdout == "A purple square.\n"
    twice = program("caption", "-", "-")
    assert (twice.returncode, "stdin can be read once" in twice.stderr) == (2, True)


def test_a_question_is_answered_in_every_form(program: RUN) -> None:
    for form in ([], ["--raw"], ["--priming"], ["--raw", "--priming"]):
        assert program("vqa", "What colour is the square?", SQUARE, *form).stdout == "The square is purple.\n"


def test_a_recipe_answers_in_its_examples_format(program: RUN) -> None:
    assert program("few-shot", SAMPLE, SQUARE).stdout == "square: purple\n"
    assert program("few-shot", SAMPLE, SQUARE, "--turns").stdout != "square: purple\n"


def test_examples_come_from_the_exchanges_marked_in_a_session(
    program: RUN, tmp_path: Path, scene_image: Callable[..., Image]
) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        session = store.new_session()
        model = ScriptedGenerator(["It is a star."])
        message = store.add_user_turn(session, user_turn(scene_image(1, 1), "What is this?"))
        turn = store.open_reply(message, model.facts, GenerationSettings())
        *_, reply = model.generate(Prompt(()), GenerationSettings(), threading.Event())
        assert isinstance(reply, Reply)
        store.close_reply(turn, reply)
    none = program("few-shot", "--from-session", session, SQUARE)
    assert (none.returncode, "/example" in told(none)) == (3, True)
    with open_store(tmp_path / "sessions.db") as store:
        store.mark_example(message, True)
    assert program("few-shot", "--from-session", session[:6], SQUARE).stdout == "It is a square.\n"
    with open_store(tmp_path / "sessions.db") as store:
        assert len(store.sessions()) == 1


def test_a_story_is_told_of_all_pictures_together(program: RUN) -> None:
    done = program("story", SQUARE, GREEN)
    assert (done.returncode, done.stdout.startswith("Once upon a time ")) == (0, True)
    assert program("story", SQUARE, "--num-beams", "1").stdout.startswith("Once upon a time a purple square")


def test_nothing_is_stored(program: RUN, tmp_path: Path) -> None:
    program("caption", SQUARE)
    program("few-shot", SAMPLE, SQUARE)
    assert not (tmp_path / "sessions.db").exists()


def test_every_command_has_the_guides_defaults_and_those_given_win(program: RUN) -> None:
    for arguments, most in (
        (["caption", SQUARE], 40), (["vqa", "?", SQUARE], 20), (["few-shot", SAMPLE, SQUARE], 30),
        (["story", SQUARE], 200), (["classify", SQUARE, "--label", "x", "--label", "y"], 6),
    ):  # fmt: skip
        said = ScriptedGenerator(["word " * 300] * 2)
        assert program(*arguments, model=said).stdout.count("word") == (most if "classify" not in arguments else 6)
        assert program(*arguments, "--max-new-tokens", "3", model=said).stdout.count("word") == 3


def test_what_was_cut_is_told_apart_from_it(program: RUN) -> None:
    cut = program("caption", SQUARE, "--max-new-tokens", "2")
    assert (cut.returncode, told(cut)) == (0, "idefics-chat: the reply was cut at 2 tokens (--max-new-tokens)")
    several = program("caption", SQUARE, FOUR, THREE, "--max-new-tokens", "5")
    assert told(several) == "idefics-chat: 2 of 3 replies were cut at 5 tokens (--max-new-tokens)"


def test_text_from_a_model_or_a_file_name_cannot_act_on_the_terminal(program: RUN, tmp_path: Path) -> None:
    hostile = tmp_path / "a\x1b[31m\n.png"
    hostile.write_bytes(SQUARE.read_bytes())
    replies = ["\x1b]52;c;aGk=\x07red\nblue \u202e"] * 2
    for arguments in (["caption", hostile], ["caption", hostile, hostile], ["caption", hostile, "--json"]):
        done = program(*arguments, model=ScriptedGenerator(replies))
        assert not set(done.stdout + done.stderr) & {chr(code) for code in [*range(9), *range(11, 32), 0x9B, 0x202E]}
    several = program("caption", hostile, hostile, model=ScriptedGenerator(replies))
    assert len(several.stdout.splitlines()) == 2


def test_an_answer_comes_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, pieces in (
        (["caption", SQUARE, "--prefix", "Look: "], ["Look: Two", " small", " cats.", "\n"]),
        (["vqa", "What?", SQUARE], ["Two", " small", " cats.", "\n"]),
    ):
        output = _Pieces()
        model = ScriptedGenerator(["Two small cats.\nQuestion: " if arguments[0] == "vqa" else "Two small cats."])
        monkeypatch.setattr("chat.cli.running.loader", lambda request, model=model: lambda tell, stop: model)
        monkeypatch.setattr(sys, "stdout", output)
        assert run_here(list(map(str, arguments))) == 0
        assert "".join(output.pieces) == "".join(pieces)
        assert len(output.pieces) == len(pieces)


BAD: dict[str, tuple[list[object], int, str]] = {
    "a missing picture among several": (["caption", SQUARE, "nowhere.png"], 3, "nowhere.png: there is no such file"),
    "a picture that is none": (["story", SAMPLE], 3, "is no PNG"),
    "an empty question": (["vqa", " ", SQUARE], 2, "the question is empty"),
    "one label": (["classify", SQUARE, "--label", "a"], 2, "there is one label"),
    "no labels": (["classify", SQUARE], 2, "there are no labels"),
    "a label twice": (["classify", SQUARE, "--label", "cat", "--label", "cat"], 2, "the label “cat” stands twice"),
    "labels from nowhere": (["classify", SQUARE, "--labels", "gone.txt"], 3, "gone.txt: there is no such file"),
    "normalizing what is not ranked": (
        ["classify", SQUARE, "--label", "a", "--label", "b", "--normalize"], 2, "give --rank, too",
    ),
    "a recipe that is none": (["few-shot", SQUARE, SQUARE], 3, "line 1 is no text in UTF-8"),
    "a recipe from nowhere": (["few-shot", "gone.toml", SQUARE], 3, "gone.toml: there is no such file"),
    "an unknown session": (["few-shot", "--from-session", "zzz", SQUARE], 3, "there is no such database"),
    "a wrong setting": (["caption", SQUARE, "--top-p", "7"], 2, "top-p is 7.0"),
    "an unknown checkpoint": (["caption", SQUARE, "--checkpoint", "./nowhere"], 4, "./nowhere is no folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_told_before_the_model_is_loaded(program: RUN, name: str) -> None:
    arguments, code, words = BAD[name]
    model = ScriptedGenerator([])
    done = program(*arguments, model=model)
    assert done.returncode == code
    assert words in told(done)
    assert (done.stdout, model.prompts) == ("", [])


@pytest.mark.parametrize("arguments", [["caption"], ["vqa", "What?"], ["few-shot", SAMPLE], ["few-shot"], ["story"]])
def test_a_command_without_pictures_is_wrong_usage(program: RUN, arguments: list[object]) -> None:
    done = program(*arguments)
    assert done.returncode == 2
    assert "IMAGE..." in done.stderr


def test_ctrl_c_ends_with_130(begin: Begin) -> None:
    captioned = begin("caption", str(FOUR), script=slow_script(0.3))
    captioned.wait_for_output(3)
    time.sleep(0.1)
    os.kill(captioned.pid, signal.SIGINT)
    done = captioned.wait()
    assert (done.returncode, done.stderr) == (130, "")
    assert "A black star, an orange circle".startswith(done.stdout.strip()[:30])


def test_a_terminal_without_the_characters_of_bars_gets_plain_ones(
    shapes: TextGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: shapes)
    monkeypatch.setattr(sys, "stdout", output)
    assert run_here(["classify", str(SQUARE), "--rank", "--label", "circle", "--label", "square"]) == 0
    output.seek(0)
    assert output.read().splitlines()[1].startswith(f"  square *  {'=' * 32}  100.0 %")
