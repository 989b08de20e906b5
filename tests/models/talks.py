"""Random talks with a generator: every move that a person can make, each reply compared with that of the recipe."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chat.conversation import Conversation, assistant_turn, user_turn
from chat.errors import ChatError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.models.engine import Engine
from chat.models.generator import ModelGenerator
from chat.models.tokens import Key
from chat.prompt import before_last, serialize
from tests.benign import benign_conversation, benign_text
from tests.models.bookkeeping import Kept, Meter
from tests.models.questions import begun, question, unreadable
from tests.models.recipes import Recipe
from tests.models.reference import IMAGES, noise
from tests.models.tally import Tally

NEW: Final = 5
CONTEXT_LENGTH: Final = 8192
SESSIONS: Final = 3
"""Sessions that are switched between, the last ones begun."""


class Talks:
    """Plays talks over one checkpoint and compares."""

    def __init__(self, seed: int, recipe: Recipe, load: Callable[[], Engine], *, chunk: int) -> None:
        """Begin.

        Args:
            seed: Of every choice.
            recipe: The reference.
            load: Loads a checkpoint with the weights of the reference, which has seen nothing.
            chunk: Of a prompt's tokens, how many the generator computes at once.
        """
        self._rng = random.Random(seed)
        self._recipe = recipe
        self._load = load
        self._chunk = chunk
        self._start()
        self._sessions: list[Conversation] = []
        self._left: list[Conversation] = []
        self.tally = Tally()

    def _start(self) -> None:
        """Begin with a generator that has seen nothing; it can keep many states, or none but the one in use."""
        engine = self._load()
        self._meter = Meter(engine.model)
        most_bytes = self._rng.choice((0, 10**9))
        facts = CheckpointFacts("tiny", context_length=CONTEXT_LENGTH)
        chunks = {"chunk": self._chunk, "draft_chunk": self._chunk}
        self._generator = ModelGenerator(engine, facts, most_bytes=most_bytes, **chunks)
        self._kept = Kept(one_only=not most_bytes)

    def play(self) -> None:
        """Begin a session, ask, and make a few moves."""
        self._left = []
        self._sessions = [*self._sessions, self._beginning()][-SESSIONS:]
        self._ask()
        for _ in range(self._rng.choice((0, 0, 1, 1, 2))):
            move = self._rng.choice(MOVES)
            self.tally.moves[name_of(move)] += 1
            move(self)

    def _beginning(self) -> Conversation:
        """Nothing said yet, or what was said in another program, which has no ids."""
        system = benign_text(self._rng).strip() if self._rng.random() < 0.25 else ""
        imported = benign_conversation(self._rng, IMAGES).turns[:-1] if self._rng.random() < 0.3 else ()
        return Conversation(imported, system)

    @property
    def _shown(self) -> Conversation:
        return self._sessions[-1]

    # The moves

    def _ask(self) -> None:
        self._reply(self._shown.with_turn(question(self._rng)))

    def _edit(self) -> None:
        shown = self._shown
        kept = self._rng.randrange(0, len(shown.turns) + 1, 2)
        self._left.append(shown)
        self._reply(Conversation((*shown.turns[:kept], question(self._rng)), shown.system))

    def _regenerate(self) -> None:
        shown = self._shown
        if not shown.turns:
            return self._ask()
        self._left.append(shown)
        return self._reply(Conversation(shown.turns[:-1], shown.system))

    def _go_back(self) -> None:
        """To a branch that was left."""
        if not self._left:
            self._regenerate()
        if not self._left:
            return
        branch = self._left.pop(self._rng.randrange(len(self._left)))
        self._left.append(self._shown)
        self._sessions[-1] = branch
        self._ask()

    def _switch(self) -> None:
        """To another session and back."""
        other = self._rng.randrange(len(self._sessions))
        self._sessions.append(self._sessions.pop(other))
        self._ask()
        self._sessions.insert(other, self._sessions.pop())
        self._ask()

    def _resume(self) -> None:
        """In another run of the program."""
        self._start()
        self._ask()

    def _change_system(self) -> None:
        self._sessions[-1] = replace(self._shown, system=benign_text(self._rng).strip())
        self._ask()

    def _fail_on_a_picture(self) -> None:
        text, picture = benign_text(self._rng), noise(self._rng.getrandbits(32))
        keys = self._recipe.keys(self._shown.with_turn(user_turn(text, picture)))
        if self._fail(self._shown.with_turn(user_turn(text, unreadable(picture)))):
            # What was computed before the picture is not lost.
            length = self._kept.claim(keys)
            self._kept.add(keys[length : length + self._meter.take()])
        self._ask()

    def _fail_in_a_pass(self) -> None:
        asked = self._shown.with_turn(question(self._rng))

        def fail() -> None:
            raise RuntimeError("the device is gone")

        # The second one is within the prompt where that is long, and there may be none where the reply is one token.
        self._meter.interrupt(self._rng.choice((1, 1, 2)), fail)
        if self._fail(asked):
            self._kept.claim(self._recipe.keys(asked))
            self._kept.forget()
            self._meter.take()
        self._reply(asked)

    def _fail(self, asked: Conversation) -> bool:
        """Ask what shall fail; tells whether it did. If not, nothing is known of what is kept, and all begins anew."""
        try:
            self._stream(asked, GenerationSettings(max_new_tokens=NEW))
        except ChatError:
            self.tally.ends[StopReason.ERROR] += 1
            return True
        self._start()
        return False

    def _abandon(self) -> None:
        """Leave while a reply is written, as a program does that shows something else."""
        asked = self._shown.with_turn(question(self._rng))
        settings = GenerationSettings(max_new_tokens=NEW)
        stream = self._generator.generate(serialize(asked, self._generator.dialect), settings, threading.Event())
        while not isinstance(next(stream), Chunk):
            pass
        stream.close()  # type: ignore[attr-defined]  # the protocol promises an iterator; this one is a generator
        keys = self._recipe.keys(asked)
        self._kept.add(keys[self._kept.claim(keys) :])
        self._meter.take()
        self._ask()

    # The comparison

    def _reply(self, asked: Conversation) -> None:
        """Have a reply written, whole or cut, compare everything, and go on with it."""
        manner = self._rng.choice(("whole", "whole", "whole", "limited", "sampled", "cut", "cut while reading"))
        limit = self._rng.randint(1, NEW - 1) if manner == "limited" else NEW
        settings = GenerationSettings(max_new_tokens=limit)
        if manner == "sampled":
            settings = replace(settings, temperature=1.5, seed=self._rng.getrandbits(31))
        cut = {"cut": self._rng.randint(0, NEW - 1), "cut while reading": -1}.get(manner, NEW)
        keys, expected = self._recipe.reply(asked, settings)
        self._prefill(asked)
        reply = self._stream(asked, settings, cut)
        assert list(reply.token_ids) == expected[: max(cut, 0)], (manner, asked)
        self._compare_work(keys, reply)
        self.tally.count(asked, reply)
        self._sessions[-1] = self._with_reply(asked, reply)

    def _prefill(self, asked: Conversation) -> None:
        """Sometimes, have what is being written computed before it is asked: as it is asked at last, or otherwise."""
        written = self._rng.choice((asked, begun(self._rng, asked), *[None] * 4))
        if written is None:
            return
        stop, passes = threading.Event(), self._rng.choice((1, 2, 1000))
        self._meter.interrupt(passes, stop.set)
        prompt = serialize(written, self._generator.dialect)
        self._generator.prefill(prompt, stop)
        keys, said = self._recipe.keys(written), len(self._generator.engine.encoder.keys(before_last(prompt)))
        length, fed = self._kept.claim(keys, said), self._meter.take()
        assert fed == min(passes * self._chunk, len(keys) - length)
        self._kept.add(keys[length : length + fed])
        self.tally.prefilled += 1
        self.tally.prefilled_whole += written is asked and length + fed == len(keys)

    def _stream(self, asked: Conversation, settings: GenerationSettings, cut: int = NEW) -> Reply:
        """The reply; it is cut after some of its tokens, or in the first pass where `cut` is negative."""
        stop = self._stop = threading.Event()
        if cut == 0:
            stop.set()
        elif cut < 0:
            self._meter.interrupt(1, stop.set)
        tokens = 0
        self._running = self._generator.generate(serialize(asked, self._generator.dialect), settings, stop)
        for piece in self._running:
            if isinstance(piece, Reply):
                return piece
            tokens += isinstance(piece, Chunk) and piece.token_id is not None
            if tokens == cut < settings.max_new_tokens:
                stop.set()
        raise AssertionError("the generator ended without a reply")

    def _compare_work(self, keys: list[Key], reply: Reply) -> None:
        """Nothing is computed that is kept, and what is told of it is true."""
        shared = self._kept.claim(keys)
        assert (reply.prompt_tokens, reply.cached_tokens) == (len(keys), shared)
        # The last token of a reply is not computed, unless there might have been one more.
        is_cut = reply.stop_reason is StopReason.CANCELLED
        said = [(token_id, "") for token_id in (reply.token_ids if is_cut else reply.token_ids[:-1])]
        fed = self._meter.take()
        if reply.token_ids:
            assert fed == len(keys) - shared + len(said)
        self._kept.add([*keys, *said][shared : shared + fed])
        self._compare_work_ahead(keys, reply)

    def _compare_work_ahead(self, keys: list[Key], reply: Reply) -> None:
        """Who asks for more after the reply has the generator do what any next question needs, unless it was cut."""
        if self._rng.random() < 0.5:
            # As the program does that ends with the reply.
            self._running.close()  # type: ignore[attr-defined]  # a generator, as above
            return
        assert next(self._running, None) is None
        if self._stop.is_set():
            assert not self._meter.take()
            return
        between = [*(reply.spoken_ids if reply.text else ()), *self._recipe.ids_before_next()]
        ahead = self._kept.work_ahead([*keys, *((token_id, "") for token_id in between)])
        assert self._meter.take() == ahead
        self.tally.worked_ahead += ahead > 0

    def _with_reply(self, asked: Conversation, reply: Reply) -> Conversation:
        """What the next question follows.

        The reference tokenizes a reply's text anew. Where that gives other ids, ours goes on from the text as well, as
        with a session from another program. An exchange without a word is taken back.
        """
        if not reply.text:
            return Conversation(asked.turns[:-1], asked.system)
        self.tally.went_on += 1
        ids = reply.spoken_ids if self._recipe.reads_back(reply.text, reply.spoken_ids) else ()
        self.tally.went_on_with_ids += bool(ids)
        return asked.with_turn(assistant_turn(reply.text, ids))


def name_of(move: Callable[[Talks], None]) -> str:
    """A move in a word."""
    return move.__name__.strip("_")


MOVES: Final = (
    Talks._ask,
    Talks._ask,
    Talks._ask,
    Talks._edit,
    Talks._edit,
    Talks._regenerate,
    Talks._go_back,
    Talks._switch,
    Talks._resume,
    Talks._change_system,
    Talks._fail_on_a_picture,
    Talks._fail_in_a_pass,
    Talks._abandon,
)
