"""What the embedded base model has seen: a stand-in for the pretraining that a real model brings.

Three kinds of conversation, drawn at random from a seed:

- *scan*: list the objects on a map picture with their pixel coordinates (perception);
- *repeat*: copy a list of coordinates or of moves;
- *errand*: carry values between made-up tools, several turns, with pictures, in every tag dialect.

It has seen neither the navigation nor the verification task nor the name of any tool of adagym: the tools,
their parameters and their result fields here are invented, and which to use is always spelled out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from adagym.envs.tiles import MapImage
from adagym.protocol import DIALECTS, Dialect
from adagym.protocol.base import dumps
from adagym.types import Array, ImageBlock, Message, TextBlock, ToolCall, ToolResult, ToolSpec

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
SHARES = (0.6, 0.25, 0.15)
NOTES = ("This looks right.", "That is clear.", "I have it now.", "Good, next step.", "I carry on.", "This helps.")

Pairs = list[list[int]]


@dataclass(frozen=True)
class Document:
    """A conversation; the loss is on its assistant turns."""

    kind: str
    messages: tuple[Message, ...]


def documents(seed: int, shares: tuple[float, float, float] = SHARES, warmup: int = 0) -> Iterator[Document]:
    """An endless stream of conversations, the same for the same arguments.

    Args:
        seed: Source of everything random.
        shares: How much of it is *errand*, *repeat* and *scan*; they add up to 1.
        warmup: The first so many are *repeat* only: copying is learnt soonest from short, dense examples.
    """
    rng = np.random.default_rng([seed, 20260131])
    for number in itertools.count():
        if number < warmup:
            yield repeat(rng)
        else:
            maker = (errand, repeat, scan)[int(rng.choice(3, p=list(shares)))]
            yield maker(rng)


def scan(rng: np.random.Generator) -> Document:
    """Read objects off a map picture."""
    rows = _rows(rng)
    places = {kind: _centres(rows, letter) for kind, letter in (("player", "S"), ("present", "G"), ("pools", "H"))}
    wanted = [str(kind) for kind in rng.permutation(list(places))[: rng.integers(1, 4)]]
    dialect = _dialect(rng)
    answer = dumps([places[kind] for kind in wanted])
    picture = ImageBlock("img_1", MapImage(rows, cell=CELL).load())
    question = Message("user", (picture, TextBlock(f"Where in img_1: {', '.join(wanted)}?")))
    reply = _say(dialect.write_answer(answer, "I read the picture."))
    return Document("scan", (_system(dialect, ()), question, reply))


def repeat(rng: np.random.Generator) -> Document:
    """Copy two lists of coordinates with moves between them."""
    dialect = _dialect(rng)
    content = f"{dumps(_pairs(rng, 1, 26))} {_moves(rng)} {dumps(_pairs(rng, 1, 20))}"
    question = Message("user", (TextBlock(f"Repeat: {content}"),))
    return Document("repeat", (_system(dialect, ()), question, _say(dialect.write_answer(content, "I repeat it."))))


def errand(rng: np.random.Generator) -> Document:
    """Find several things with one tool, hand them to a second, and report what it returns."""
    return _Errand(rng).document()


class _Errand:
    """One made-up errand: its tools, its script and its answers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.dialect = _dialect(rng)
        names = [str(name) for name in rng.choice(TOOL_NAMES, size=2, replace=False)]
        picked = [str(name) for name in rng.choice(PARAMETERS, size=6, replace=False)]
        self.find = _spec(names[0], "Finds things in a picture", tuple(picked[:2]))
        self.things = [str(thing) for thing in rng.choice(OBJECTS, size=int(rng.integers(1, 5)), replace=False)]
        self.join = _spec(names[1], "Works on what was found", tuple(picked[2 : 2 + len(self.things)]))
        self.list_field = str(rng.choice(LIST_FIELDS))
        self.move_field = str(rng.choice(MOVE_FIELDS))
        self.picture: Array | None = MapImage(_rows(rng), cell=CELL).load() if rng.random() < 0.3 else None
        self.echo = self.picture is not None and rng.random() < 0.4
        """Whether results carry a picture."""

    def document(self) -> Document:
        """Write the whole conversation."""
        messages = [_system(self.dialect, (self.find, self.join)), self._order()]
        given: dict[str, Pairs | list[int]] = {}
        for index, thing in enumerate(self.things):
            arguments = dict(zip(self.find.properties, ("img_1", thing), strict=True))
            last = index + 1 == len(self.things)
            pairs = self._found(last)
            # A single early find is handed over bare, as one place; the last find always as a list.
            given[self.join.properties[index]] = pairs[0] if len(pairs) == 1 and not last else pairs
            note = "" if pairs else "Nothing was found."
            result = ToolResult(self.find.name, "success", note, data={self.list_field: pairs})
            messages += self._turn(ToolCall(self.find.name, arguments), f"I look for the {thing}.", result, index + 2)
        call = ToolCall(self.join.name, given)
        if self.rng.random() < 0.08:
            result = ToolResult(self.join.name, "failed", message="It cannot be done.", error_code=203)
            messages += self._turn(call, "I hand over what I found.", result, None)
            return Document("errand", (*messages, _say(self.dialect.write_answer("none", "It failed."))))
        moves = _moves(self.rng)
        result = ToolResult(self.join.name, "success", data={self.move_field: moves})
        messages += self._turn(call, "I hand over what I found.", result, None)
        messages.append(_say(self.dialect.write_answer(moves, f"I report the {self.move_field}.")))
        return Document("errand", tuple(messages))

    def _found(self, last: bool) -> Pairs:
        if not last:
            return _pairs(self.rng, 1, 2)
        return [] if self.rng.random() < 0.08 else _pairs(self.rng, 1, 24)

    def _order(self) -> Message:
        text = (
            f"Find with {self.find.name}: {', '.join(self.things)}. Then give all to {self.join.name} "
            f"and report its {self.move_field}."
        )
        blocks = () if self.picture is None else (ImageBlock("img_1", self.picture),)
        return Message("user", (*blocks, TextBlock(text)))

    def _turn(self, call: ToolCall, think: str, result: ToolResult, image: int | None) -> list[Message]:
        if self.rng.random() < 0.1:
            think = f"{self.rng.choice(NOTES)} {think}"
        if self.echo and self.picture is not None and image is not None:
            size = {"width": self.picture.shape[1], "height": self.picture.shape[0]}
            result = replace(result, data={**result.data, "image_dimensions_pixels": size}, images=(self.picture,))
        names = [f"img_{image}"] * len(result.images)
        return [_say(self.dialect.write_call(call, think)), self.dialect.observe(result, names)]


