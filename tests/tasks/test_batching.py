"""Many prompts at once: their order, their batches, and that one which fails takes no other with it."""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.conversation import Conversation, Image, user_turn
from chat.errors import ChatError, GenerationError, ImageError, MemoryFullError
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import Prompt, serialize
from chat.tasks.batching import MOST_AT_ONCE, Request, replies
from tests.tasks.echo import BAD, HUGE, EchoGenerator, prompt_of, said_of

SETTINGS = GenerationSettings(max_new_tokens=10)


def requests_of(*texts: str) -> list[Request]:
    return [(prompt_of(text), SETTINGS) for text in texts]


def of_many_lengths(count: int, seed: int = 1) -> list[Request]:
    rng = random.Random(seed)
    return requests_of(*(f"number {place}" + " word" * rng.randint(0, 60) for place in range(count)))


def said(requests: list[Request]) -> list[str]:
    return [said_of(prompt) for prompt, _ in requests]


def outcomes(generator: TextGenerator, requests: Any, **options: Any) -> list[str]:
    """What was said, and what was told of those that failed."""
    found = replies(generator, requests, options.pop("stop", threading.Event()), **options)
    return [one.text if isinstance(one, Reply) else f"{type(one).__name__}: {one}" for one in found]


def test_replies_come_in_the_order_of_the_requests_whatever_their_lengths() -> None:
    generator, requests = EchoGenerator(), of_many_lengths(50)
    assert outcomes(generator, requests) == said(requests)
    assert sorted(len(batch) for batch in generator.batches)[-1] == 4


def test_prompts_of_like_length_are_computed_together() -> None:
    generator, requests = EchoGenerator(), of_many_lengths(100)
    outcomes(generator, requests)

    def padding(batches: list[list[Prompt]]) -> int:
        lengths = [[generator.count_tokens(prompt) for prompt in batch] for batch in batches]
        return sum(max(batch) * len(batch) - sum(batch) for batch in lengths)

    as_they_came = [[prompt for prompt, _ in requests[start : start + 4]] for start in range(0, 100, 4)]
    assert padding(generator.batches) < padding(as_they_came) / 2
    assert len(generator.batches) <= 32


def test_equal_lengths_keep_their_order_and_every_batch_is_given_out_at_once() -> None:
    generator, requests = EchoGenerator(), requests_of(*(f"question {letter}" for letter in "abcdefghij"))
    found = replies(generator, requests, threading.Event())
    batches = []
    for _ in requests:
        next(found)
        batches.append(len(generator.batches))
    assert batches == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert [prompt for batch in generator.batches for prompt in batch] == [prompt for prompt, _ in requests]


def test_requests_are_read_a_few_batches_ahead_and_no_further() -> None:
    read = 0

    def endless() -> Iterator[Request]:
        nonlocal read
        rng = random.Random(5)
        while True:
            read += 1
            assert read < 200
            yield prompt_of("word " * rng.randint(1, 60)), SETTINGS

    found = replies(EchoGenerator(), endless(), threading.Event())
    for yielded in range(1, 60):
        next(found)
        assert read - yielded <= 16
    assert read > 60


def test_a_batch_that_memory_does_not_hold_is_halved_and_stays_so() -> None:
    generator, requests, told = EchoGenerator(fits=8, holds=3), of_many_lengths(30), list[int]()
    assert outcomes(generator, requests, told=told.append) == said(requests)
    assert told[:3] == [8, 4, 2]
    assert set(told[3:]) <= {1, 2}
    assert [len(batch) for batch in generator.batches] == told


def test_a_request_too_large_by_itself_fails_alone_and_others_are_batched_again() -> None:
    generator, requests = EchoGenerator(), requests_of(*"abc", HUGE, *"defghijkl")
    found = list(replies(generator, requests, threading.Event()))
    assert [place for place, one in enumerate(found) if isinstance(one, MemoryFullError)] == [3]
    assert [one.text for one in found if isinstance(one, Reply)] == said([*requests[:3], *requests[4:]])
    assert max(len(batch) for batch in generator.batches[-3:]) == 4


def test_a_request_that_fails_takes_no_other_with_it() -> None:
    generator, requests = EchoGenerator(), requests_of("a", "b", BAD, "c", "d", "e")
    found = outcomes(generator, requests)
    assert found[2] == "GenerationError: the model failed: bad"
    assert [*found[:2], *found[3:]] == said([*requests[:2], *requests[3:]])


