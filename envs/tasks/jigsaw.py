"""Jigsaw puzzles cut from photographs, as AdaReasoner's Jigsaw-COCO, with its defects mended.

A picture is cut into 3x3 cells. The question shows a window of 2x2 cells with one of them black; the options are the
cell that is missing and cells from outside the window. In training the missing cell is one of the window's other
three corners, in testing always the lower right one. Unlike the original, the splits share no photograph, options
that look almost alike are not offered, and the black cell can always be told from what is dark in the photograph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from adagym.envs.tasks.jigsaw_text import JIGSAW, MAX_CHOICES, PLACES, options, prompt_of
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.photos import SPLITS, photos_of
from adagym.envs.tasks.records import check_family
from adagym.errors import DataError, UsageError
from adagym.rewards.choices import LETTERS
from adagym.tools.detect_black_area import detect_black_area
from adagym.types import Array, LazyImage, Task

GRID = 3
"""Cells per side of a picture."""
MIN_CELL = 32
"""Smallest side of a cell, in pixels."""
MIN_DIFFERENCE = 16.0
"""How far an option must be from the right one: mean absolute difference of their thumbnails, in grey levels."""

_PLACES_OF = {"train": (0, 1, 2), "test": (3,)}
"""Split to the places of the missing cell."""
_THUMBNAIL = 8
_DRAWS = 50
_SPARES = 3
"""Photos that a puzzle may be cut from instead, where its own gives no fair one."""
_SECTION = (0.5, 1.0)
"""Shares of a photo to draw from where the shares asked for gave no fair puzzle."""


@dataclass(frozen=True)
class Puzzle:
    """How to cut one puzzle. A photograph is read when a picture of the puzzle is loaded."""

    photos: tuple[tuple[str, LazyImage], ...]
    """Names and photographs; the first that gives a fair puzzle is cut."""
    seed: tuple[int, ...]
    """Seeds the cut and the choice of wrong options."""
    choices: int
    place: int
    """The missing cell of the window, an index of :data:`PLACES`."""
    answer: int
    """Position of the right option."""
    side: int
    """Longest side of the picture that is cut, in pixels; larger ones are scaled down."""
    crop: tuple[float, float]
    """Smallest and largest share of the photograph's width and height that becomes the picture."""


@dataclass(frozen=True)
class PuzzleImage:
    """One picture of a puzzle: number 0 is the question, the others are the options."""

    puzzle: Puzzle
    number: int

    def load(self) -> Array:
        """Cut it, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            DataError: A photograph cannot be read, or none gives a fair puzzle.
        """
        picture: Array = cut(self.puzzle)[self.number].copy()
        return picture


class Jigsaw(LazyTasks):
    """``n`` puzzles; puzzle ``i`` depends on the options and ``i`` alone.

    Args:
        family: ``jigsaw``.
        folder: Holds photos, see :func:`~adagym.envs.tasks.photos.photos_of`; none takes the photos of adagym.
        split: ``train`` or ``test``: which photos, and which places of the missing cell.
        seed: Source of everything random.
        n: Number of puzzles.
        choices: Numbers of options, taken in turn; ``"2-3"`` or a sequence.
        side: Longest side of the picture that is cut, in pixels; the question's is two thirds of it.
        crop: Share of a photo's width and height that is cut, ``"0.6-1"`` draws it for each puzzle. Default: that
            range for adagym's few photos, and 1, the whole photo, for a folder.
        parted: Whether the splits share no photo; with ``no`` both have all of them.

    Raises:
        UsageError: An option is out of range.
        DataError: The folder holds no photos of the split.
    """

    def __init__(
        self,
        family: str,
        folder: str | Path = "",
        split: str = "test",
        seed: int | str = 0,
        n: int | str = 1000,
        choices: str | int | Sequence[int] = "2-3",
        side: int | str = 480,
        crop: float | str | None = None,
        parted: bool | str = True,
    ) -> None:
        self.family = check_family(family, JIGSAW, "jigsaw")
        self._photos: Mapping[str, LazyImage] = photos_of(folder or None, split, _yes(parted))
        self._names = list(self._photos)
        self._split = split
        self._source = f"jigsaw/{Path(folder).name}" if folder else "jigsaw"
        try:
            self._seed, self._n, self._side = int(seed), int(n), int(side)
            self._choices = _numbers(choices)
            self._crop = _range(crop if crop is not None else 1 if folder else "0.6-1")
        except (TypeError, ValueError) as error:
            raise UsageError(f"An option of `jigsaw` is not a number, or `choices` not a list: {error}.") from None
        if self._n < 1 or self._seed < 0 or not 0 < self._crop[0] <= self._crop[1] <= 1:
            raise UsageError("`jigsaw` needs n of at least 1, a seed of at least 0, and a crop above 0 and at most 1.")
        if not self._choices or not all(2 <= count <= MAX_CHOICES for count in self._choices):
            raise UsageError(f"`choices` are numbers from 2 to {MAX_CHOICES}, for example 2-3, not {choices!r}.")
        if self._side < GRID * MIN_CELL:
            raise UsageError(f"`side` is at least {GRID * MIN_CELL} pixels, not {side}.")

    def __len__(self) -> int:
        return self._n

    def _at(self, index: int) -> Task:
        seed = (self._seed, SPLITS.index(self._split), index)
        rng = np.random.default_rng(seed)
        drawn = rng.choice(len(self._names), min(1 + _SPARES, len(self._names)), replace=False)
        names = [self._names[int(number)] for number in drawn]
        choices = self._choices[index % len(self._choices)]
        place = int(rng.choice(_PLACES_OF[self._split]))
        answer = int(rng.integers(choices))
        photos = tuple((name, self._photos[name]) for name in names)
        puzzle = Puzzle(photos, seed, choices, place, answer, self._side, self._crop)
        meta: dict[str, Any] = {"photos": names, "place": PLACES[place], "choices": choices, "split": self._split}
        return Task(
            id=f"{self._source}/{self._split}/c{choices}/{index}",
            family=JIGSAW,
            prompt=prompt_of(choices),
            images=tuple(PuzzleImage(puzzle, number) for number in range(choices + 1)),
            choices=options(choices),
            answer=LETTERS[answer],
            answer_type="choice",
            split=self._split,
            meta=meta,
        )


