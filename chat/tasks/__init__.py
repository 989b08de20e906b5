"""What people do with pictures besides talking: one module per task, and what runs many of them at once."""

from chat.tasks.answers import Answer
from chat.tasks.captioning import caption
from chat.tasks.classification import Classification, classify
from chat.tasks.conversations import converse
from chat.tasks.few_shots import few_shot
from chat.tasks.question_answering import vqa
from chat.tasks.recipes import Example, Recipe, read_recipe, recipe_of, write_recipe
from chat.tasks.runs import batch
from chat.tasks.stories import story

__all__ = [
    "Answer",
    "Classification",
    "Example",
    "Recipe",
    "batch",
    "caption",
    "classify",
    "converse",
    "few_shot",
    "read_recipe",
    "recipe_of",
    "story",
    "vqa",
    "write_recipe",
]
