"""Made-up words, places, moves and messages of which pretraining conversations are composed."""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

from adagym.protocol import DIALECTS, Dialect
from adagym.types import Message, TextBlock, ToolSpec

CELL = 64
SIDES = range(3, 10)
TOOL_NAMES = tuple(
    "Mira Tovo Scout Ferret Sonar Beacon Loom Weave Pilot Quill Relay Sift Orbit Anchor Harvest Lantern Osprey "
    "Compass Trawl Gather Tally Bridge Falcon Ember Mosaic Drift Kelp Rover Signal Thistle".split()
)
PARAMETERS = tuple("image picture what target query from to first last avoid items cells blocked origin finish".split())
LIST_FIELDS = ("spots", "found", "cells", "marks", "hits", "places", "points")
MOVE_FIELDS = ("trail", "moves", "steps", "way", "path")
OBJECTS = tuple("lamp pool tree stone boat cup flag key leaf star bird gate shell drum coin ring wheel".split())
NOTES = ("This looks right.", "That is clear.", "I have it now.", "Good, next step.", "I carry on.", "This helps.")

Pairs = list[list[int]]
"""Pixels ``[x, y]`` of cell centres."""


@dataclass(frozen=True)
class Document:
    """A conversation; the loss is on its assistant turns."""

    kind: str
    messages: tuple[Message, ...]


def spec(name: str, description: str, parameters: tuple[str, ...]) -> ToolSpec:
    """A tool with parameters of unsaid type."""
    schema = {"type": "object", "properties": {key: {"type": "string"} for key in parameters}}
    return ToolSpec(name, f"{description}.", {**schema, "required": list(parameters)})


def any_dialect(rng: np.random.Generator) -> Dialect:
    """Mostly AdaReasoner's."""
    return DIALECTS.load(str(rng.choice(["adareasoner", "adatooler", "hermes"], p=[0.8, 0.1, 0.1])))


def system(dialect: Dialect, tools: tuple[ToolSpec, ...]) -> Message:
    """The system prompt."""
    return Message("system", (TextBlock(dialect.system_prompt(tools, "brief")),))


def ask(text: str) -> Message:
    """A user's message."""
    return Message("user", (TextBlock(text),))


def say(text: str) -> Message:
    """An assistant's turn."""
    return Message("assistant", (TextBlock(text),))


def code_names(rng: np.random.Generator, count: int) -> list[str]:
    """Different names that mean nothing, all of one to three letters and digits, such as ``k`` or ``q7a``."""
    letters = list(string.ascii_letters + string.digits)
    length = int(rng.choice([1, 2, 3], p=[0.8, 0.1, 0.1]))
    names: list[str] = []
    while len(names) < count:
        name = "".join(rng.choice(letters, size=length))
        if name not in names:
            names.append(name)
    return names


def pairs(rng: np.random.Generator, least: int, most: int) -> Pairs:
    """Coordinates of distinct cells; mostly in reading order, as tools give them."""
    side = int(rng.choice(SIDES))
    size = min(int(rng.integers(least, most + 1)), side * side)
    cells = rng.choice(side * side, size=size, replace=False)
    if rng.random() < 0.7:
        cells = np.sort(cells)
    return [centre(int(cell % side), int(cell // side)) for cell in cells]


def centre(column: int, row: int) -> list[int]:
    """Pixel ``[x, y]`` of a cell's centre."""
    return [column * CELL + CELL // 2, row * CELL + CELL // 2]


def moves(rng: np.random.Generator) -> str:
    """1 to 20 moves with runs, as paths have."""
    length = int(rng.integers(1, 21))
    found = [str(rng.choice(list("LRUD")))]
    while len(found) < length:
        found.append(found[-1] if rng.random() < 0.5 else str(rng.choice(list("LRUD"))))
    return ",".join(found)


def trail_of(rng: np.random.Generator) -> Pairs:
    """1 to 12 places, each once, in the order in which a walk from cell to cell meets them."""
    side = int(rng.choice(SIDES))
    cell = rng.integers(0, side, size=2)
    places = [centre(int(cell[0]), int(cell[1]))]
    for _ in range(int(rng.integers(0, 12))):
        axis = int(rng.integers(2))
        step = 1 if cell[axis] == 0 else -1 if cell[axis] == side - 1 else int(rng.choice([-1, 1]))
        cell[axis] += step
        place = centre(int(cell[0]), int(cell[1]))
        if place not in places:
            places.append(place)
    return places
