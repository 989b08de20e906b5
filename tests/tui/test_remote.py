"""A conversation with a model on a server, whose sizes and tokens nobody here knows."""

import threading
from collections.abc import Callable, Iterator

import pytest

from chat.cli.compose import apart_loader
from chat.conversation import Image
from chat.images import read_image
from chat.models.request import CheckpointRequest
from tests.pictures import encoded, noise
from tests.remote.server import Answering, Server, chat_events, serving
from tests.tui.doubles import Desk, ready, send, until

MakeDesk = Callable[..., Desk]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def picture() -> Image:
    return read_image(encoded(noise(size=(20, 16))), "a.png")


async def test_what_the_server_does_not_tell_is_not_shown_and_escape_ends_its_reply(
    make_desk: MakeDesk, server: Server, picture: Image
) -> None:
    goes_on = threading.Event()

    def answer(handler: Answering) -> None:
        handler.stream(*chat_events(["A ", "cat"])[:3])
        goes_on.wait(20)
        handler.wait_for_hang_up()

    server.answers["completions"] = answer
    load = apart_loader(CheckpointRequest("", base_url=server.base_url))
    desk = make_desk(load=load, checkpoint=server.host, images=[picture])
    async with desk.app.run_test(size=(100, 30)) as pilot:
        await ready(pilot, desk)
        assert "idefics-9b-instruct · remote" in desk.shown()
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: "A cat" in desk.screen.session.reply_text)
        await until(pilot, lambda: desk.state().endswith("writing · esc stop"))
        assert str(desk.screen.query_one("#meter").visual) == ""  # type: ignore[attr-defined]
        assert "model sees" not in desk.shown()
        goes_on.set()
        await pilot.press("escape")
        await until(pilot, lambda: not desk.screen.is_working)
        assert server.hung_up.wait(30)
        assert desk.turns() == [("user", "What is this?"), ("assistant", "A cat")]
        await send(pilot, desk, "/continue")
        assert "idefics-9b-instruct is on a server that cannot go on in the middle of a reply" in desk.notice()
        assert desk.text() == "/continue"
        assert len(desk.screen.session.turns) == 2


async def test_a_server_that_fails_is_named_and_what_it_said_is_kept(make_desk: MakeDesk, server: Server) -> None:
    server.answers["completions"] = lambda handler: handler.stream(*chat_events(["A ", "cat"])[:3])
    load = apart_loader(CheckpointRequest("", base_url=server.base_url))
    desk = make_desk(load=load, checkpoint=server.host)
    async with desk.app.run_test(size=(100, 30)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: not desk.screen.is_working)
        assert f"{server.host} broke off in the middle of its answer" in " ".join(desk.shown().split())
        assert desk.turns()[-1] == ("assistant", "A cat")
        kept = desk.screen.session.turns[-1].generation
        # What was only guessed of the prompt's length is not kept as if it had been counted.
        assert kept is not None and kept.prompt_tokens == 0
