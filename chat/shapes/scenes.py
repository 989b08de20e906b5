"""Scenes of coloured shapes: the whole world that the bundled checkpoint knows.

A scene is a plain background with one to four shapes of different kinds, each in its own cell of a 2x2 grid.
This module decides what a scene may hold and draws it; it knows nothing of language, models or files.
"""

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]


class Kind(StrEnum):
    """The four kinds of shape; a scene holds each at most once."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"


class Colour(StrEnum):
    """The eight colours a shape may have; two shapes of a scene may share one."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    PURPLE = "purple"
    ORANGE = "orange"
    BLACK = "black"
    WHITE = "white"


class Place(StrEnum):
    """The four cells of the grid, in reading order."""

    TOP_LEFT = "top left"
    TOP_RIGHT = "top right"
    BOTTOM_LEFT = "bottom left"
    BOTTOM_RIGHT = "bottom right"


PAINT: Final[dict[Colour, Rgb]] = {
    Colour.RED: (212, 42, 40),
    Colour.GREEN: (40, 155, 70),
    Colour.BLUE: (42, 85, 205),
    Colour.YELLOW: (236, 205, 50),
    Colour.PURPLE: (140, 60, 175),
    Colour.ORANGE: (240, 135, 35),
    Colour.BLACK: (22, 22, 24),
    Colour.WHITE: (242, 242, 240),
}
"""The middle of each colour in 8-bit RGB; what is drawn lies within `JITTER` of it."""

JITTER: Final = 15
"""How far each channel of a drawn colour may lie from `PAINT`."""

SMALLEST_RADIUS: Final = 0.10
LARGEST_RADIUS: Final = 0.22
SMALLEST_SIDE: Final = 64
LARGEST_SIDE: Final = 1024

_CELL_MIDDLE: Final = {
    Place.TOP_LEFT: (0.25, 0.25),
    Place.TOP_RIGHT: (0.75, 0.25),
    Place.BOTTOM_LEFT: (0.25, 0.75),
    Place.BOTTOM_RIGHT: (0.75, 0.75),
}

_PALE_TINTS: Final[tuple[Rgb, ...]] = (
    (205, 190, 175),
    (180, 200, 212),
    (188, 208, 184),
    (210, 186, 196),
    (196, 190, 212),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: what it is, and where and how large it is drawn."""

    kind: Kind
    colour: Colour
    place: Place
    centre: tuple[float, float]
    """x and y as fractions of the side, from the top left corner."""
    radius: float
    """Distance from the centre to the outline's farthest point, as a fraction of the side."""
    rgb: Rgb


@dataclass(frozen=True, slots=True)
class Scene:
    """A background and its shapes in reading order."""

    shapes: tuple[Shape, ...]
    background: Rgb
    side: int
    """Width and height of the canvas in pixels."""
    antialiased: bool

    def of_kind(self, kind: Kind) -> Shape | None:
        """The shape of this kind, or None when the scene has none."""
        return next((shape for shape in self.shapes if shape.kind == kind), None)

    def at(self, place: Place) -> Shape | None:
        """The shape in this cell, or None when the cell is empty."""
        return next((shape for shape in self.shapes if shape.place == place), None)


def _jittered(rng: random.Random, rgb: Rgb) -> Rgb:
    red, green, blue = (min(255, max(0, channel + rng.randint(-JITTER, JITTER))) for channel in rgb)
    return red, green, blue


def _random_background(rng: random.Random) -> Rgb:
    if rng.random() < 0.7:
        grey = rng.randint(100, 160)
        return grey, grey, grey
    return _jittered(rng, rng.choice(_PALE_TINTS))


def _random_side(rng: random.Random) -> int:
    """Canvas sides spread evenly over their logarithm, so that small canvases are as frequent as large ones."""
    return round(math.exp(rng.uniform(math.log(SMALLEST_SIDE), math.log(LARGEST_SIDE))))


def random_shape(rng: random.Random, kind: Kind, colour: Colour, place: Place) -> Shape:
    """A shape of this kind, colour and place with random size, jitter and paint; it never leaves its cell."""
    radius = rng.uniform(SMALLEST_RADIUS, LARGEST_RADIUS)
    slack = 0.24 - radius
    middle_x, middle_y = _CELL_MIDDLE[place]
    centre = (middle_x + rng.uniform(-slack, slack), middle_y + rng.uniform(-slack, slack))
    return Shape(kind, colour, place, centre, radius, _jittered(rng, PAINT[colour]))


def random_scene(rng: random.Random, count: int | None = None) -> Scene:
    """A random scene.

    Args:
        rng: The only source of chance: the same state gives the same scene.
        count: How many shapes, 1 to 4; chosen at random when None.
    """
    count = count or rng.randint(1, 4)
    kinds = rng.sample(list(Kind), count)
    places = rng.sample(list(Place), count)
    shapes = [
        random_shape(rng, kind, rng.choice(list(Colour)), place) for kind, place in zip(kinds, places, strict=True)
    ]
    shapes.sort(key=lambda shape: list(Place).index(shape.place))
    return Scene(tuple(shapes), _random_background(rng), _random_side(rng), rng.random() < 0.7)


def _star(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    points = []
    for corner in range(10):
        reach = radius if corner % 2 == 0 else radius * 0.42
        angle = math.pi * corner / 5 - math.pi / 2
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    return points


def _triangle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    angles = (-math.pi / 2, math.pi / 6, math.pi * 5 / 6)
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def draw(scene: Scene) -> Image.Image:
    """The picture of a scene, RGB, `side` by `side` pixels."""
    scale = 1
    if scene.antialiased:
        scale = 4 if scene.side <= 256 else 2
    side = scene.side * scale
    picture = Image.new("RGB", (side, side), scene.background)
    pen = ImageDraw.Draw(picture)
    for shape in scene.shapes:
        x, y = shape.centre[0] * side, shape.centre[1] * side
        radius = shape.radius * side
        match shape.kind:
            case Kind.CIRCLE:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shape.rgb)
            case Kind.SQUARE:
                half = radius * 0.8
                pen.rectangle((x - half, y - half, x + half, y + half), fill=shape.rgb)
            case Kind.TRIANGLE:
                pen.polygon(_triangle(x, y, radius), fill=shape.rgb)
            case Kind.STAR:
                pen.polygon(_star(x, y, radius), fill=shape.rgb)
    return picture.reduce(scale) if scale > 1 else picture
