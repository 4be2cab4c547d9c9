"""What the embedded base model has seen: a stand-in for the pretraining that a real model brings.

Conversations of these kinds, drawn at random from a seed:

- *scan*: list the objects on a map picture with their pixel coordinates (perception);
- *repeat*: copy a list of coordinates or of moves;
- *walk*: moves to coordinates, and coordinates to moves;
- *check*: say of places one after the other whether they are on a list;
- *errand* and *quest*: carry values between made-up tools (:mod:`adagym.policies.errands`).

It has seen neither the navigation nor the verification task nor the name of any tool of adagym: the tools,
their parameters and their result fields here are invented.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from adagym.envs.tiles import MapImage
from adagym.policies.errands import errand, map_rows, quest
from adagym.policies.made_up import CELL, Document, Pairs, any_dialect, ask, centre, moves, pairs, say, system
from adagym.protocol.base import dumps
from adagym.types import ImageBlock, Message, TextBlock

FIRST_SHARES: Mapping[str, float] = {"errand": 0.6, "repeat": 0.25, "scan": 0.15}
"""What the first stages are made of."""

_STEPS = {"R": (1, 0), "L": (-1, 0), "D": (0, 1), "U": (0, -1)}


def documents(seed: int, shares: Mapping[str, float] = FIRST_SHARES, warmup: int = 0) -> Iterator[Document]:
    """An endless stream of conversations, the same for the same arguments.

    Args:
        seed: Source of everything random.
        shares: Kind to share; they add up to 1.
        warmup: The first so many are *repeat* only: copying is learnt soonest from short, dense examples.
    """
    rng = np.random.default_rng([seed, 20260131])
    kinds = list(shares)
    for number in itertools.count():
        kind = "repeat" if number < warmup else str(rng.choice(kinds, p=list(shares.values())))
        yield KINDS[kind](rng)


def scan(rng: np.random.Generator) -> Document:
    """Read objects off a map picture."""
    rows = map_rows(rng)
    places = {kind: _centres(rows, letter) for kind, letter in (("player", "S"), ("present", "G"), ("pools", "H"))}
    wanted = [str(kind) for kind in rng.permutation(list(places))[: rng.integers(1, 4)]]
    dialect = any_dialect(rng)
    answer = dumps([places[kind] for kind in wanted])
    picture = ImageBlock("img_1", MapImage(rows, cell=CELL).load())
    question = Message("user", (picture, TextBlock(f"Where in img_1: {', '.join(wanted)}?")))
    reply = say(dialect.write_answer(answer, "I read the picture."))
    return Document("scan", (system(dialect, ()), question, reply))


def repeat(rng: np.random.Generator) -> Document:
    """Copy two lists of coordinates with moves between them."""
    dialect = any_dialect(rng)
    content = f"{dumps(pairs(rng, 1, 26))} {moves(rng)} {dumps(pairs(rng, 1, 20))}"
    reply = say(dialect.write_answer(content, "I repeat it."))
    return Document("repeat", (system(dialect, ()), ask(f"Repeat: {content}"), reply))


def walk(rng: np.random.Generator) -> Document:
    """From a place: the moves to another, straight down or up and then across; or the places that moves pass."""
    dialect = any_dialect(rng)
    begin, end = ([int(value) for value in rng.integers(0, 9, size=2)] for _ in range(2))
    down, across = end[1] - begin[1], end[0] - begin[0]
    straight = ["D" if down > 0 else "U"] * abs(down) + ["R" if across > 0 else "L"] * abs(across)
    if rng.random() < 0.6:
        question, answer = (
            f"From {dumps(centre(*begin))} to {dumps(centre(*end))}: moves?",
            ",".join(straight) or "none",
        )
    else:
        path = [str(move) for move in rng.permutation(straight)]
        places = [centre(*begin)]
        for move in path:
            places.append([places[-1][axis] + CELL * _STEPS[move][axis] for axis in (0, 1)])
        question, answer = f"From {dumps(places[0])} by {','.join(path) or 'none'}: places?", dumps(places)
    return Document("walk", (system(dialect, ()), ask(question), say(dialect.write_answer(answer, "I go along."))))


def check(rng: np.random.Generator) -> Document:
    """Say of each place whether a list holds it, and whether any does."""
    dialect = any_dialect(rng)
    listed = pairs(rng, 1, 20)
    others = [place for place in (pairs(rng, 4, 9)) if place not in listed]
    share = 0.0 if rng.random() < 0.4 else 0.3
    asked = [listed[int(rng.integers(len(listed)))] if rng.random() < share else place for place in others]
    known, unknown = (("old", "new"), ("wet", "dry"), ("shut", "open"))[int(rng.integers(3))]
    verdicts = [(place, known if place in listed else unknown) for place in asked]
    think = " ".join(f"{dumps(place)} {verdict}." for place, verdict in verdicts)
    answer = known if any(verdict == known for _, verdict in verdicts) else unknown
    question = f"{known}: {dumps(listed)}. All else is {unknown}. Check {dumps(asked)}."
    reply = say(dialect.write_answer(answer, think or "Nothing to check."))
    return Document("check", (system(dialect, ()), ask(question), reply))


KINDS: dict[str, Callable[[np.random.Generator], Document]] = {
    "errand": errand,
    "quest": quest,
    "repeat": repeat,
    "walk": walk,
    "check": check,
    "scan": scan,
}
"""Kind to maker."""


def _centres(rows: tuple[str, ...], letter: str) -> Pairs:
    return [centre(x, y) for y, row in enumerate(rows) for x, kind in enumerate(row) if kind == letter]
