"""Questions of visual search over generated scenes, in the manner of V* (arXiv 2312.14135).

Objects are so small in their scene that a thumbnail of 448 pixels does not show what is asked. Wrong options can be
seen in the scene too, so that it does not help to look anywhere else than at the right place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.photos import SPLITS, photos_of
from adagym.envs.tasks.records import check_family, number, some_of
from adagym.envs.tasks.scene_options import SceneOptions, share
from adagym.envs.tasks.vstar_scene import Place, SceneImage, Wish, grid, lay_out
from adagym.envs.tasks.vstar_text import VSTAR, prompt_of, shuffled
from adagym.tools.objects import HUES, OBJECTS
from adagym.types import Task

_COLOURS = tuple(HUES)
_LETTERS, _DIGITS = "ACEFHJKMNPRTUVXY", "34679"
"""Characters of codes; those that are mistaken for one another are left out."""


@dataclass(frozen=True)
class Question:
    """What is asked, and what must stand in the scene for it."""

    text: str
    right: str
    wrong: tuple[str, ...]
    asked: tuple[Wish, ...]
    """One or two objects that are unique in the scene."""
    decoys: tuple[Wish, ...] = ()
    """Others that show the wrong options."""
    cells: tuple[tuple[int, int], ...] = ()
    """Where the objects asked for stand, if that matters."""


class VStarGenerated(LazyTasks):
    """``n`` tasks; task ``i`` depends on the options and ``i`` alone. The splits share no object and no photograph.

    Args:
        family: ``vstar``.
        folder: Holds photographs for the background, see :func:`~adagym.envs.tasks.photos.photos_of`; none takes
            those of adagym.
        n: Number of tasks.
        seed: Source of everything random.
        split: ``train`` or ``test``.
        side: Width of the picture in pixels, up to 7680; the height is 9/16 of it.
        difficulty: ``easy``, ``medium`` or ``hard``: how small the objects are, see
            :data:`~adagym.envs.tasks.scene_options.DIFFICULTIES`.
        clutter: Share of the places in the scene at which other objects stand, 0 to 1.
        similarity: Share of the other objects that are of the same category as the one asked for, 0 to 1.
        kinds: Kinds of questions, taken in turn, of :data:`KINDS`; ``"colour-text"`` or a sequence.

    Raises:
        UsageError: An option is out of range.
        DataError: The folder holds no photograph of the split.
    """

    def __init__(
        self,
        family: str,
        folder: str | Path = "",
        n: int | str = 1000,
        seed: int | str = 0,
        split: str = "test",
        side: int | str = 3840,
        difficulty: str = "hard",
        clutter: float | str = 0.2,
        similarity: float | str = 0.3,
        kinds: str | Sequence[str] | None = None,
    ) -> None:
        check_family(family, VSTAR, "vstar")
        self._photos = photos_of(folder or None, split)
        self._kinds = some_of(kinds, tuple(KINDS), "kinds")
        self._options = SceneOptions.read(split, difficulty, seed=seed, n=n, side=side, clutter=clutter)
        self._similarity = share(number(similarity, float, "similarity"), "similarity")

    def __len__(self) -> int:
        return self._options.n

    def _at(self, index: int) -> Task:
        options = self._options
        width, height, size = options.side, options.height, options.size
        kind = self._kinds[index % len(self._kinds)]
        rng = np.random.default_rng([options.seed, SPLITS.index(options.split), index])
        draw = Draw(rng, names_of(options.split), grid(width, height, size))
        question = KINDS[kind](draw)
        wishes = [*question.asked, *question.decoys]
        wishes += draw.others(question, round(options.clutter * draw.room) - len(wishes), self._similarity)
        places = lay_out(rng, wishes, draw.cells(len(wishes), question.cells), size)
        photo = sorted(self._photos)[int(rng.integers(len(self._photos)))]
        choices, answer = shuffled(rng, question.right, question.wrong)
        image = SceneImage(self._photos[photo], width, height, bool(rng.random() < 0.5), places)
        meta: dict[str, Any] = {
            "kind": kind,
            "boxes": _boxes(places[: len(question.asked)]),
            "objects": sum(1 + (place.companion is not None) for place in places),
            "side": width,
            "size": size,
            "photo": photo,
            "split": options.split,
        }
        return Task(
            id=f"vstar/{options.split}/{kind}/{index}",
            family=VSTAR,
            prompt=prompt_of(question.text, choices),
            images=(image,),
            choices=choices,
            answer=answer,
            answer_type="choice",
            split=options.split,
            meta=meta,
        )


class Draw:
    """Draws objects, codes and cells of one scene.

    Args:
        rng: Source of everything random.
        names: Objects of the split.
        shape: Columns and rows of cells.
    """

    def __init__(self, rng: np.random.Generator, names: Sequence[str], shape: tuple[int, int]) -> None:
        self.rng = rng
        self.names = names
        self.columns, self.rows = shape
        self.room = self.columns * self.rows
        self._codes: set[str] = set()

    def pick(self, items: Sequence[str], count: int) -> list[str]:
        """So many different ones, in random order."""
        return [items[int(place)] for place in self.rng.choice(len(items), count, replace=False)]

    def one(self, items: Sequence[str]) -> str:
        """Any of them."""
        return items[int(self.rng.integers(len(items)))]

    def wish(self, name: str, **more: Any) -> Wish:
        """An object in a random colour, if it can be dyed."""
        return Wish(name, **{"colour": self.colour(name), **more})

    def colour(self, name: str) -> str | None:
        """A random colour for an object that can be dyed."""
        return None if OBJECTS[name].hue is None else self.one(_COLOURS)

    def beside(self, name: str, companion: str) -> Wish:
        """An object with a companion."""
        return self.wish(name, companion=companion, companion_colour=self.colour(companion))

    def code(self) -> str:
        """A letter and two digits, not drawn before."""
        while True:
            code = self.one(_LETTERS) + self.one(_DIGITS) + self.one(_DIGITS)
            if code not in self._codes:
                self._codes.add(code)
                return code

    def others(self, question: Question, count: int, similarity: float) -> list[Wish]:
        """Objects that nobody asked for, some with tags and companions; none is called like one asked for."""
        taken = {name for wish in question.asked for name in (wish.name, wish.companion)}
        free = [name for name in self.names if name not in taken]
        alike = [name for name in free if OBJECTS[name].category == OBJECTS[question.asked[0].name].category]
        found = []
        for _ in range(count):
            pool = alike if alike and self.rng.random() < similarity else free
            name, companion = self.one(pool), self.one(free)
            look = self.rng.random()
            if look < 0.3:
                found.append(self.beside(name, companion))
            else:
                found.append(self.wish(name, code=self.code() if look < 0.6 and len(self._codes) < 300 else ""))
        return found

    def cells(self, count: int, first: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """So many different cells, the given ones before the others."""
        taken = [column + row * self.columns for column, row in first]
        free = [int(cell) for cell in self.rng.permutation(self.room) if cell not in taken]
        return [(cell % self.columns, cell // self.columns) for cell in [*taken, *free][:count]]


def ask_colour(draw: Draw) -> Question:
    """What colour is it?"""
    name = draw.pick([name for name in draw.names if OBJECTS[name].hue is not None], 1)[0]
    right, *wrong = draw.pick(_COLOURS, 4)
    return Question(f"What is the colour of the {name}?", right, tuple(wrong), (Wish(name, right),))


def ask_text(draw: Draw) -> Question:
    """What is written on its tag?"""
    name, *others = draw.pick(draw.names, 4)
    right, *wrong = (draw.code() for _ in range(4))
    decoys = tuple(draw.wish(other, code=code) for other, code in zip(others, wrong, strict=True))
    text = f"Which code is written on the tag below the {name}?"
    return Question(text, right, tuple(wrong), (draw.wish(name, code=right),), decoys)


def ask_kind(draw: Draw) -> Question:
    """What stands next to it?"""
    name, right, *rest = draw.pick(draw.names, 8)
    wrong, others = rest[:3], rest[3:]
    decoys = tuple(draw.beside(other, companion) for other, companion in zip(others, wrong, strict=True))
    text = f"Which object is right next to the {name}?"
    return Question(text, right, tuple(wrong), (draw.beside(name, right),), decoys)


def ask_material(draw: Draw) -> Question:
    """What is the thing next to it made of?"""
    known = [name for name in draw.names if OBJECTS[name].material]
    materials = draw.pick(sorted({str(OBJECTS[name].material) for name in known}), 4)
    companions = [draw.pick([name for name in known if OBJECTS[name].material == word], 1)[0] for word in materials]
    name, *others = draw.pick([name for name in draw.names if name not in companions], 4)
    decoys = tuple(draw.beside(other, companion) for other, companion in zip(others, companions[1:], strict=True))
    text = f"What is the object right next to the {name} mostly made of?"
    return Question(text, materials[0], tuple(materials[1:]), (draw.beside(name, companions[0]),), decoys)


def ask_relation(draw: Draw) -> Question:
    """On which side of another object is it?"""
    one, other = draw.pick(draw.names, 2)
    axis = int(draw.rng.integers(2))
    while True:
        cells = draw.cells(2, ())
        apart = cells[0][axis] - cells[1][axis]
        if abs(apart) >= 2:
            break
    sides = ("on the left", "on the right") if axis == 0 else ("above", "below")
    text = (
        f"Is the {one} on the left or on the right of the {other}?"
        if axis == 0
        else f"Is the {one} above or below the {other}?"
    )
    right, wrong = sides if apart < 0 else sides[::-1]
    return Question(text, right, (wrong,), (draw.wish(one), draw.wish(other)), cells=tuple(cells))


KINDS: Mapping[str, Callable[[Draw], Question]] = {
    "colour": ask_colour,
    "text": ask_text,
    "kind": ask_kind,
    "material": ask_material,
    "relation": ask_relation,
}
"""Kinds of questions; all have four options but ``relation``, which has two."""


def names_of(split: str) -> list[str]:
    """The objects of a split: about half of them each, by a hash of the name, so that a new object moves none."""
    test = [name for name in OBJECTS if hashlib.sha256(name.encode()).digest()[0] % 2 == 0]
    return test if split == "test" else [name for name in OBJECTS if name not in test]


def _boxes(places: Sequence[Place]) -> dict[str, list[int]]:
    """Name to box of what was asked for; a tag goes by the name ``tag``."""
    boxes = {}
    for place in places:
        boxes[place.thing.name] = list(place.thing.box)
        if place.companion is not None:
            boxes[place.companion.name] = list(place.companion.box)
        if place.tag is not None:
            boxes["tag"] = list(place.tag.box)
    return boxes
