"""What is asked about a drawn video, and what must happen in it for that.

A script is a list of appearances, one object at a time, with a pause between any two. Only their order, names, ways
and codes matter for the question; the source `video` says when they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adagym.envs.tasks.vstar import Draw

CORNERS: Mapping[str, tuple[float, float]] = {
    "top left": (0.16, 0.2),
    "top right": (0.84, 0.2),
    "bottom left": (0.16, 0.8),
    "bottom right": (0.84, 0.8),
}
"""Name to place, as shares of width and height."""
FEWEST = 5
"""Fewest appearances that every kind of question can do with."""


@dataclass(frozen=True)
class Span:
    """When an appearance begins and ends, in seconds; it is gone at its end."""

    start: float
    stop: float


@dataclass(frozen=True)
class Question:
    """A question, and the script that it is about."""

    text: str
    right: str
    wrong: tuple[str, ...]
    names: tuple[str, ...]
    """Which object appears, for every appearance."""
    asked: int | None = None
    """The appearance that holds the answer, if it is a single one."""
    codes: tuple[str, ...] = ()
    """Written on a tag beside it, for every appearance; none: no tags."""


Ask = Callable[[Draw, Sequence[Span], Sequence[tuple[str, ...]]], Question]
"""From generator, spans and ways of the appearances, in order of time, to a question."""


def ask_when(draw: Draw, spans: Sequence[Span], ways: Sequence[tuple[str, ...]]) -> Question:
    """What is seen at a time, or at what time is something seen?"""
    names = draw.pick(draw.names, len(spans))
    asked, *others = (int(place) for place in draw.rng.choice(len(spans), 4, replace=False))
    if draw.rng.random() < 0.5:
        # Rounded outwards, which the pauses leave room for.
        text = (
            f"Which of these objects is seen between {_tenth(spans[asked].start - 0.05)} s and "
            f"{_tenth(spans[asked].stop + 0.05)} s?"
        )
        return Question(text, names[asked], tuple(names[other] for other in others), tuple(names), asked)
    told = [f"{_tenth(span.start)} s" for span in spans]
    text = f"At what time does the {names[asked]} appear?"
    return Question(text, told[asked], tuple(told[other] for other in others), tuple(names), asked)


def ask_order(draw: Draw, spans: Sequence[Span], ways: Sequence[tuple[str, ...]]) -> Question:
    """What is seen first, last, or right after something else?"""
    names = draw.pick(draw.names, len(spans))
    form = ("first", "last", "after")[int(draw.rng.integers(3))]
    if form == "after":
        asked = int(draw.rng.integers(1, len(names)))
        others = [name for place, name in enumerate(names) if place not in (asked - 1, asked)]
        text = f"Which object is the next one to appear after the {names[asked - 1]}?"
        return Question(text, names[asked], tuple(draw.pick(others, 3)), tuple(names), asked)
    places = sorted(int(place) for place in draw.rng.choice(len(names), 4, replace=False))
    asked = places[0 if form == "first" else -1]
    wrong = tuple(names[place] for place in places if place != asked)
    return Question(f"Which of these objects appears {form}?", names[asked], wrong, tuple(names), asked)


def ask_count(draw: Draw, spans: Sequence[Span], ways: Sequence[tuple[str, ...]]) -> Question:
    """How often is something seen, or how many different things are?"""
    if draw.rng.random() < 0.5:
        often = int(draw.rng.integers(1, min(5, (len(spans) + 1) // 2) + 1))
        name, *others = draw.pick(draw.names, len(spans) - often + 1)
        places = _apart(draw, len(spans), often)
        names = [name if place in places else others.pop() for place in range(len(spans))]
        return _numbers(draw, f"How often does the {name} appear?", often, names)
    different = int(draw.rng.integers(3, len(spans) + 1))
    known = draw.pick(draw.names, different)
    names = list(known)
    while len(names) < len(spans):  # always between others, so that appearances can be told apart
        place = int(draw.rng.integers(len(names) + 1))
        near = names[max(0, place - 1) : place + 1]
        names.insert(place, draw.one([name for name in known if name not in near]))
    return _numbers(draw, "How many different objects appear?", different, names)


def ask_path(draw: Draw, spans: Sequence[Span], ways: Sequence[tuple[str, ...]]) -> Question:
    """Which way does something take?"""
    names = draw.pick(draw.names, len(spans))
    asked = int(draw.rng.integers(len(spans)))
    way = ways[asked]
    missing = next(corner for corner in CORNERS if corner not in way)
    # Backwards, ending elsewhere, or coming from elsewhere: no single look at the object tells them all apart.
    wrong = (way[::-1], (way[0], way[1], missing), (missing, way[1], way[2]))
    text = f"Which way does the {names[asked]} take?"
    return Question(text, said(way), tuple(map(said, wrong)), tuple(names), asked)


def ask_detail(draw: Draw, spans: Sequence[Span], ways: Sequence[tuple[str, ...]]) -> Question:
    """Which code is seen beside something for a moment?"""
    names, codes = draw.pick(draw.names, len(spans)), tuple(draw.code() for _ in spans)
    asked, *others = (int(place) for place in draw.rng.choice(len(spans), 4, replace=False))
    text = f"Which code is on the tag that is beside the {names[asked]} for a moment?"
    return Question(text, codes[asked], tuple(codes[other] for other in others), tuple(names), asked, codes)


KINDS: Mapping[str, Ask] = {
    "when": ask_when,
    "order": ask_order,
    "count": ask_count,
    "path": ask_path,
    "detail": ask_detail,
}
"""Kinds of questions; all have four options."""


def said(way: Sequence[str]) -> str:
    """A way from corner to corner in words."""
    return ", then ".join(way)


def _tenth(seconds: float) -> str:
    return f"{max(0.0, seconds):.1f}"


def _numbers(draw: Draw, text: str, right: int, names: Sequence[str]) -> Question:
    """Four numbers in a row, of which any can be the right one, as far as they are above 0."""
    least = right - int(draw.rng.integers(min(4, right)))
    wrong = tuple(str(number) for number in range(least, least + 4) if number != right)
    return Question(text, str(right), wrong, tuple(names))


def _apart(draw: Draw, room: int, count: int) -> list[int]:
    """So many places of ``room``, no two of them neighbours."""
    return [int(place) + shift for shift, place in enumerate(sorted(draw.rng.choice(room - count + 1, count, False)))]
