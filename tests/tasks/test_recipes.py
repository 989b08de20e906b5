"""Few-shot recipes: read strictly, written so that they are read back the same, and made of a conversation."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.conversation import Image, assistant_turn, user_turn
from chat.errors import InputError
from chat.records import StoredTurn
from chat.tasks import Example, Recipe, read_recipe, recipe_of, write_recipe

SAMPLE = Path(__file__).parents[2] / "sample_sessions" / "recipes" / "colour-and-shape.toml"
AS_SAMPLE = 'text = "What?"\n\n[[examples]]\nimage = "a.png"\nanswer = "This."\n'


@pytest.fixture
def image(scene_image: Callable[..., Image]) -> Image:
    return scene_image(1, name="../a \x1b[31m picture.png")


@pytest.fixture
def folder(tmp_path: Path, scene_image: Callable[..., Image]) -> Path:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "a.png").write_bytes(scene_image(1).read())
    (tmp_path / "pictures" / "b.png").write_bytes(scene_image(2).read())
    return tmp_path


def read(folder: Path, text: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_bytes(text.encode())
    return read_recipe(path)


def test_a_recipe_is_read_with_its_pictures(folder: Path, scene_image: Callable[..., Image]) -> None:
    first, second = scene_image(1), scene_image(2)
    text = (
        '# shapes\r\ntext = "What?"\r\n[[examples]]\r\nimages = [\r\n  "a.png",\r\n  "pictures/b.png",\r\n]\r\n'
        'answer = """Two\r\nlines."""\r\n[[examples]]\r\ntext = "Hm?"\r\nanswer = "Yes."\r\n'
        '[[examples]]\r\nimage = "pictures/../a.png"\r\nanswer = "One."\r\n'
    )
    assert read(folder, text) == Recipe(
        "What?",
        (
            Example((first, second), "What?", "Two\nlines."),
            Example((), "Hm?", "Yes."),
            Example((first,), "What?", "One."),
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('text = "a"\nexamples = 3\n', "line 2: examples is not a list"),
        (AS_SAMPLE + "more = 1\n", "line 6: unknown key examples[0].more"),
        (AS_SAMPLE.replace("image", "imgae"), "line 4: unknown key examples[0].imgae"),
        ("# a recipe\ntitle = 3\n" + AS_SAMPLE, "line 2: unknown key title"),
        (AS_SAMPLE.replace('text = "What?"', ""), "line 1: text is missing"),
        (AS_SAMPLE + '[[examples]]\nimage = "a.png"\n', "line 6: examples[1].answer is missing"),
        (AS_SAMPLE.replace('"This."', "7"), "line 5: examples[0].answer is not a text"),
        (AS_SAMPLE.replace('"This."', '" "'), "line 5: the example has an empty answer"),
        (AS_SAMPLE.replace('image = "a.png"', "images = []\ntext = ''"), "line 3: the example asks nothing"),
        (AS_SAMPLE + 'images = ["a.png"]\n', "line 3: examples[0]: the example has both"),
        ('text = "a"\n', "line 1: the recipe has no examples"),
        ('text = "a"\ntext = "b"\n', "line 2: is not TOML: Cannot overwrite a value"),
        ('text = "a"\n\n[[examples]]\nanswer = "a', "line 4: is not TOML: "),
        (AS_SAMPLE.replace("a.png", "gone.png"), "line 4: "),
        (AS_SAMPLE.replace('image = "a.png"', 'images = [\n  "a.png",\n  "gone.png",\n]'), "line 6: "),
        (
            'text = """\nimage = 1\n"""\n[[examples]]\nanswer = "x"\nimage = 1',
            "line 6: examples[0].image is not a text",
        ),
        ('text = "a"\nexamples = [\n{ answer = 1 }]', "line 2: examples[0].answer is not a text"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_told_with_its_line(folder: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'recipe.toml'}: {words}")
    assert message.isprintable()
    assert ("gone.png: there is no such file" in message) == ("gone.png" in text)


def test_a_recipe_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"recipe\.toml: there is no such file"):
        read_recipe(tmp_path / "recipe.toml")
    (tmp_path / "recipe.toml").write_bytes(b'text = "a"\n\xff')
    with pytest.raises(InputError, match=r"recipe\.toml: line 2 is no text in UTF-8"):
        read_recipe(tmp_path / "recipe.toml")
    (tmp_path / "recipe.toml").write_text("text = " + "[" * 100_000)
    with pytest.raises(InputError, match=r"recipe\.toml: line 1: "):
        read_recipe(tmp_path / "recipe.toml")


# Whatever a text holds but halves of surrogate pairs, which TOML has no way to write.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, answer=TEXTS, other=TEXTS, shown=st.integers(0, 2))
def test_a_recipe_that_was_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, image: Image, text: str, answer: str, other: str, shown: int
) -> None:
    path = tmp_path_factory.mktemp("recipes") / "r.toml"
    recipe = Recipe(text, (Example((image,) * shown, text, answer), Example((image,), other, other)))
    write_recipe(path, recipe)
    assert read_recipe(path) == recipe
    # A file that somebody prints in a terminal steers nothing there either.
    assert not set(path.read_text()) & {chr(code) for code in [*range(10), *range(11, 32), *range(127, 160), 0x202E]}


def test_halves_of_surrogate_pairs_are_written_as_what_they_can_be(tmp_path: Path, image: Image) -> None:
    write_recipe(tmp_path / "r.toml", Recipe("a", (Example((image,), "a", "\ud83d\ude42 \ud83d!"),)))
    assert tomllib.loads((tmp_path / "r.toml").read_text())["examples"][0]["answer"] == "🙂 \ufffd!"


def test_a_recipe_is_never_written_over_another_file(tmp_path: Path, image: Image) -> None:
    path = tmp_path / "r.toml"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"r\.toml: exists already"):
        write_recipe(path, Recipe("a", (Example((image,), "a", "b"),)))
    assert path.read_text() == "mine"
    assert not (tmp_path / "pictures").exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path, image: Image) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("nowhere", "file"):
        for images in ((), (image,)):
            with pytest.raises(InputError, match=rf"/{name}: there is no such folder"):
                write_recipe(tmp_path / name / "r.toml", Recipe("a", (Example(images, "a", "b"),)))


def stored(*turns: object) -> list[StoredTurn]:
    return [StoredTurn(number, turn, "", None) for number, turn in enumerate(turns, start=1)]  # type: ignore[arg-type]


def test_a_recipe_is_made_of_exchanges_and_asks_what_was_asked_last(image: Image) -> None:
    turns = stored(
        user_turn(image, "What?"), assistant_turn("This."), user_turn("Before", image, "after"), assistant_turn("That.")
    )
    assert recipe_of(turns) == Recipe(
        "Before\nafter", (Example((image,), "What?", "This."), Example((image,), "Before\nafter", "That."))
    )


def test_exchanges_that_are_none_are_refused(image: Image) -> None:
    asked, replied = user_turn(image), assistant_turn("This.")
    for turns, words in (
        (stored(), "has no examples"),
        (stored(asked), "turn 1 is no question with its reply"),
        (stored(asked, replied, asked), "turn 3 is no question"),
        (stored(replied, asked), "turn 1 is no question"),
        (stored(asked, assistant_turn("")), "turn 2: the example has an empty answer"),
    ):
        with pytest.raises(InputError, match=words):
            recipe_of(turns)


def test_the_sample_recipe_has_two_examples_with_pictures() -> None:
    recipe = read_recipe(SAMPLE)
    assert [len(example.images) for example in recipe.examples] == [1, 1]
