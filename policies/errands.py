"""Errands: conversations in which made-up tools find things and others work on what was found.

In an *errand* the user names the tools. In a *quest* tools have names and parameters that mean nothing, others that
are of no use stand beside them, and which to call follows from what the prompt says each of them does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adagym.envs.tiles import MapImage
from adagym.policies.made_up import (
    CELL,
    LIST_FIELDS,
    MOVE_FIELDS,
    NOTES,
    OBJECTS,
    PARAMETERS,
    TOOL_NAMES,
    Document,
    Pairs,
    any_dialect,
    ask,
    code_names,
    moves,
    pairs,
    say,
    spec,
    system,
    trail_of,
)
from adagym.protocol.base import dumps
from adagym.types import Array, ImageBlock, Message, TextBlock, ToolCall, ToolResult, ToolSpec

FINDS = (
    "Finds things in a picture",
    "Locates objects on an image",
    "Says where the named things are, in pixels",
    "Searches the picture and returns coordinates",
    "Spots what is described and gives its position",
    "Detects items that fit a description",
    "Points at each thing that is asked for",
)
WORKS = (
    "Works on what was found",
    "Plans a way between places",
    "Makes a route from the places given to it",
    "Computes moves from coordinates",
    "Returns a path for the given positions",
    "Searches a way around what is in between",
    "Turns positions into a list of moves",
)
OTHERS = (
    "Tells the weather of a town",
    "Reads the text on a picture",
    "Turns a picture around",
    "Cuts a piece out of an image",
    "Counts the colours of an image",
    "Marks a box on a picture",
    "Draws lines on an image",
)
TOLD = ("Use {moves}.", "Take along the moves {moves}.", "It is {moves} that is to be used.", "The moves are {moves}")
"""Added to an order that comes with moves, which are to be handed over too."""
ORDERS = (
    "Look for {things} in the picture. Have a {field} made from all of them and report it.",
    "Where are {things}? Get the {field} for them and answer it.",
    "Report the {field} that follows from {things}, in this order.",
    "Find {things}, then answer the {field} that they give.",
)


def errand(rng: np.random.Generator) -> Document:
    """Find several things with one tool, hand them to a second, and report what it returns; tools are named."""
    return _Errand(rng, quest=False).document()


def quest(rng: np.random.Generator) -> Document:
    """The same with tools that have to be told apart by their descriptions."""
    return _Errand(rng, quest=True).document()


def relay(rng: np.random.Generator) -> Document:
    """A quest after exactly three things, of which the first two are found once, and nothing else to hand over."""
    return _Errand(rng, quest=True, relay=True).document()


def common(rng: np.random.Generator) -> Document:
    """Find two lists of places and report those of the second that are also on the first."""
    dialect = any_dialect(rng)
    name = code_names(rng, 1)[0] if rng.random() < 0.5 else str(rng.choice(TOOL_NAMES))
    find = spec(name, str(rng.choice(FINDS)), ("in", "what"))
    things = [str(thing) for thing in rng.choice(OBJECTS, size=2, replace=False)]
    trail = trail_of(rng)
    listed = [place for place in pairs(rng, 1, 20) if place not in trail]
    share = rng.choice([0.0, 0.2, 0.5])
    for place in trail:
        if rng.random() < share:
            listed.insert(int(rng.integers(len(listed) + 1)), place)
    field = str(rng.choice(LIST_FIELDS))
    messages = [system(dialect, (find,)), ask(f"Find {' and '.join(things)}. Is any {things[1]} also a {things[0]}?")]
    for thing, places in zip(things, (listed, trail), strict=True):
        call = ToolCall(find.name, {"in": "img_1", "what": thing})
        messages.append(say(dialect.write_call(call, f"I look for the {thing}.")))
        messages.append(dialect.observe(ToolResult(find.name, "success", data={field: places}), ()))
    shared = [place for place in trail if place in listed]
    answer = "yes" if shared else "no"
    messages.append(say(dialect.write_answer(answer, f"Both: {dumps(shared)}")))
    return Document("common", tuple(messages))


class _Errand:
    """One made-up errand: its tools, its script and its answers."""

    def __init__(self, rng: np.random.Generator, quest: bool, relay: bool = False) -> None:
        self.rng = rng
        self.quest = quest
        self.relay = relay
        self.dialect = any_dialect(rng)
        coded = quest and rng.random() < 0.7
        names, picked = _names(rng, coded)
        self.find = spec(names[0], str(rng.choice(FINDS)) if quest else FINDS[0], tuple(picked[:2]))
        count = 3 if relay else int(rng.integers(1, 5))
        self.things = [str(thing) for thing in rng.choice(OBJECTS, size=count, replace=False)]
        works = str(rng.choice(WORKS)) if quest else WORKS[0]
        self.told = moves(rng) if not relay and rng.random() < 0.4 else None
        taken = 2 + len(self.things) + (self.told is not None)
        self.join = spec(names[1], works, tuple(picked[2:taken]))
        self.tools = (self.find, self.join, *self._others(names[2:], picked[7:])) if quest else (self.find, self.join)
        self.list_field = str(rng.choice(LIST_FIELDS))
        self.move_field = str(rng.choice(MOVE_FIELDS))
        self.picture: Array | None = MapImage(map_rows(rng), cell=CELL).load() if rng.random() < 0.2 else None
        self.echo = self.picture is not None and rng.random() < 0.4
        """Whether results carry a picture."""

    def document(self) -> Document:
        """Write the whole conversation."""
        shuffled = self.quest and self.rng.random() < 0.4
        order = self.rng.permutation(len(self.tools)) if shuffled else range(len(self.tools))
        messages = [system(self.dialect, tuple(self.tools[index] for index in order)), self._order()]
        given: dict[str, Pairs | list[int] | str] = {}
        for index, thing in enumerate(self.things):
            arguments = dict(zip(self.find.properties, ("img_1", thing), strict=True))
            last = index + 1 == len(self.things)
            found = self._found(last)
            # A single early find is handed over bare, as one place; the last find always as a list.
            given[self.join.properties[index]] = found[0] if len(found) == 1 and not last else found
            note = "" if found else "Nothing was found."
            result = ToolResult(self.find.name, "success", note, data={self.list_field: found})
            messages += self._turn(ToolCall(self.find.name, arguments), f"I look for the {thing}.", result, index + 2)
        if self.told is not None:
            given[self.join.properties[-1]] = self.told
        return self._finish(messages, ToolCall(self.join.name, given))

    def _finish(self, messages: list[Message], call: ToolCall) -> Document:
        kind = "quest" if self.quest else "errand"
        if self.rng.random() < 0.08:
            result = ToolResult(self.join.name, "failed", message="It cannot be done.", error_code=203)
            messages += self._turn(call, "I hand over what I found.", result, None)
            return Document(kind, (*messages, say(self.dialect.write_answer("none", "It failed."))))
        path = moves(self.rng)
        result = ToolResult(self.join.name, "success", data={self.move_field: path})
        messages += self._turn(call, "I hand over what I found.", result, None)
        messages.append(say(self.dialect.write_answer(path, f"I report the {self.move_field}.")))
        return Document(kind, tuple(messages))

    def _others(self, names: list[str], picked: list[str]) -> list[ToolSpec]:
        """Up to two tools that are of no use."""
        count = int(self.rng.integers(0, 3))
        chosen = [str(text) for text in self.rng.choice(OTHERS, size=count, replace=False)]
        return [spec(names[i], text, tuple(picked[2 * i : 2 * i + 2])) for i, text in enumerate(chosen)]

    def _found(self, last: bool) -> Pairs:
        if not last:
            return pairs(self.rng, 1, 1 if self.relay else 2)
        return [] if self.rng.random() < 0.08 else pairs(self.rng, 1, 24)

    def _order(self) -> Message:
        things = ", ".join(self.things)
        if self.quest:
            text = str(self.rng.choice(ORDERS)).format(things=things, field=self.move_field)
        else:
            text = (
                f"Find with {self.find.name}: {things}. Then give all to {self.join.name} "
                f"and report its {self.move_field}."
            )
        if self.told is not None:
            text += " " + str(self.rng.choice(TOLD)).format(moves=self.told)
        blocks = () if self.picture is None else (ImageBlock("img_1", self.picture),)
        return Message("user", (*blocks, TextBlock(text)))

    def _turn(self, call: ToolCall, think: str, result: ToolResult, image: int | None) -> list[Message]:
        if self.rng.random() < 0.1:
            think = f"{self.rng.choice(NOTES)} {think}"
        if self.echo and self.picture is not None and image is not None:
            size = {"width": self.picture.shape[1], "height": self.picture.shape[0]}
            result = replace(result, data={**result.data, "image_dimensions_pixels": size}, images=(self.picture,))
        names = [f"img_{image}"] * len(result.images)
        return [say(self.dialect.write_call(call, think)), self.dialect.observe(result, names)]


def map_rows(rng: np.random.Generator) -> tuple[str, ...]:
    """Rows of a map with a start, a goal and holes anywhere."""
    side = int(rng.integers(3, 10))
    density = rng.uniform(0.05, 0.35)
    cells = rng.choice(["F", "H"], size=side * side, p=[1 - density, density])
    start, goal = rng.choice(side * side, size=2, replace=False)
    cells[start], cells[goal] = "S", "G"
    return tuple("".join(cells[row * side : (row + 1) * side]) for row in range(side))


def _names(rng: np.random.Generator, coded: bool) -> tuple[list[str], list[str]]:
    """Names of up to four tools and eleven parameters."""
    if coded:
        codes = code_names(rng, 15)
        return codes[:4], codes[4:]
    tools = [str(name) for name in rng.choice(TOOL_NAMES, size=4, replace=False)]
    return tools, [str(name) for name in rng.choice(PARAMETERS, size=11, replace=False)]
