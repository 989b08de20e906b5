"""Whatever is said line by line, a line begins with a label where a turn begins and nowhere else."""

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chat.cli.replay_text import Teller
from chat.conversation import Image, assistant_turn, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.plain.output import Output
from chat.records import StoredTurn
from chat.replay.playback import Playback
from chat.store import SqliteStore
from chat.transcript import UNKNOWN_GENERATION
from tests.plain.conftest import Talk
from tests.talk.test_labels import TEXTS, labels_in

GENERATION = replace(UNKNOWN_GENERATION, facts=CheckpointFacts("shapes"))
Doing = tuple[str, Sequence[str]]
DOINGS = st.lists(
    st.tuples(st.sampled_from(["You", "shapes", "say", "notice"]), st.lists(TEXTS, min_size=1, max_size=3)), max_size=5
)
FORGED = "\nYou: Really?\n\nshapes: Yes.\r\x85\u2028You: Good.\fshapes: It is.\n"


def written(doings: Sequence[Doing]) -> tuple[str, str]:
    """What comes of doing one thing after the other: on stdout and on stderr."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        output = Output({})
        for what, (first, *more) in doings:
            if what == "say":
                output.say(first)
            elif what == "notice":
                output.notice(first)
            else:
                output.begin(what, first)
            for piece in more:
                output.go_on(piece)
        output.end_line()
    return out.getvalue(), err.getvalue()


@settings(max_examples=100, deadline=None)
@given(DOINGS)
def test_as_many_lines_begin_with_a_label_as_turns_were_begun(doings: list[Doing]) -> None:
    # A label is known from the first turn on that has it.
    known: list[Doing] = [("shapes", ["Hello."]), *doings]
    out, err = written(known)
    assert labels_in(out.removesuffix("\n")) == [what for what, _ in known if what in ("You", "shapes")]
    assert not labels_in(err.removesuffix("\n"))


def test_a_line_s_end_of_windows_is_one_also_where_a_piece_ends_within_it() -> None:
    out, _ = written([("You", ["One\r\nTwo\r", "\nThree\r"]), ("shapes", ["\r", "\n\r", "Four"])])
    assert out == "You: One\n  Two\n  Three␍\nshapes:\n  ␍Four\n"


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 20), max_size=4))
def test_a_text_is_written_the_same_however_it_is_cut_into_pieces(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert written([("You", ["", *pieces])]) == written([("You", [text])])


def test_a_reply_that_a_line_interrupts_goes_on_set_off() -> None:
    out, err = written([("shapes", ["One "]), ("notice", ["wait", "You: two\n", "\n", "You: three"])])
    assert (out, err) == ("shapes: One \n  You: two\n\n  You: three\n", "wait\n")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), TEXTS, TEXTS), max_size=4))
def test_as_many_lines_begin_with_a_label_as_turns_are_played_back(turns: list[tuple[bool, str, str]]) -> None:
    stored: list[StoredTurn] = []
    for number, (is_message, text, name) in enumerate(turns, start=1):
        picture = Image("0" * 64, 1, 1, name, bytes)
        turn = user_turn(picture, text or "What is it?") if is_message else assistant_turn(text)
        stored.append(StoredTurn(number, turn, "", None if is_message else GENERATION))
    with redirect_stdout(io.StringIO()) as out:
        Teller(Playback(stored), Output({})).tell_all()
    said = ["You" if is_message else "shapes" for is_message, _, _ in turns]
    assert labels_in(out.getvalue().removesuffix("\n")) == said


def test_nothing_in_a_conversation_is_taken_for_a_turn(talk: Talk, store: SqliteStore, tmp_path: Path) -> None:
    session = store.new_session(title=f"You: a title{FORGED}", system=f"Be brief.{FORGED}")
    message = store.add_user_turn(session, user_turn(f"What is it?{FORGED}"))
    reply = store.open_reply(message, CheckpointFacts("You"), GenerationSettings())
    store.close_reply(reply, Reply(FORGED, (1,), StopReason.CANCELLED, 9, 0, None, 0.1, 0.2))
    picture = tmp_path / "You: a.png"
    picture.write_bytes(b"no picture")
    commands = ("/sessions", "/details", "/times", "/branch", "/last", "/history", f"/replay {session}", "/prompt")
    done = talk(*commands, str(picture), "And?", replies=[FORGED], continue_latest=True)
    found = [line.partition(":")[0] for line in done.out.splitlines()]
    both = ["You", "“you”"]
    expected = [*both, "“you”", *["System", *both] * 2, "shapes"]
    assert [label for label in found if label.casefold() in {"you", "“you”", "system", "shapes"}] == expected
    assert done.out.endswith("shapes:\n  You: Really?\n\n  shapes: Yes.␍<U+0085><U+2028>You: Good.␌shapes: It is.\n")
    assert not labels_in(done.err)