def test_a_prompt_longer_than_the_context_spoils_no_batch() -> None:
    generator, requests = EchoGenerator(context_length=20), requests_of("a", "word " * 30, "b")
    first, second, third = outcomes(generator, requests)
    assert second.startswith(
        "GenerationError: the prompt takes 32 tokens and the checkpoint has room for 20, the reply"
    )
    assert [first, third] == said([requests[0], requests[2]])
    assert [len(batch) for batch in generator.batches] == [2]


def test_what_is_no_request_comes_as_its_error_in_its_place() -> None:
    requests = requests_of("a", "b")
    error = ImageError("cat.png: is damaged")
    given: list[Request | ChatError] = [error, requests[0], error, requests[1], error]
    told = "ImageError: cat.png: is damaged"
    assert outcomes(EchoGenerator(), given) == [told, said(requests)[0], told, said(requests)[1], told]
    assert outcomes(EchoGenerator(), [error] * 1000) == [told] * 1000


def test_beams_are_searched_one_request_at_a_time() -> None:
    generator, requests = EchoGenerator(), requests_of(*"abcdef")
    requests[2] = (requests[2][0], GenerationSettings(max_new_tokens=10, num_beams=2))
    assert outcomes(generator, requests) == said(requests)
    assert generator.alone == [requests[2][0]]
    assert all(requests[2][0] not in batch for batch in generator.batches)


def test_the_batch_is_as_large_as_memory_or_the_person_says() -> None:
    requests = of_many_lengths(200)
    by_memory, told = EchoGenerator(fits=10_000), list[int]()
    outcomes(by_memory, requests, told=told.append)
    assert max(told) == MOST_AT_ONCE
    assert all(tokens <= 10 + 70 and images == 0 for tokens, images in by_memory.asked)
    given, told = EchoGenerator(fits=1), list[int]()
    assert outcomes(given, requests, batch_size=5, told=told.append) == said(requests)
    assert (max(told), given.asked) == (5, [])


def test_a_stop_ends_it_with_whole_replies_alone() -> None:
    stop, requests = threading.Event(), requests_of(*(f"question {letter}" for letter in "abcdefgh"))
    found = replies(EchoGenerator(), requests, stop)
    first = [next(found), next(found)]
    stop.set()
    whole = [*first, *found]
    assert [one.text for one in whole if isinstance(one, Reply)] == said(requests[:4])
    assert outcomes(EchoGenerator(), requests, stop=stop) == []


def test_a_reply_that_was_cancelled_is_not_given() -> None:
    stop, requests = threading.Event(), requests_of("a", "b")
    assert outcomes(EchoGenerator(), requests, stop=stop, told=lambda _: stop.set()) == []


@pytest.mark.parametrize("texts", [[BAD], [HUGE], [BAD, "b"]])
def test_a_failure_on_the_way_out_is_nobodys(texts: list[str]) -> None:
    stop = threading.Event()
    assert outcomes(EchoGenerator(), requests_of(*texts), stop=stop, told=lambda _: stop.set()) == []


@pytest.mark.parametrize("known", [1, 7, 16, 29, 49, 50])
def test_what_is_known_is_not_wanted_and_the_rest_is_computed_in_the_same_company(known: int) -> None:
    requests: list[Any] = of_many_lengths(50)
    requests[9] = GenerationError("no job")
    whole, rest = EchoGenerator(), EchoGenerator()
    all_of_them = outcomes(whole, requests)
    assert outcomes(rest, requests, known=known) == all_of_them[known:]
    assert all(batch in whole.batches for batch in rest.batches)
    assert len(rest.batches) < len(whole.batches) or known < 16


def test_the_replies_are_those_of_the_prompts_by_themselves(
    shapes: TextGenerator, scene_image: Callable[..., Image]
) -> None:
    questions = ["What is in the picture?", "How many shapes are there?", "Hello", "What colour is the largest shape?"]
    prompts = [
        serialize(Conversation((user_turn(*([scene_image(seed)] if seed % 4 else []), questions[seed % 4]),)))
        for seed in range(10)
    ]
    sampled = GenerationSettings(max_new_tokens=20, temperature=0.8, seed=3)
    requests = [(prompt, sampled if place % 3 == 0 else SETTINGS) for place, prompt in enumerate(prompts)]
    alone = []
    for prompt, settings in requests:
        *_, reply = shapes.generate(prompt, settings, threading.Event())
        assert isinstance(reply, Reply)
        alone.append((reply.text, reply.stop_reason, reply.token_ids))
    together = [
        (one.text, one.stop_reason, one.token_ids)
        for one in replies(shapes, requests, threading.Event())
        if isinstance(one, Reply)
    ]
    assert together == alone
