"""What the embedded base model has seen: a stand-in for the pretraining that a real model brings.

Conversations of these kinds, drawn at random from a seed:

- *scan*: list the objects on a map picture with their pixel coordinates (perception);
- *repeat*: copy a list of coordinates or of moves;
- *errand*, *quest* and *relay*: carry values between made-up tools (:mod:`adagym.policies.errands`);
- *common*: find out which places two lists that a made-up tool returned have in common.

It has seen neither the navigation nor the verification task nor the name of any tool of adagym: the tools,
their parameters and their result fields here are invented.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from adagym.envs.tiles import MapImage
from adagym.policies.errands import common, errand, map_rows, quest, relay
from adagym.policies.made_up import (
    CELL,
    Document,
    Pairs,
    any_dialect,
    ask,
    centre,
    moves,
    pairs,
    say,
    system,
)
from adagym.protocol.base import dumps
from adagym.types import ImageBlock, Message, TextBlock

FIRST_SHARES: Mapping[str, float] = {"errand": 0.6, "repeat": 0.25, "scan": 0.15}
"""What the first stages are made of."""


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


KINDS: dict[str, Callable[[np.random.Generator], Document]] = {
    "errand": errand,
    "quest": quest,
    "relay": relay,
    "common": common,
    "repeat": repeat,
    "scan": scan,
}
"""Kind to maker."""


def _centres(rows: tuple[str, ...], letter: str) -> Pairs:
    return [centre(x, y) for y, row in enumerate(rows) for x, kind in enumerate(row) if kind == letter]
