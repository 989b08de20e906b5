"""Writes the sample sessions: `python -m chat.shapes.sample_sessions --out sample_sessions`.

Every reply is the bundled checkpoint's own, given through the program's prompt, generator and store.
"""

import argparse
import random
import tempfile
import threading
from pathlib import Path
from typing import Final

from chat.conversation import Image, Part, user_turn
from chat.generation import Chunk, GenerationSettings, Reply, TextGenerator
from chat.prompt import serialize
from chat.session import RunningReply, SessionStore, conversation_of
from chat.session_files import export_session
from chat.shapes.bundled import SAMPLES
from chat.shapes.evaluate import load_shapes, picture_of
from chat.shapes.scenes import Colour, Kind, Place, Rgb, Scene, random_shape
from chat.store import open_store
from chat.transcript import save_transcript

_SEED: Final = 4

_Laid = tuple[Colour, Kind, Place]


def _scene(*shapes: _Laid, background: Rgb = (128, 128, 128), side: int = 256) -> Scene:
    rng = random.Random(_SEED)
    drawn = [random_shape(rng, kind, colour, place) for colour, kind, place in shapes]
    return Scene(tuple(drawn), background, side, antialiased=True)


def pictures() -> dict[str, Image]:
    """The pictures of the sample sessions, by what the sessions call them."""
    scenes = {
        "red-circle-blue-star": _scene(
            (Colour.RED, Kind.CIRCLE, Place.TOP_LEFT),
            (Colour.YELLOW, Kind.SQUARE, Place.TOP_RIGHT),
            (Colour.BLUE, Kind.STAR, Place.BOTTOM_RIGHT),
        ),
        "green-triangle": _scene(
            (Colour.GREEN, Kind.TRIANGLE, Place.TOP_LEFT),
            (Colour.PURPLE, Kind.CIRCLE, Place.BOTTOM_RIGHT),
            background=(205, 190, 175),
            side=512,
        ),
        "four-shapes": _scene(
            (Colour.BLACK, Kind.STAR, Place.TOP_LEFT),
            (Colour.ORANGE, Kind.CIRCLE, Place.TOP_RIGHT),
            (Colour.WHITE, Kind.TRIANGLE, Place.BOTTOM_LEFT),
            (Colour.BLUE, Kind.SQUARE, Place.BOTTOM_RIGHT),
            background=(110, 110, 110),
        ),
        "purple-square": _scene((Colour.PURPLE, Kind.SQUARE, Place.BOTTOM_LEFT), side=128),
    }
    return {name: picture_of(scene, f"{name}.png") for name, scene in scenes.items()}


SESSIONS: Final[dict[str, tuple[str, tuple[tuple[str, ...], ...]]]] = {
    "several-turns": (
        "Several turns about one picture",
        (
            ("[red-circle-blue-star]", "What is in the picture?"),
            ("What colour is the star?",),
            ("How many shapes are there?",),
            ("Where is the square?",),
            ("Is there a green circle?",),
        ),
    ),
    "second-picture": (
        "A second picture on the way",
        (
            ("[red-circle-blue-star]", "What do you see?"),
            ("[green-triangle]", "And in this one?"),
            ("Which shape is on the left?",),
            ("How many shapes are there?",),
        ),
    ),
    "two-pictures": (
        "Two pictures in one message",
        (
            ("[purple-square]", "[green-triangle]", "What is in the two pictures?"),
            ("Where is the circle?",),
        ),
    ),
    "earlier-picture": (
        "Asking about an earlier picture",
        (
            ("[green-triangle]", "What is in the picture?"),
            ("[four-shapes]", "How many shapes are there?"),
            ("What was in the first picture?",),
        ),
    ),
    "captioning": (
        "Captions",
        (
            ("[red-circle-blue-star]", "Write a caption for this picture."),
            ("[green-triangle]", "Write a caption for this picture."),
            ("[four-shapes]", "Write a caption for this picture."),
        ),
    ),
    "story": (
        "An image-guided story",
        (("[four-shapes]", "Use the picture to write a story."),),
    ),
    "classification": (
        "Classification",
        (
            ("[purple-square]", "Is this a circle, a square, a triangle or a star?"),
            ("What colour is it?",),
        ),
    ),
    "where-its-world-ends": (
        "Where its world ends",
        (
            ("Hello!",),
            ("What is the capital of France?",),
            ("What is in the picture?",),
            ("What can you do?",),
        ),
    ),
}
"""Title and messages of every sample session; a name in brackets is a picture."""


def hold(store: SessionStore, generator: TextGenerator, title: str, messages: tuple[tuple[str, ...], ...]) -> str:
    """Hold a conversation with the generator and keep it; gives the session's id."""
    shown = pictures()
    settings = GenerationSettings()
    session_id = store.new_session(title=title)
    for message in messages:
        parts: list[Part | str] = [shown[part[1:-1]] if part.startswith("[") else part for part in message]
        message_id = store.add_user_turn(session_id, user_turn(*parts))
        conversation = conversation_of(store.turns(session_id), facts=generator.facts)
        running = RunningReply(store, message_id, generator.facts, settings)
        for piece in generator.generate(serialize(conversation, generator.dialect), settings, threading.Event()):
            if isinstance(piece, Chunk):
                running.add(piece)
            elif isinstance(piece, Reply):
                running.finish(piece)
    return session_id


def main() -> None:
    """Draw the pictures, hold the conversations and write them."""
    parser = argparse.ArgumentParser(description="Write the sample sessions.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sessions and their pictures")
    out: Path = parser.parse_args().out
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    for path in SAMPLES:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pictures()[path.stem].read())
    generator = load_shapes()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "sessions.db")
        for name, (title, messages) in SESSIONS.items():
            session_id = hold(store, generator, title, messages)
            save_transcript(out / f"{name}.json", export_session(store, session_id), overwrite=True)
        store.close()


if __name__ == "__main__":
    main()
