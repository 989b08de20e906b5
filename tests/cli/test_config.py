"""What the config sets for the commands, and `idefics-chat config`."""

import json
import os
import tomllib
from pathlib import Path

import click
import pytest

from chat.cli.app import COMMANDS, idefics_chat
from chat.cli.configured import set_environment
from chat.config_keys import KEYS, REQUEST, SETTINGS
from tests.cli.program import Run, told

CHECKPOINT = ("checkpoint", *REQUEST)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.toml"
    monkeypatch.setenv("IDEFICS_CHAT_CONFIG", str(path))
    return path


def test_the_config_wins_over_defaults_and_everything_wins_over_the_config(
    run: Run, config: Path, tmp_path: Path
) -> None:
    config.write_text('db = "of-config.db"\n')
    report = json.loads(run("doctor", "--json", IDEFICS_CHAT_DB="").stdout)
    assert report["database"]["path"] == str(tmp_path / "of-config.db")
    assert json.loads(run("doctor", "--json").stdout)["database"]["path"] == str(tmp_path / "sessions.db")
    by_option = run("doctor", "--json", "--db", tmp_path / "of-option.db", IDEFICS_CHAT_DB="")
    assert json.loads(by_option.stdout)["database"]["path"] == str(tmp_path / "of-option.db")


def test_generation_follows_the_config(run: Run, config: Path, picture: Path) -> None:
    config.write_text("max_new_tokens = 2\n")
    done = run("ask", "What is in the picture?", "-i", picture, "--json")
    assert json.loads(done.stdout)["usage"]["new_tokens"] == 2
    assert told(done) == "idefics-chat: the reply was cut at 2 tokens (--max-new-tokens)"
    done = run("ask", "What is in the picture?", "-i", picture, "--json", "--max-new-tokens", "3")
    assert json.loads(done.stdout)["usage"]["new_tokens"] == 3


def test_a_revision_of_the_config_is_for_its_checkpoint_alone(run: Run, config: Path, picture: Path) -> None:
    config.write_text('checkpoint = "nobody/nothing"\nrevision = "abc"\n')
    done = run("ask", "What is in the picture?", "-i", picture, "--json", "--checkpoint", "shapes")
    assert (done.returncode, json.loads(done.stdout)["checkpoint"]) == (0, "shapes")
    done = run("ask", "Hello", "--checkpoint", "shapes", "--revision", "abc")
    assert (done.returncode, "--revision is for checkpoints of the hub" in told(done)) == (2, True)


def test_a_broken_config_is_one_line_and_the_command_runs(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text('checkpoint = 5\nthemee = "x"\n')
    done = run("doctor", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["database"]["path"] == str(tmp_path / "sessions.db")
    assert told(done) == (
        "idefics-chat: config line 1: checkpoint is 5: give a text in quotes (and 1 more: idefics-chat config)"
    )


def test_doctor_looks_at_no_checkpoint_that_it_was_not_told_of(run: Run, config: Path) -> None:
    config.write_text('checkpoint = "nobody/nothing"\n')
    done = run("doctor", "--json")
    assert (done.returncode, json.loads(done.stdout)["checkpoint"]) == (0, None)


def test_config_tells_what_is_in_force_and_why(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text('\ntheme = "paper"\nglyphs = "unicode"\nseed = -1\n[keys]\nhelp = "f2"\nnew = "tab"\n')
    report = json.loads(run("config", "--json", IDEFICS_CHAT_GLYPHS="ascii").stdout)
    assert report["path"] == str(config)
    settings = report["settings"]
    assert settings["theme"] == {"value": "paper", "from": "config line 2"}
    assert settings["glyphs"] == {"value": "ascii", "from": "environment IDEFICS_CHAT_GLYPHS"}
    assert settings["db"] == {"value": str(tmp_path / "sessions.db"), "from": "environment IDEFICS_CHAT_DB"}
    assert settings["checkpoint"] == {"value": "shapes", "from": "default"}
    assert report["keys"]["help"] == {"keys": ["f2"], "from": "config line 6"}
    assert report["keys"]["new"] == {"keys": ["ctrl+n"], "from": "default"}
    assert report["problems"] == [
        "config line 4: seed is -1: give a number from 0 to 2**63 - 1",
        'config line 7: tab is reserved: "new" keeps its keys',
    ]
    shown = run("config")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert str(config) in shown.stdout.splitlines()[0]
    assert "config line 7: tab is reserved" in shown.stdout


def test_what_is_none_of_the_choices_is_not_in_force(run: Run, config: Path) -> None:
    config.write_text('theme = "papr"\nglyphs = "ascii"\n')
    report = json.loads(run("config", "--json", IDEFICS_CHAT_GLYPHS="bogus").stdout)
    assert report["settings"]["theme"] == {"value": "ink", "from": "default"}
    assert report["settings"]["glyphs"] == {"value": "ascii", "from": "config line 2"}
    assert report["problems"] == [
        'config line 1: unknown theme "papr", did you mean "paper"?',
        'environment IDEFICS_CHAT_GLYPHS: unknown value "bogus"',
    ]
    lines = run("config").stdout.splitlines()
    assert lines[1:4] == ["", "cannot be used", '  config line 1: unknown theme "papr", did you mean "paper"?']


def test_the_example_file_has_every_key_and_can_be_used(run: Run, config: Path) -> None:
    config.write_text("")
    example = run("config", "--example").stdout
    assert tomllib.loads(example) == {"keys": {}}
    uncommented = "\n".join(
        line.removeprefix("# ") for line in example.splitlines() if " = " in line or line == "[keys]"
    )
    assert {*tomllib.loads(uncommented)} == {*(key.name for key in KEYS), "keys"}
    config.write_text(uncommented)
    assert json.loads(run("config", "--json").stdout)["problems"] == []


def _parameters(command: click.Command) -> list[click.Parameter]:
    own = [*command.params]
    return own + [one for each in getattr(command, "commands", {}).values() for one in _parameters(each)]


def test_options_and_keys_of_one_name_have_one_default_and_the_same_choices() -> None:
    context = click.Context(idefics_chat)
    seen = set()
    for name in ("chat", "ask"):
        command = idefics_chat.get_command(context, name)
        assert command is not None
        for parameter in _parameters(command):
            key = next((key for key in KEYS if key.name == parameter.name), None)
            if key is not None and key.name != "db":
                seen.add(key.name)
                assert not key.choices or [*parameter.type.choices] == [*key.choices]  # type: ignore[attr-defined]
                assert key.default is None or parameter.default == key.default
    assert seen == {*CHECKPOINT, *SETTINGS}
    assert "config" in COMMANDS


def test_what_the_config_says_of_the_terminal_is_where_the_ui_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("IDEFICS_CHAT_GLYPHS", "IDEFICS_CHAT_PICTURES", "TEXTUAL_ANIMATIONS")
    around = {"IDEFICS_CHAT_GLYPHS": "bogus", "IDEFICS_CHAT_PICTURES": "half", "TEXTUAL_ANIMATIONS": ""}
    monkeypatch.setattr(os, "environ", around)
    set_environment({"glyphs": "ascii", "pictures": "text", "motion": False})
    assert [os.environ[name] for name in names] == ["ascii", "half", "none"]
    monkeypatch.setattr(os, "environ", {})
    set_environment({"motion": True})
    assert not os.environ
