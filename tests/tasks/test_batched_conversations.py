"""The guide's last example, as a batch of conversations, gives the ids that plain transformers gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.generation import GenerationSettings, TextGenerator
from chat.images import decode
from chat.tasks import converse

MOST = 100
"""Of the prompt's tokens, padding included, and the reply's."""


def guide_list(conversation: Conversation) -> list[Any]:
    """A conversation as the guide lists it."""
    items: list[Any] = []
    for number, turn in enumerate(conversation.turns):
        line_end = "\n" if number else ""
        if turn.images:
            items += [f"{line_end}User:", *map(decode, turn.images), f"{turn.text}<end_of_utterance>"]
        elif number % 2 == 0:
            items.append(f"{line_end}User: {turn.text}<end_of_utterance>")
        else:
            items.append(f"\nAssistant: {turn.text}<end_of_utterance>")
    return [*items, "\nAssistant:"]


def transformers_replies(folder: Path, conversations: list[Conversation]) -> tuple[list[list[int]], int]:
    """What the guide's code gives: the replies' ids, and how many new ones there could be."""
    import torch
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    model: Any = IdeficsForVisionText2Text.from_pretrained(folder).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    prompts = [guide_list(conversation) for conversation in conversations]
    inputs = processor(text=prompts, add_end_of_utterance_token=False, return_tensors="pt", padding=True)
    exit_condition = processor.tokenizer("<end_of_utterance>", add_special_tokens=False).input_ids
    bad_words_ids = processor.tokenizer(["<image>", "<fake_token_around_image>"], add_special_tokens=False).input_ids
    with torch.inference_mode():
        output = model.generate(
            **inputs, eos_token_id=exit_condition, bad_words_ids=bad_words_ids, max_length=MOST, do_sample=False
        )
    prompt = inputs["input_ids"].shape[1]
    assert (inputs["attention_mask"] == 0).any(), "the prompts are of one length"
    new = output[:, prompt:].tolist()
    return [ids[: ids.index(exit_condition[0]) + 1] if exit_condition[0] in ids else ids for ids in new], MOST - prompt


def test_conversations_of_several_lengths_are_answered_as_by_the_guides_code(
    shapes: TextGenerator, shapes_folder: Path, scene_image: Callable[..., Image]
) -> None:
    first, second, third = (scene_image(seed) for seed in range(3))
    dog = "This picture depicts Idefix, the dog of Obelix in Asterix and Obelix."
    conversations = [
        Conversation(
            (user_turn(first, "What is in this image?"), assistant_turn(dog), user_turn(second, "And in this?"))
        ),
        Conversation((user_turn(third, "How many shapes are there?"),)),
        Conversation((user_turn("Hello"), assistant_turn("Hello."), user_turn(first, second, "What is in them?"))),
    ]
    expected, most_new = transformers_replies(shapes_folder, conversations)
    replies = converse(shapes, conversations, settings=GenerationSettings(max_new_tokens=most_new))
    assert [list(reply.token_ids) for reply in replies] == expected
    assert all(reply.text for reply in replies)
