"""`idefics-chat ask`: one turn, its reply streamed to stdout."""

import contextlib
import gc
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from chat.cli.app import INTERRUPTED
from chat.cli.compose import check_request, open_session_store
from chat.cli.going_on import check_goes_on
from chat.cli.options import (
    check_session_options,
    checkpoint_request,
    db_option,
    json_option,
    model_options,
    session_options,
    settings,
)
from chat.cli.running import loaded, notice, say, stopping
from chat.cli.stdin import check_read_once, picture_of_stdin, read_stdin
from chat.context import overflow, without_oldest
from chat.conversation import Conversation, Image, Turn, user_turn
from chat.errors import ChatError, ContextFullError, GenerationError, StoreError
from chat.generation import NO_REPLY, Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.images import open_image
from chat.prompt import serialize
from chat.safe_text import PrintablePieces, json_line
from chat.session import RunningReply, SessionStore, conversation_of
from chat.talk.shown import left_out_count, left_out_pictures, shown_turns
from chat.talk.wording import left_out_in_words


@click.command()
@click.argument("text")
@click.option("-i", "--image", "images", multiple=True, metavar="FILE", help="A picture; - reads it from stdin.")
@session_options
@click.option("--system", metavar="TEXT", help="Instructions that stand before the conversation.")
@click.option(
    "--drop-oldest", is_flag=True, help="Let the model not see the oldest messages where not all fit; all are kept."
)
@model_options
@db_option
@json_option
def ask(text: str, images: tuple[str, ...], **options: Any) -> None:
    """Ask one question, about pictures or not, and stream the reply.

    TEXT is the question; - reads it from stdin.
    """
    check_session_options(options["session_id"], options["continue_latest"])
    check_read_once([text, *images])
    request, chosen = checkpoint_request(options), settings(options)
    turn = _turn(_text(text), images)
    # A question that cannot be answered as it was asked begins no session, which --continue would then go on with.
    check_request(request)
    with contextlib.closing(open_session_store(options["db"])) as store:
        before = _session(store, options)
        if before is not None:
            check_goes_on(store, before, request)
        exchange = _Exchange(
            store,
            *_kept(store, before, turn, options["system"]),
            chosen.seeded(),
            drops_oldest=options["drop_oldest"],
            quiet=options["as_json"],
            # Whoever gave no more than words, for a session of its own, gives the same words again.
            is_given_again=before is None and text != "-" and not images,
        )
        try:
            reply = exchange.run(lambda: loaded(request, exchange.stop))
        except ChatError as error:
            kept = exchange.unanswered()
            if exchange.stop.is_set():
                notice(kept)
                sys.exit(INTERRUPTED)
            raise type(error)(f"{error} ({kept})") from error
        if options["as_json"]:
            click.echo(json_line(exchange.report(reply, turn.images)))
        elif reply.stop_reason is StopReason.CANCELLED and not reply.text:
            notice(exchange.unanswered())
    _tell_cut(reply, chosen)
    if reply.stop_reason is StopReason.CANCELLED:
        sys.exit(INTERRUPTED)


def _tell_cut(reply: Reply, chosen: GenerationSettings) -> None:
    """Tell of a reply that a limit ended: by itself it looks finished."""
    if reply.stop_reason is StopReason.MAX_NEW_TOKENS:
        notice(f"the reply was cut at {chosen.max_new_tokens:,} tokens (--max-new-tokens)")
    elif reply.stop_reason is StopReason.CONTEXT_FULL:
        notice("the reply was cut: the context is full; a shorter message, --drop-oldest or a new session makes room")


def _text(text: str) -> str:
    if text != "-":
        return text
    return read_stdin().decode("utf-8", errors="replace").removesuffix("\n")


def _turn(text: str, paths: tuple[str, ...]) -> Turn:
    """The user's turn, pictures first."""
    pictures: list[Image] = []
    for path in paths:
        if path == "-":
            pictures.append(picture_of_stdin())
        else:
            pictures.append(open_image(Path(path)))
    return user_turn(*pictures, *([text] if text else []))


def _session(store: SessionStore, options: dict[str, Any]) -> str | None:
    """The session to go on with; None where a new one is to be begun."""
    if options["session_id"] is not None:
        return store.find_session(options["session_id"]).id
    if not options["continue_latest"]:
        return None
    latest = store.latest_session()
    if latest is None:
        notice("there is no session to go on with: this begins one")
        return None
    return store.find_session(latest.id).id


def _kept(store: SessionStore, session_id: str | None, turn: Turn, system: str | None) -> tuple[str, int]:
    """Keep a message before anything is asked; gives the ids of its session, and of itself."""
    if session_id is not None:
        message_id = store.add_user_turn(session_id, turn)
        # Not where the message cannot be kept, which it would have been for.
        if system is not None:
            store.set_system(session_id, system)
        return session_id, message_id
    session_id = store.new_session(system=system or "")
    try:
        return session_id, store.add_user_turn(session_id, turn)
    except ChatError:
        # Empty as it is, --continue would go on with it.
        with contextlib.suppress(StoreError):
            store.delete_session(session_id)
        raise


