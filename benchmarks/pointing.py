"""How often each pointing backend hits what is asked for in generated scenes, and how long it takes.

``objects`` is asked for things of scenes of visual search by colour and name, and for ones that the scene does not
hold; ``text`` for the codes on their tags; ``map`` for the goals of ice maps; ``photo`` for the one object, a sixth of
the picture wide, that was pasted on a photograph, if its extra is installed. A hit is a first point inside the
thing's box; ``right`` is the share of all points that are in the box of some thing so called. Scenes are new for every
question, so nothing is remembered; for ``text`` a scene's reading is remembered, and the seconds are those of its first
question.

Example: python benchmarks/pointing.py --json runs/pointing.json
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from adagym.envs.tasks.photos import PHOTOS, SCENES
from adagym.envs.tasks.vsp_generated import VSPGenerated
from adagym.envs.tasks.vstar import VStarGenerated
from adagym.envs.tasks.vstar_scene import SceneImage, Thing, background, extent, paste
from adagym.errors import MissingExtra
from adagym.evals.figures import publish
from adagym.tools.objects import OBJECTS
from adagym.tools.pointing.choose import locate
from adagym.tools.values import Box
from adagym.types import Array


@dataclass(frozen=True)
class Options:
    """Measure pointing backends."""

    scenes: int = 30
    """Scenes per size and backend."""
    sides: tuple[int, ...] = (1280, 2560, 7680)
    """Widths of the scenes in pixels."""
    difficulty: str = "hard"
    """How small the objects are (``adagym.envs.tasks.vstar``)."""
    seed: int = 0
    """Seeds scenes and maps."""
    json: Path | None = None
    """Write the figures to this file."""


@dataclass(frozen=True)
class Asked:
    """One question and what came of it."""

    hit: bool
    right: int
    points: int
    seconds: float


def ask(image: Array, description: str, backend: str, boxes: Sequence[Box], others: Sequence[Box] = ()) -> Asked:
    """Point once; the first point should be in one of the boxes, further ones may be in the others too."""
    began = time.perf_counter()
    points = locate(image, description, backend)
    seconds = time.perf_counter() - began
    right = sum(any(_inside(point, box) for box in (*boxes, *others)) for point in points)
    hit = bool(points) and any(_inside(points[0], box) for box in boxes)
    return Asked(hit, right, len(points), seconds)


def objects(scenes: Sequence[SceneImage]) -> tuple[list[Asked], list[Asked]]:
    """Ask for one thing of each scene, and for one that it does not hold."""
    found, absent = [], []
    for number, scene in enumerate(scenes):
        image, things = scene.load(), _things(scene)
        thing = things[number % len(things)]
        boxes = [other.box for other in things if (other.name, other.colour) == (thing.name, thing.colour)]
        named = [other.box for other in things if other.name == thing.name]
        words = f"the {thing.colour} {thing.name}" if thing.colour else f"the {thing.name}"
        found.append(ask(image, words, "objects", boxes, named))
        missing = sorted(OBJECTS.keys() - {other.name for other in things})
        absent.append(ask(image, missing[number * 7 % len(missing)], "objects", ()))
    return found, absent


def text(scenes: Sequence[SceneImage]) -> list[Asked]:
    """Ask for one code of each scene that has one."""
    tags = [(scene, next((place.tag for place in scene.places if place.tag), None)) for scene in scenes]
    return [ask(scene.load(), f'the tag "{tag.code}"', "text", [tag.box]) for scene, tag in tags if tag]


def maps(options: Options) -> list[Asked]:
    """Ask for the goal of each map."""
    asked = []
    for task in VSPGenerated("vsp_navigation", n=options.scenes, seed=options.seed, sides="4-9"):
        image = task.images[0].load()
        rows = task.meta["rows"]
        cell = image.shape[0] // len(rows)
        (box,) = [
            (x * cell, y * cell, (x + 1) * cell, (y + 1) * cell)
            for y, row in enumerate(rows)
            for x, letter in enumerate(row)
            if letter == "G"
        ]
        asked.append(ask(image, "Gift", "map", [box]))
    return asked


def photo(options: Options) -> list[Asked]:
    """Ask for an object that was pasted on a photograph; what the model does not know counts as a miss."""
    asked = []
    names, backdrops = sorted(OBJECTS), [PHOTOS[name] for split in SCENES.values() for name in split]
    for number in range(options.scenes):
        rng = np.random.default_rng([options.seed, number])
        name = names[int(rng.integers(len(names)))]
        image = background(backdrops[number % len(backdrops)].load(), 1280, 800, False)
        width, height = extent(name, 213)
        x, y = int(rng.integers(1280 - width)), int(rng.integers(800 - height))
        box = (x, y, x + width, y + height)
        paste(image, OBJECTS[name].load(), box)
        asked.append(ask(image, f"the {name}", "photo", [box]))
    return asked


def figures_of(name: str, asked: Sequence[Asked]) -> dict[str, float]:
    """Hit rate, share of right points and mean seconds."""
    points = sum(one.points for one in asked)
    return {
        f"{name}_hits": statistics.mean(one.hit for one in asked),
        f"{name}_right": sum(one.right for one in asked) / max(1, points),
        f"{name}_seconds": statistics.mean(one.seconds for one in asked),
    }


def _things(scene: SceneImage) -> list[Thing]:
    return [thing for place in scene.places for thing in (place.thing, place.companion) if thing is not None]


def _inside(point: Sequence[int], box: Box) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    began = time.perf_counter()
    figures = figures_of("map", maps(options))
    for side in options.sides:
        source = VStarGenerated(
            "vstar", n=options.scenes, seed=options.seed, side=side, difficulty=options.difficulty, kinds="text"
        )
        scenes = [image for task in source for image in task.images if isinstance(image, SceneImage)]
        found, absent = objects(scenes)
        figures |= figures_of(f"objects_{side}", found)
        figures[f"objects_{side}_absent_silent"] = statistics.mean(not one.points for one in absent)
        try:
            figures |= figures_of(f"text_{side}", text(scenes))
        except MissingExtra as error:
            Console(stderr=True).print(f"text is left out: {error}")
    try:
        figures |= figures_of("photo", photo(options))
    except MissingExtra as error:
        Console(stderr=True).print(f"photo is left out: {error}")
    publish("Pointing", figures, seed=options.seed, seconds=time.perf_counter() - began, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
