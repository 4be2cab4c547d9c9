"""How many frames are shown, which, and how large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from adagym.errors import UsageError
from adagym.types import Array
from adagym.video import FrameBudget, Video


class Plain(Video):
    """Ten frames a second, each of one colour: its index."""

    def __init__(self, count: int) -> None:
        self._times = np.arange(count) / 10

    @property
    def times(self) -> NDArray[np.float64]:
        return self._times

    @property
    def size(self) -> tuple[int, int]:
        return 40, 20

    @property
    def duration(self) -> float:
        return len(self._times) / 10

    def frames(self, indices: Sequence[int]) -> list[Array]:
        return [np.full((20, 40, 3), index, np.uint8) for index in indices]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (64, FrameBudget()),
        ("8", FrameBudget(most=8)),
        ("fps=0.5", FrameBudget(fps=0.5)),
        ("most=32, fps=2,pixels=1000", FrameBudget(32, 2.0, 1000)),
    ],
)
def test_budgets_are_read(spec: str | int, expected: FrameBudget) -> None:
    assert FrameBudget.parse(spec) == expected


@pytest.mark.parametrize("spec", ["0", "-3", "most", "most=x", "size=3", "fps=0", "fps=nan", "pixels=1", "", 5000])
def test_other_budgets_are_refused(spec: str | int) -> None:
    with pytest.raises(UsageError):
        FrameBudget.parse(spec)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (1, (5,)),
        (2, (2, 7)),
        (5, (1, 3, 5, 7, 9)),
        (10, tuple(range(10))),
        (64, tuple(range(10))),
        ("fps=3", (1, 5, 8)),
    ],
)
def test_frames_lie_in_the_middle_of_equal_parts(spec: str | int, expected: tuple[int, ...]) -> None:
    assert FrameBudget.parse(spec).choose(Plain(10)) == expected


def test_frames_are_shrunk_to_the_budget_and_keep_their_shape() -> None:
    (frame,) = Plain(1).frames([0])
    assert FrameBudget(pixels=800).shrink(frame) is frame
    assert FrameBudget(pixels=400).shrink(frame).shape == (14, 28, 3)


@pytest.mark.parametrize(("seconds", "index"), [(-1, 0), (0, 0), (0.09, 0), (0.1, 1), (0.30000001, 3), (99, 9)])
def test_a_frame_is_found_by_time(seconds: float, index: int) -> None:
    assert Plain(10).index_at(seconds) == index