@lru_cache(maxsize=8)
def cut(puzzle: Puzzle) -> tuple[Array, ...]:
    """Cut a puzzle: the question, then its options. The first fair cut that is drawn is taken.

    Fair is a cut in which every wrong option differs from the right one by :data:`MIN_DIFFERENCE` at least, and in
    which the missing cell is the largest black area by itself, so that nothing dark runs into it. Each photograph is
    given 50 draws of the section asked for and 50 of any from half of it to all; then the next one is taken.

    Raises:
        DataError: A photograph cannot be read, or none of them gave a fair cut.
    """
    rng = np.random.default_rng([*puzzle.seed, 1])
    for _, image in puzzle.photos:
        photo = image.load()
        if min(photo.shape[:2]) < GRID * MIN_CELL:
            continue
        for crop in (puzzle.crop, _SECTION):
            for _ in range(_DRAWS):
                pictures = _draw(puzzle, _scaled(_cropped(photo, crop, rng), puzzle.side), rng)
                if pictures is not None:
                    return pictures
    names = ", ".join(name for name, _ in puzzle.photos)
    raise DataError(
        f"None of these photos gives a fair puzzle: {names}. They are smaller than {GRID * MIN_CELL} pixels, or their "
        "parts look alike or are black. Remove them from the folder."
    )


def difference(one: Array, other: Array) -> float:
    """How far two pictures of one size are apart: mean absolute difference of thumbnails, 0 to 255."""
    small = [cv2.resize(image, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA) for image in (one, other)]
    return float(np.abs(small[0].astype(np.int16) - small[1]).mean())


def _draw(puzzle: Puzzle, picture: Array, rng: np.random.Generator) -> tuple[Array, ...] | None:
    """One draw of a window and its options, or None if it is not fair."""
    height, width = picture.shape[0] // GRID, picture.shape[1] // GRID
    row, col = (int(value) for value in rng.integers(GRID - 1, size=2))
    down, right = divmod(puzzle.place, 2)
    window = {(row + i, col + j) for i in range(2) for j in range(2)}
    outside = [(i, j) for i in range(GRID) for j in range(GRID) if (i, j) not in window]

    def cell(i: int, j: int) -> Array:
        part: Array = picture[i * height : (i + 1) * height, j * width : (j + 1) * width].copy()
        return part

    truth = cell(row + down, col + right)
    wrong = [cell(*outside[int(number)]) for number in rng.permutation(len(outside))]
    wrong = [part for part in wrong if difference(part, truth) >= MIN_DIFFERENCE][: puzzle.choices - 1]
    question = picture[row * height : (row + 2) * height, col * width : (col + 2) * width].copy()
    box = [right * width, down * height, (right + 1) * width, (down + 1) * height]
    question[box[1] : box[3], box[0] : box[2]] = 0
    if len(wrong) < puzzle.choices - 1 or detect_black_area(question).data["boxes"][0] != box:
        return None
    return (question, *wrong[: puzzle.answer], truth, *wrong[puzzle.answer :])


def _cropped(photo: Array, crop: tuple[float, float], rng: np.random.Generator) -> Array:
    share = crop[0] if crop[0] == crop[1] else float(rng.uniform(*crop))
    height, width = (max(GRID * MIN_CELL, int(side * share)) for side in photo.shape[:2])
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    cropped: Array = photo[top : top + height, left : left + width]
    return cropped


def _scaled(picture: Array, side: int) -> Array:
    """The picture with its longest side at most so long, but no cell smaller than allowed."""
    height, width = picture.shape[:2]
    share = max(side / max(height, width), GRID * MIN_CELL / min(height, width))
    if share >= 1:
        return picture
    size = (round(width * share), round(height * share))
    scaled: Array = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]  # OpenCV types no dtype
    return scaled


def _numbers(choices: str | int | Sequence[int]) -> tuple[int, ...]:
    listed: Sequence[Any] = str(choices).split("-") if isinstance(choices, str | int) else choices
    return tuple(int(value) for value in listed)


def _range(crop: float | str) -> tuple[float, float]:
    """Both ends; equal where one number was given."""
    low, _, high = str(crop).partition("-")
    return float(low), float(high or low)


def _yes(value: bool | str) -> bool:
    if isinstance(value, bool) or value in ("yes", "no"):
        return value in (True, "yes")
    raise UsageError(f"`parted` is yes or no, not {value!r}.")