def _spec(name: str, description: str, parameters: tuple[str, ...]) -> ToolSpec:
    schema = {"type": "object", "properties": {key: {"type": "string"} for key in parameters}}
    return ToolSpec(name, f"{description}.", {**schema, "required": list(parameters)})


def _dialect(rng: np.random.Generator) -> Dialect:
    return DIALECTS.load(str(rng.choice(["adareasoner", "adatooler", "hermes"], p=[0.8, 0.1, 0.1])))


def _system(dialect: Dialect, tools: tuple[ToolSpec, ...]) -> Message:
    return Message("system", (TextBlock(dialect.system_prompt(tools, "brief")),))


def _say(text: str) -> Message:
    return Message("assistant", (TextBlock(text),))


def _rows(rng: np.random.Generator) -> tuple[str, ...]:
    side = int(rng.choice(SIDES))
    cells = rng.choice(["F", "H"], size=side * side, p=[1 - (density := rng.uniform(0.05, 0.35)), density])
    start, goal = rng.choice(side * side, size=2, replace=False)
    cells[start], cells[goal] = "S", "G"
    return tuple("".join(cells[row * side : (row + 1) * side]) for row in range(side))


def _centres(rows: tuple[str, ...], letter: str) -> Pairs:
    return [
        [x * CELL + CELL // 2, y * CELL + CELL // 2]
        for y, row in enumerate(rows)
        for x, kind in enumerate(row)
        if kind == letter
    ]


def _pairs(rng: np.random.Generator, least: int, most: int) -> Pairs:
    """Coordinates of distinct cells; mostly in reading order, as tools give them."""
    side = int(rng.choice(SIDES))
    size = min(int(rng.integers(least, most + 1)), side * side)
    cells = rng.choice(side * side, size=size, replace=False)
    if rng.random() < 0.7:
        cells = np.sort(cells)
    return [[int(cell % side) * CELL + CELL // 2, int(cell // side) * CELL + CELL // 2] for cell in cells]


def _moves(rng: np.random.Generator) -> str:
    """1 to 20 moves with runs, as paths have."""
    length = int(rng.integers(1, 21))
    moves = [str(rng.choice(list("LRUD")))]
    while len(moves) < length:
        moves.append(moves[-1] if rng.random() < 0.5 else str(rng.choice(list("LRUD"))))
    return ",".join(moves)
