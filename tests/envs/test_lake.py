"""Lake maps: rules, shortest plans, generation."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.envs.lake import MAX_SIDE, Lake
from adagym.errors import DataError, UsageError

LAKE = Lake(("SFF", "FHF", "FFG"))


def test_facts() -> None:
    assert (LAKE.start, LAKE.goal, LAKE.holes, LAKE.side) == ((0, 0), (2, 2), ((1, 1),), 3)
    assert Lake(("SGFF",)).side == 4
    assert pickle.loads(pickle.dumps(LAKE)) == LAKE


@pytest.mark.parametrize(
    ("plan", "reached", "fell", "cells"),
    [
        ("", False, False, [(0, 0)]),
        ("DDRR", True, False, [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]),
        ("RD", False, True, [(0, 0), (0, 1), (1, 1)]),
        ("LU", False, False, [(0, 0), (0, 0), (0, 0)]),
        ("LDRR", False, True, [(0, 0), (0, 0), (1, 0), (1, 1)]),
        ("DDRRUL", True, False, [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]),
    ],
)
def test_navigation_ends_on_goal_and_hole(plan: str, reached: bool, fell: bool, cells: list[tuple[int, int]]) -> None:
    walk = LAKE.simulate(plan)
    assert (walk.reached_goal, walk.fell, list(walk.cells)) == (reached, fell, cells)


def test_verification_goes_on_behind_the_goal() -> None:
    walk = LAKE.simulate("DDRRUL", stop_at_goal=False)
    assert (walk.reached_goal, walk.fell, walk.cells[-1]) == (True, True, (1, 1))


def test_a_strange_move_is_refused() -> None:
    with pytest.raises(UsageError, match="'X' is not a move; moves are L, D, R and U"):
        LAKE.simulate("DX")


@pytest.mark.parametrize(
    ("rows", "plan"),
    [
        (("SFF", "FHF", "FFG"), "DDRR"),  # both sides are as short; D comes before R
        (("SHG", "FFF"), "DRRU"),
        (("GS",), "L"),
        (("SHG",), None),
        (("SHF", "HFF", "FFG"), None),
        (("HHHHH", "HSFFH", "HHHFH", "HGFFH", "HHHHH"), "RRDDLL"),
    ],
)
def test_shortest_plan(rows: tuple[str, ...], plan: str | None) -> None:
    assert Lake(rows).shortest_plan() == plan


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "rows of one length"),
        (("",), "rows of one length"),
        (("SF", "G"), "rows of one length"),
        (("SG", "FX"), r"also holds \['X'\]"),
        (("FG",), r"exactly one start \(S\); this one has 0"),
        (("SS", "GF"), r"exactly one start \(S\); this one has 2"),
        (("SF",), r"exactly one goal \(G\); this one has 0"),
    ],
)
def test_bad_maps_are_refused(rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Lake(rows)


@given(seed=st.integers(0, 2**32), side=st.integers(2, 9), density=st.floats(0, 0.5))
def test_generated_maps_are_solvable_and_repeatable(seed: int, side: int, density: float) -> None:
    lake = Lake.generate(np.random.default_rng(seed), side, density)
    plan = lake.shortest_plan()
    assert plan is not None
    walk = lake.simulate(plan)
    assert walk.reached_goal
    assert len(walk.cells) == len(plan) + 1
    assert len(lake.rows) == len(lake.rows[0]) == side
    assert lake == Lake.generate(np.random.default_rng(seed), side, density)


def test_start_goal_and_holes_stand_anywhere() -> None:
    lakes = [Lake.generate(np.random.default_rng(seed), 3, 0.2) for seed in range(400)]
    assert (
        {lake.start for lake in lakes} == {lake.goal for lake in lakes} == {(i, j) for i in range(3) for j in range(3)}
    )
    wide = [Lake.generate(np.random.default_rng(seed), 9, 0.2) for seed in range(100)]
    assert 0.15 < sum(len(lake.holes) for lake in wide) / (100 * 79) < 0.23


@pytest.mark.parametrize("side", [1, 0, -3, MAX_SIDE + 1])
def test_unusable_sides_are_refused(side: int) -> None:
    with pytest.raises(UsageError, match=f"side of {side} cells"):
        Lake.generate(np.random.default_rng(0), side)


@pytest.mark.parametrize("density", [-0.1, 1.0, float("nan")])
def test_unusable_densities_are_refused(density: float) -> None:
    with pytest.raises(UsageError, match="hole density"):
        Lake.generate(np.random.default_rng(0), 4, density)


def test_an_unsolvable_wish_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.envs.lake._MAX_DRAWS", 3)
    with pytest.raises(UsageError, match=r"in 3 draws at hole density 0\.999; lower the density"):
        Lake.generate(np.random.default_rng(0), 40, 0.999)
