"""`bench` puts the engine beside the recipe of the guides, and tells when their ids differ."""

import json

import pytest

from chat.bench import comparison, random_checkpoint
from chat.bench.recipe import Answer, Recipe
from chat.bench.talk import REPLY_TOKENS, USER_TOKENS
from chat.cli.app import run as run_here
from chat.cli.bench import DIFFERENT
from chat.conversation import Conversation
from tests.cli.program import Run

KEYS = {
    "turn",
    "images",
    "has_new_image",
    "prompt_tokens",
    "recipe_first_token_s",
    "engine_first_token_s",
    "engine_prefilled_first_token_s",
    "recipe_tokens_per_s",
    "engine_tokens_per_s",
    "engine_afterwards_s",
    "same_token_ids",
}


def test_the_document_has_every_measured_turn(run: Run) -> None:
    done = run("bench", "--turns", "12", "--repeats", "1", "--threads", "1", "--json")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    report = json.loads(done.stdout)
    assert (report["checkpoint"], report["device"], report["dtype"], report["repeats"], report["threads"]) == (
        "shapes",
        "cpu",
        "float32",
        1,
        1,
    )
    assert 2_000_000 < report["parameters"] < 3_000_000
    assert [(turn["turn"], turn["images"], turn["has_new_image"]) for turn in report["turns"]] == [
        (2, 1, False),
        (12, 3, False),
        (12, 3, True),
    ]
    for turn in report["turns"]:
        assert set(turn) == KEYS
        assert turn["same_token_ids"] is True
        assert turn["recipe_first_token_s"] > 0
        assert turn["engine_first_token_s"] > 0
        assert turn["engine_prefilled_first_token_s"] > 0
        assert turn["prompt_tokens"] > turn["turn"] * USER_TOKENS


def test_the_table_can_be_pasted_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["bench", "--turns", "2", "--repeats", "1"]) == 0
    printed = capsys.readouterr()
    first, empty, header, rule, *rows = printed.out.splitlines()
    assert first.startswith("shapes: 2.6 million parameters, float32 on cpu, ")
    assert (empty, printed.err) == ("", "")
    assert len(rows) == 2
    assert len({line.count("|") for line in (header, rule, *rows)}) == 1
    assert all(row.endswith("| yes |") for row in rows)


def test_random_weights_need_no_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["bench", "--random", "12M", "--turns", "3", "--repeats", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["checkpoint"] == "random 12M"
    assert [turn["same_token_ids"] for turn in report["turns"]] == [True] * 3


def test_different_ids_are_a_difference_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(self: Recipe, conversation: Conversation, max_new_tokens: int) -> Answer:
        return Answer((1,) * REPLY_TOKENS, 50, 1.0, 10.0)

    monkeypatch.setattr(Recipe, "answer", answer)
    with pytest.raises(SystemExit) as ended:
        run_here(["bench", "--turns", "2", "--repeats", "1"])
    assert ended.value.code == DIFFERENT
    assert "| **no** |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--random", "many"], 2, "--random is 'many': give a size such as 90M or 1.5B"),
        (["--random", "1M"], 2, "--random is '1M': give a size from 12M to"),
        (["--random", "900B"], 2, "--random is '900B': give a size from 12M to"),
        (["--random", "90M", "--checkpoint", "shapes"], 2, "--random and --checkpoint were both given: choose one"),
        (["--checkpoint", "no/such/folder"], 4, "no/such/folder"),
        (["--device", "cuda:99"], 4, "cuda:99"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str) -> None:
    assert run_here(["bench", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert words in line


def test_a_size_that_memory_does_not_suffice_for_is_refused_with_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_checkpoint, "free_memory", lambda _: 2**29)
    assert run_here(["bench", "--random", "90M"]) == 4
    assert capsys.readouterr().err == (
        "idefics-chat: --random 90M takes about 686.6 MiB for both sides and 512.0 MiB are free: give a smaller size\n"
    )


def test_no_more_turns_are_held_than_the_context_has_room_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def compare(generator: object, recipe: object, turns: int, *_: object) -> list[object]:
        held.append(turns)
        return []

    monkeypatch.setattr(comparison, "compare", compare)
    assert run_here(["bench"]) == 0
    assert 12 <= held[0] < 25
    assert capsys.readouterr().err == f"idefics-chat: {held[0]} turns in place of 40: the context holds 1,024 tokens\n"