@dataclass
class _Exchange:
    """A question that is stored already, and the reply to it."""

    store: SessionStore
    session_id: str
    message_id: int
    settings: GenerationSettings
    drops_oldest: bool
    """Whether the oldest messages may be left out of what the model sees."""
    quiet: bool
    is_given_again: bool
    """Whether the same question can be asked again without this session."""
    load_s: float = 0.0

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self._pieces = PrintablePieces()
        self._generator: TextGenerator | None = None
        self._running: RunningReply | None = None

    def run(self, load: Any) -> Reply:
        """Load the checkpoint, stream the reply and store it."""
        started = time.monotonic()
        with stopping(self.stop):
            self._generator = generator = load()
            gc.enable()
            self.load_s = time.monotonic() - started
            system = self.store.find_session(self.session_id).system
            turns = self.store.turns(self.session_id, self.message_id)
            left_out = self.store.left_out(self.session_id)
            pictures = left_out_pictures(turns, left_out)
            if words := left_out_in_words(left_out_count(turns, left_out), pictures):
                notice(f"the model does not see {words}, as was decided before; the session keeps all")
            conversation = conversation_of(shown_turns(turns, left_out), system=system, facts=generator.facts)
            self._running = running = RunningReply(self.store, self.message_id, generator.facts, self.settings)
            try:
                fitting = self._fitting(conversation, generator)
                reply = self._stream(generator, serialize(fitting, generator.dialect), running)
            except (OSError, KeyboardInterrupt):
                # The output cannot be written, or nobody waits for it: nobody is left to speak to.
                running.fail(StopReason.CANCELLED)
                raise
            except Exception:
                # It goes on to the program's border; a reply left open would say nothing of how it ended.
                running.fail()
                raise
            # Not before: where this cannot be written, the reply is stored whole all the same.
            self._say("\n")
            return reply

    def _fitting(self, conversation: Conversation, generator: TextGenerator) -> Conversation:
        """The conversation as the model is to see it: whole, unless it was asked to leave out what does not fit."""
        found = overflow(
            conversation,
            lambda part: generator.count_tokens(serialize(part, generator.dialect)),
            context_length=generator.facts.context_length,
            max_new_tokens=self.settings.max_new_tokens,
        )
        if found is None:
            return conversation
        if not found.exchanges:
            raise ContextFullError(str(found), found)
        if not self.drops_oldest:
            raise ContextFullError(f"{found} (--drop-oldest), or begin a new session", found)
        notice(f"the model does not see {found.what_goes} (--drop-oldest); the session keeps all")
        return without_oldest(conversation, found.exchanges)

    def _stream(self, generator: TextGenerator, prompt: Any, running: RunningReply) -> Reply:
        for piece in generator.generate(prompt, self.settings, self.stop):
            if isinstance(piece, Chunk):
                running.add(piece)
                self._say(piece.text)
            elif isinstance(piece, Reply):
                running.finish(piece)
                return piece
        raise GenerationError(NO_REPLY)

    def unanswered(self) -> str:
        """What becomes of a question that got no answer, in words.

        Where it was not even asked, or nobody waited for a word, and no more than its words were given, its session
        leaves the list, for `sessions restore` to bring back: who asks again and again would have one for each time.
        """
        running = self._running
        is_asked = running is not None and not (self.stop.is_set() and not running.text)
        if self.is_given_again and not is_asked:
            with contextlib.suppress(StoreError):
                self.store.delete_session(self.session_id)
                return f"`idefics-chat sessions restore {self.session_id}` brings your message back"
        kept = f"your message is kept as turn {self.message_id} of session {self.session_id}"
        return f"{kept}, and `ask --session {self.session_id}` goes on with it"

    def _say(self, text: str) -> None:
        if not self.quiet:
            say(self._pieces.of(text))

    def report(self, reply: Reply, images: tuple[Image, ...]) -> dict[str, Any]:
        """The document that `--json` prints."""
        if self._generator is None or self._running is None:
            raise GenerationError("there is no reply to report")
        return {
            "session": self.session_id,
            "turn": self._running.turn_id,
            "reply": reply.text,
            "stop_reason": str(reply.stop_reason),
            "checkpoint": self._generator.facts.name,
            "images": [
                {"digest": image.digest, "width": image.width, "height": image.height, "source": image.name}
                for image in images
            ],
            "usage": {
                "prompt_tokens": reply.prompt_tokens,
                "cached_tokens": reply.cached_tokens,
                "new_tokens": reply.new_tokens,
            },
            "timing": {
                "load_s": round(self.load_s, 4),
                "first_token_s": round(reply.first_token_s, 4),
                "total_s": round(reply.total_s, 4),
            },
        }
