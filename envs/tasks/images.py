"""Questions over several generated scenes, whose answer needs more than one of them.

The scenes are those of visual search (``adagym.envs.tasks.vstar_scene``), small ones by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adagym.envs.tasks.images_kinds import KINDS, OPTIONS, Puzzle
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.photos import SPLITS, photos_of
from adagym.envs.tasks.records import check_family, number, some_of
from adagym.envs.tasks.scene_options import SceneOptions
from adagym.envs.tasks.vstar import Draw, Question, names_of
from adagym.envs.tasks.vstar_scene import Place, SceneImage, Wish, grid, lay_out
from adagym.envs.tasks.vstar_text import prompt_of, shuffled
from adagym.errors import UsageError
from adagym.types import Task

FAMILY = "image_qa"
MAX_PICTURES = 6
SIMILARITY = 0.3
"""Share of the other objects that are of the same category as the one asked for."""


class ManyImages(LazyTasks):
    """``n`` tasks; task ``i`` depends on the options and ``i`` alone. The splits share no object and no photograph.

    Every question has four options, so by chance a quarter of the answers is right.

    Args:
        family: ``image_qa``.
        folder: Holds photographs for the background, see :func:`~adagym.envs.tasks.photos.photos_of`; none takes
            those of adagym.
        n: Number of tasks.
        seed: Source of everything random.
        split: ``train`` or ``test``.
        side: Width of each picture in pixels, up to 7680; the height is 9/16 of it.
        difficulty: ``easy``, ``medium`` or ``hard``: how small the objects are, see
            :data:`~adagym.envs.tasks.scene_options.DIFFICULTIES`.
        clutter: Share of the places in a scene at which other objects stand, 0 to 1.
        pictures: How many there are, 4 to 6.
        kinds: Kinds of questions, taken in turn, of :data:`KINDS`; ``"where-text"`` or a sequence.

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
        side: int | str = 960,
        difficulty: str = "easy",
        clutter: float | str = 0.3,
        pictures: int | str = 4,
        kinds: str | Sequence[str] | None = None,
    ) -> None:
        check_family(family, FAMILY, "images")
        self._photos = photos_of(folder or None, split)
        self._kinds = some_of(kinds, tuple(KINDS), "kinds")
        self._options = SceneOptions.read(split, difficulty, seed=seed, n=n, side=side, clutter=clutter)
        self._pictures = number(pictures, int, "pictures")
        if not OPTIONS <= self._pictures <= MAX_PICTURES:
            raise UsageError(f"`pictures` is from {OPTIONS} to {MAX_PICTURES}, not {pictures}.")

    def __len__(self) -> int:
        return self._options.n

    def _at(self, index: int) -> Task:
        options = self._options
        kind = self._kinds[index % len(self._kinds)]
        width, height, size = options.side, options.height, options.size
        rng = np.random.default_rng([options.seed, SPLITS.index(options.split), index])
        draw = Draw(rng, names_of(options.split), grid(width, height, size))
        puzzle = KINDS[kind](draw, self._pictures)
        scenes = [self._scene(draw, puzzle, number, size) for number in range(self._pictures)]
        choices, answer = shuffled(rng, puzzle.right, puzzle.wrong)
        meta: dict[str, Any] = {
            "kind": kind,
            "boxes": [_boxes(scene.places, puzzle.names) for scene in scenes],
            "side": width,
            "size": size,
            "split": options.split,
        }
        return Task(
            id=f"images/{options.split}/{kind}/{index}",
            family=FAMILY,
            prompt=prompt_of(f"Picture 1 is img_1, picture 2 is img_2, and so on. {puzzle.text}", choices),
            images=tuple(scenes),
            choices=choices,
            answer=answer,
            answer_type="choice",
            split=options.split,
            meta=meta,
        )

    def _scene(self, draw: Draw, puzzle: Puzzle, number: int, size: int) -> SceneImage:
        """Lay out one picture: what the puzzle needs there, and others."""
        rng, options = draw.rng, self._options
        wishes = list(puzzle.pictures[number])
        asked = Question(puzzle.text, puzzle.right, puzzle.wrong, tuple(map(Wish, puzzle.names)))
        wishes += draw.others(asked, round(options.clutter * draw.room) - len(wishes), SIMILARITY)
        places = lay_out(rng, wishes, draw.cells(len(wishes), ()), size)
        photo = sorted(self._photos)[int(rng.integers(len(self._photos)))]
        return SceneImage(self._photos[photo], options.side, options.height, bool(rng.random() < 0.5), places)


def _boxes(places: Sequence[Place], names: Sequence[str]) -> dict[str, list[list[int]]]:
    """Name to boxes of what the question is about, in one picture; a tag is beside its object, by the name ``tag``."""
    boxes: dict[str, list[list[int]]] = {}
    for place in places:
        if place.thing.name in names:
            boxes.setdefault(place.thing.name, []).append(list(place.thing.box))
            if place.tag is not None:
                boxes.setdefault("tag", []).append(list(place.tag.box))
    return boxes
