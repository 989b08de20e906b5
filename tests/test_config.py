"""The config file: what it says, and what cannot be used of it."""

from pathlib import Path

import pytest

from chat.config import Config
from chat.config_file import VARIABLE, load_config
from chat.config_keys import KEYS, toml_value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str) -> Config:
    path.write_text(text, encoding="utf-8")
    return load_config({VARIABLE: str(path)})


def test_values_are_those_of_the_file(path: Path) -> None:
    config = read(
        path, 'theme = "paper"\ntemperature = 1\nmouse = false\n\n[keys]\nhelp = "f2"\nnew = ["ctrl+b", "f3"]\n'
    )
    assert config.values == {"theme": "paper", "temperature": 1, "mouse": False}
    assert config.keys == {"help": ("f2",), "new": ("ctrl+b", "f3")}
    assert config.problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('\n\nthemee = "ink"', 'config line 3: unknown key "themee", did you mean "theme"?'),
        ("zzz = 1", 'config line 1: unknown key "zzz"'),
        ("[paths]\nx = 1", 'config line 1: unknown key "paths"'),
        ('temperature = "hot"', 'config line 1: temperature is "hot": give a number'),
        (
            "# a comment\ntemperature = 200",
            "config line 2: temperature is 200: give 0 for greedy decoding, or a number from 0.001 to 100",
        ),
        ("temperature = nan", "config line 1: temperature is nan: give 0 for greedy"),
        ("max_new_tokens = 1.5", "config line 1: max_new_tokens is 1.5: give a whole number"),
        ("seed = true", "config line 1: seed is true: give a whole number"),
        ("motion = 1", "config line 1: motion is 1: give true or false"),
        ("checkpoint = 5", "config line 1: checkpoint is 5: give a text in quotes"),
        ('checkpoint = " "', 'config line 1: checkpoint is " ": give a text in quotes'),
        ('dtype = "fp32"', 'config line 1: dtype is "fp32": give auto, float32, float16 or bfloat16'),
        ('device = "gpu"', "config line 1: device is 'gpu': choose one of auto, cpu"),
        ("theme = [\n'a',\n'b']", "config line 1: theme is a list: give a text in quotes"),
        ("db = 1979-05-27", "config line 1: db is a date or a time: give a text in quotes"),
        ("keys = 3", "config line 1: keys is 3: give a table"),
        ("[keys]\nnew = 3", "config line 2: keys.new is 3: give a key in quotes, or a list of keys"),
        ("[keys]\nnew = []", "config line 2: keys.new is a list: give a key in quotes, or a list of keys"),
        ('theme = "ink\n', "config line 1: is not TOML: "),
        ('theme = "ink"\ntheme = "ink"', "config line 2: is not TOML: Cannot overwrite a value"),
        (f"seed = {'9' * 5000}", "config: is not TOML that anybody writes"),
        ('"\\u001b]0;x\\u0007" = 1', 'config line 1: unknown key "␛]0;x␇"'),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line_and_left_out(path: Path, text: str, problem: str) -> None:
    config = read(path, text)
    (told,) = config.problems
    assert told.startswith(problem)
    assert "\n" not in told
    assert config.values == {}
    assert config.keys == {}


def test_one_bad_key_leaves_the_others(path: Path) -> None:
    config = read(path, 'themee = "ink"\nseed = 3\ntop_p = 7\ntheme = "paper"\n')
    assert config.values == {"seed": 3, "theme": "paper"}
    assert len(config.problems) == 2


def test_paths_are_made_whole(path: Path, own_home: Path) -> None:
    config = read(path, 'db = "talks.db"\ncheckpoint = "~/models/mine"\n')
    assert config.values == {"db": str(path.parent / "talks.db"), "checkpoint": str(own_home / "models" / "mine")}
    assert read(path, 'db = "~/t.db"').values == {"db": str(own_home / "t.db")}
    assert read(path, 'db = "/t.db"').values == {"db": "/t.db"}


def test_without_a_file_nothing_is_set(own_home: Path) -> None:
    config = load_config({})
    assert config.path == own_home / ".config" / "idefics-chat" / "config.toml"
    assert (config.values, config.problems) == ({}, ())


def test_the_file_in_the_folder_of_the_platform_is_read(own_home: Path) -> None:
    folder = own_home / ".config" / "idefics-chat"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("seed = 5")
    assert load_config({}).values == {"seed": 5}


def test_a_file_that_cannot_be_read_is_a_line(path: Path) -> None:
    assert load_config({VARIABLE: str(path)}).problems == (f"config: {path}: there is no such file: check the name",)
    path.write_bytes(b"\xff\xfe")
    assert load_config({VARIABLE: str(path)}).problems == (f"config: {path} is not UTF-8: save it as that",)
    assert "is a folder" in load_config({VARIABLE: str(path.parent)}).problems[0]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_default_and_example_may_be_set(path: Path, key: object) -> None:
    assert isinstance(key, type(KEYS[0]))
    value = key.default if key.default is not None else key.example
    assert value is not None
    config = read(path, f"{key.name} = {toml_value(value)}")
    assert config.problems == ()
    assert [*config.values] == [key.name]
    assert len(key.words) < 100
