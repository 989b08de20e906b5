"""Another checkpoint is chosen line by line; what it takes is told before."""

from dataclasses import replace

from chat.errors import CheckpointError, ModelLostError
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore
from chat.talk.offers import Offer, Place
from tests.plain.conftest import FACTS, Talk, turns
from tests.tui.test_checkpoints import FITS, Shelf, other
from tests.tui.test_losing import Losable


def test_checkpoints_are_listed_with_what_each_takes(talk: Talk) -> None:
    shapes = Offer("shapes", Place.BUNDLED, 10**7, ways=(replace(FITS, precision="fp32"),), best="fp32")
    done = talk("/load", "/checkpoint", catalogue=lambda: Shelf(shapes, other(device="")))
    assert done.out.splitlines()[1:4] == [
        "This machine: 2 processors, 8.0 GB free, no accelerator.",
        "shapes, 10 MB of files, 3.0 GB of memory as fp32, fits: yes, loaded",
        "org/other, 2.0 GB of files, 3.0 GB of memory as bf16, does not fit: 1.0 GB short, in cache",
    ]


def test_one_that_a_server_has_is_not_the_one_of_this_machine(talk: Talk) -> None:
    remote = ScriptedGenerator([], facts=replace(FACTS, name="org/other", device="remote"))
    lines = talk("/load", "/checkpoint", generator=remote, catalogue=lambda: Shelf(other())).out.splitlines()
    assert [line.rpartition(", ")[2] for line in lines if line.startswith("org/other, ")] == ["in cache"]


def test_another_checkpoint_answers_after_it_was_told_what_it_takes(talk: Talk, store: SqliteStore) -> None:
    old, shelf = Losable("One."), Shelf(other())
    old.free()
    done = talk("Hello", "/checkpoint org/other fp32", "And now?", generator=old, catalogue=lambda: shelf)
    assert done.code == 0
    assert done.out.splitlines() == [
        "shapes: One.",
        "other takes about 5.0 GB of memory as fp32.",
        "Ready: other, cpu, bf16.",
        "other: From the other.",
    ]
    assert shelf.loaded == [("org/other", "fp32")]
    assert old.is_closed
    assert turns(store)[3] == ("assistant", "From the other.")


def test_one_that_does_not_fit_is_tried_when_it_is_asked_for_again(talk: Talk) -> None:
    shelf = Shelf(other(beside=False, device=""))
    done = talk("/load", *["/checkpoint org/other"] * 2, "Hello", catalogue=lambda: shelf)
    assert "other does not fit: as bf16 it takes 3.0 GB, 1.0 GB more than is free" in done.err
    assert "There is no memory for both: shapes is let go of first." in done.out
    assert done.out.endswith("other: From the other.\n")


def test_the_one_in_use_stays_where_another_cannot_be_loaded(talk: Talk) -> None:
    def fail(*_: object) -> ScriptedGenerator:
        raise CheckpointError("its files are damaged")

    shelf = Shelf(other(), loader=fail)
    done = talk("/load", "/checkpoint org/other", "/checkpoint nosuch", "Hello", catalogue=lambda: shelf)
    told = [line for line in done.err.splitlines() if "line" in line]
    assert told == [
        "idefics-chat: line 2: its files are damaged; shapes stays.",
        "idefics-chat: line 3: nosuch is no folder",
    ]
    assert done.out.endswith("shapes: Two cats.\n")


def test_a_model_that_is_lost_is_loaded_again_with_the_next_message(talk: Talk) -> None:
    generator = ScriptedGenerator([ModelLostError("its process was killed"), "Here."], facts=FACTS)
    done = talk("Hello", "And now?", generator=generator)
    assert "idefics-chat: line 1: the model failed: its process was killed" in done.err
    assert done.err.count("Loading shapes.") == 2
    assert done.out.endswith("shapes: Here.\n")
