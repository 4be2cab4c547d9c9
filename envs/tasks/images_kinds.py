"""Kinds of questions over several pictures: what is asked, and what must stand in which picture for it.

Whatever a wrong option names can be seen in the pictures too, so that one of them alone does not tell the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adagym.envs.tasks.vstar import Draw
from adagym.envs.tasks.vstar_scene import Wish

OPTIONS = 4
"""Number of options of every question."""
MOST = 4
"""Most of one object in a picture."""


@dataclass(frozen=True)
class Puzzle:
    """A question, and what it needs."""

    text: str
    right: str
    wrong: tuple[str, ...]
    names: tuple[str, ...]
    """Objects that stand nowhere but where ``pictures`` says."""
    pictures: tuple[tuple[Wish, ...], ...]
    """What must stand in each picture."""


def ask_where(draw: Draw, count: int) -> Puzzle:
    """In which picture is it?"""
    (name,) = draw.pick(draw.names, 1)
    right, *wrong = _some(draw, count)
    text = f"In which picture is the {name}?"
    return Puzzle(text, _picture(right), _pictures(wrong), (name,), _placed(count, {right: (draw.wish(name),)}))


def ask_count(draw: Draw, count: int) -> Puzzle:
    """How many of the pictures show it?"""
    (name,) = draw.pick(draw.names, 1)
    right, *wrong = (place + 1 for place in _some(draw, count))
    holders = _some(draw, count, right)
    text = f"How many of the pictures show this object: {name}?"
    placed = _placed(count, {place: (draw.wish(name),) for place in holders})
    return Puzzle(text, str(right), tuple(map(str, wrong)), (name,), placed)


def ask_difference(draw: Draw, count: int) -> Puzzle:
    """Which object is in one picture and not in another? Wrong: one in both, one in the other, one elsewhere."""
    names = draw.pick(draw.names, OPTIONS)
    one, other, third = _some(draw, count, 3)
    standing = {one: names[:2], other: names[1:3], third: names[3:]}
    placed = _placed(count, {place: tuple(map(draw.wish, here)) for place, here in standing.items()})
    text = f"Which of these objects is in {_picture(one)} but not in {_picture(other)}?"
    return Puzzle(text, names[0], tuple(names[1:]), tuple(names), placed)


def ask_most(draw: Draw, count: int) -> Puzzle:
    """Which picture shows the most of it?"""
    (name,) = draw.pick(draw.names, 1)
    most = int(draw.rng.integers(2, MOST + 1))
    right, *wrong = _some(draw, count)
    numbers = {place: int(draw.rng.integers(most)) for place in range(count)} | {right: most}
    placed = _placed(count, {place: tuple(draw.wish(name) for _ in range(n)) for place, n in numbers.items()})
    text = f"Which picture shows the largest number of this object: {name}?"
    return Puzzle(text, _picture(right), _pictures(wrong), (name,), placed)


def ask_text(draw: Draw, count: int) -> Puzzle:
    """What is written on its tag? The wrong codes are on tags in the other pictures."""
    names, codes = draw.pick(draw.names, OPTIONS), [draw.code() for _ in range(OPTIONS)]
    placed = {
        place: (draw.wish(name, code=code),) for place, name, code in zip(_some(draw, count), names, codes, strict=True)
    }
    text = f"Which code is written on the tag below the {names[0]}?"
    return Puzzle(text, codes[0], tuple(codes[1:]), tuple(names), _placed(count, placed))


KINDS: Mapping[str, Callable[[Draw, int], Puzzle]] = {
    "where": ask_where,
    "count": ask_count,
    "difference": ask_difference,
    "most": ask_most,
    "text": ask_text,
}
"""Kinds of questions; each is given the number of pictures."""


def _some(draw: Draw, count: int, number: int = OPTIONS) -> list[int]:
    """So many different ones of the pictures, from 0, in random order."""
    return [int(place) for place in draw.rng.choice(count, number, replace=False)]


def _placed(count: int, standing: Mapping[int, tuple[Wish, ...]]) -> tuple[tuple[Wish, ...], ...]:
    return tuple(standing.get(place, ()) for place in range(count))


def _picture(place: int) -> str:
    return f"picture {place + 1}"


def _pictures(places: list[int]) -> tuple[str, ...]:
    return tuple(map(_picture, places))
