"""`idefics-chat classify`: labels by what the model says, and bars by what it finds likely."""

import json
import math
from pathlib import Path

import click
import pytest

from chat.cli.classify import bars
from chat.generation import Score
from chat.ranking import Ranking, check_labels
from chat.scripted import ScriptedGenerator
from tests.cli.program import told
from tests.cli.test_tasks import GREEN, RUN, SQUARE, document, program

__all__ = ["program"]

LABELS = ["--label", "circle", "--label", "square"]


def test_labels_are_printed_bare_or_with_names(program: RUN) -> None:
    assert program("classify", SQUARE, *LABELS).stdout == "square\n"
    both = program("classify", SQUARE, GREEN, "--label", "triangle", *LABELS)
    assert both.stdout.splitlines()[0] == f"{SQUARE}: square"


def test_labels_from_a_file_join_those_given(program: RUN, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("# kinds\nstar\n\nsquare\n")
    assert program("classify", SQUARE, "--labels", path, "--label", "circle").stdout == "square\n"
    path.write_text("star\nstar\n")
    twice = program("classify", SQUARE, "--labels", path)
    assert (twice.returncode, "labels.txt: line 2: the label “star” was given before" in told(twice)) == (2, True)


def test_a_text_that_names_no_label_is_shown_and_told(program: RUN) -> None:
    done = program("classify", SQUARE, *LABELS, model=ScriptedGenerator(["No idea at all."]))
    assert done.stdout == "No idea at all.\n"
    assert told(done) == "idefics-chat: the model named none of the labels"
    (found,) = document(program("classify", SQUARE, *LABELS, "--json", model=ScriptedGenerator(["No idea."])))
    assert list(found) == ["image", "digest", "label", "text"]
    assert (found["label"], found["text"]) == (None, "No idea.")


def test_a_ranking_is_printed_as_bars(program: RUN) -> None:
    lines = program("classify", SQUARE, *LABELS, "--rank").stdout.splitlines()
    assert lines[0] == f"{SQUARE}: square"
    assert lines[1].startswith(f"  square ✓  {'━' * 32}  100.0 %  ")
    assert lines[2].startswith(f"  circle    {'─' * 32}    0.0 %  -")


def test_the_bars_are_sorted_and_their_numbers_aligned() -> None:
    ranking = Ranking(("猫", "triangle", "circle"), (Score(-2.45, 1), Score(-0.31, 1), Score(-12.0, 1)))
    lines = [click.unstyle(line) for line in bars(ranking)]
    assert lines[0] == f"  triangle ✓  {'━' * 29}{'─' * 3}   89.5 %   -0.31"
    assert lines[1].startswith(f"  猫{' ' * 10}━━━─")
    assert lines[1].endswith("   10.5 %   -2.45")
    assert lines[2].endswith("    0.0 %  -12.00")


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 200])
def test_the_bars_fit_into_the_terminal(columns: int) -> None:
    labels = ("a label that is by far too long to be shown in a narrow terminal", "猫" * 30, "cat")
    lines = [click.unstyle(line) for line in bars(Ranking(labels, (Score(-1.0, 1),) * 3), columns)]
    assert all(sum(1 + (character == "猫") for character in line) <= max(columns, 27) for line in lines)
    assert all(("─" in line) == (columns >= 80) for line in lines)


def test_a_thousand_labels_are_shown_at_once() -> None:
    ranking = Ranking(tuple(map(str, range(3000))), (Score(-1.0, 1),) * 3000)
    assert len(list(bars(ranking))) == 3000
    assert len(check_labels(ranking.labels)) == 3000


def test_json_of_a_ranking_has_every_score(program: RUN) -> None:
    for normalize in ([], ["--normalize"]):
        (found,) = document(program("classify", SQUARE, *LABELS, "--rank", "--json", *normalize))
        assert list(found) == ["image", "digest", "label", "scores", "probabilities", "per_token_scores"]
        assert found["label"] == "square"
        assert list(found["scores"]) == ["circle", "square"]
        assert sum(found["probabilities"].values()) == pytest.approx(1)


def test_normalizing_compares_the_likelihood_of_a_token(program: RUN) -> None:
    model, labels = ScriptedGenerator([]), ["--label", "a very long label", "--label", "short"]
    for normalize, label in (([], "short"), (["--normalize"], "a very long label")):
        done = program("classify", SQUARE, *labels, "--rank", "--json", *normalize, model=model)
        (found,) = json.loads(done.stdout)
        assert found["label"] == label
        scores, per_token = found["scores"], found["per_token_scores"]
        assert per_token["a very long label"] == scores["a very long label"] / 4
        values = per_token if normalize else scores
        share = math.exp(values["short"]) / sum(map(math.exp, values.values()))
        assert found["probabilities"]["short"] == pytest.approx(share)
