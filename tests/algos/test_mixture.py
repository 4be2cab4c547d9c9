"""Mixing sources: shares, their rounding, the curriculum, and what is refused."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest

from adagym.algos.mixture import Mixture, Source, assign, shares
from adagym.errors import UsageError
from adagym.types import Task

NAVIGATION, VERIFICATION = "adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"
TASKS = {"tasks": "vsp-generated:sides=3,split=train,n=6"}


def test_weights_move_in_a_line_from_the_first_step_to_the_last() -> None:
    easy, hard = Source(NAVIGATION, weight=3, weight_end=0), Source(NAVIGATION, weight=1, weight_end=4)
    assert [shares([easy, hard], step, 5).round(6).tolist() for step in range(6)] == [
        [0.75, 0.25],
        [0.5625, 0.4375],
        [0.375, 0.625],
        [0.1875, 0.8125],
        [0, 1],
        [0, 1],
    ]
    assert shares([easy, hard], 0, 1).tolist() == [0.75, 0.25]
    assert shares([Source(NAVIGATION, weight=5)], 3, 9).tolist() == [1]


@pytest.mark.parametrize(
    ("weights", "count", "counts"),
    [((1, 1), 8, (4, 4)), ((3, 1), 8, (6, 2)), ((1, 2), 9, (3, 6)), ((1, 0), 5, (5, 0)), ((1, 1, 1), 6, (2, 2, 2))],
)
def test_whole_numbers_of_prompts_are_always_met(
    weights: tuple[float, ...], count: int, counts: tuple[int, ...]
) -> None:
    share = shares([Source(NAVIGATION, weight=weight) for weight in weights], 0, 1)
    for seed in range(200):
        drawn = Counter(assign(share, count, np.random.default_rng(seed)))
        assert tuple(drawn[number] for number in range(len(weights))) == counts


def test_fractions_are_rounded_to_either_side_and_right_in_the_mean() -> None:
    share = np.array([0.05, 0.33, 0.62])
    drawn = [Counter(assign(share, 8, np.random.default_rng(seed))) for seed in range(2000)]
    for number, expected in enumerate(share * 8):
        counts = np.array([each[number] for each in drawn])
        assert set(counts.tolist()) == {int(np.floor(expected)), int(np.ceil(expected))}
        assert counts.mean() == pytest.approx(expected, abs=0.05)


def test_sources_are_not_drawn_in_blocks() -> None:
    order = assign(np.array([0.5, 0.5]), 64, np.random.default_rng(0))
    assert sum(one != other for one, other in itertools.pairwise(order)) > 16


def test_a_single_source_is_drawn_from_as_without_a_mixture() -> None:
    mixture = Mixture([Source(NAVIGATION, TASKS)])
    rng = np.random.default_rng([7, 3])
    tasks = rng.choice(6, size=4, replace=False)
    seeds = rng.integers(2**31, size=4)
    jobs = mixture.draw(seed=7, step=3, steps=9, prompts=4)
    assert [job.task for job in jobs] == [mixture.tasks[0][int(index)] for index in tasks]
    assert [job.seed for job in jobs] == seeds.tolist()
    assert [job.group for job in jobs] == ["3-0", "3-1", "3-2", "3-3"]
    assert {job.env for job in jobs} == {"vsp_navigation"}


def test_a_draw_depends_on_its_arguments_alone() -> None:
    sources = [Source(NAVIGATION, TASKS, 1, 3), Source(VERIFICATION, TASKS)]
    one, other = Mixture(sources), Mixture(sources)
    other.draw(0, 0, 10, 8)
    assert one.draw(0, 5, 10, 8) == other.draw(0, 5, 10, 8)
    assert one.draw(0, 5, 10, 8) != one.draw(1, 5, 10, 8)
    for job in one.draw(0, 5, 10, 8):
        assert isinstance(job.task, Task)
        assert job.task.family == job.env
    assert len({(job.env, job.task.id) for job in one.draw(0, 0, 10, 12) if isinstance(job.task, Task)}) == 12


def test_prompts_may_outnumber_a_sources_tasks() -> None:
    sources = [Source(NAVIGATION, TASKS, 9), Source(VERIFICATION, TASKS, 1)]
    assert Counter(job.env for job in Mixture(sources).draw(0, 0, 1, 20)) == {
        "vsp_navigation": 18,
        "vsp_verification": 2,
    }


def test_the_first_tasks_are_fixed() -> None:
    mixture = Mixture([Source(NAVIGATION, TASKS, name="a"), Source(NAVIGATION, TASKS, name="b")])
    jobs = mixture.first(2)
    assert [(job.env, job.task) for job in jobs] == [(n, mixture.tasks[0][i]) for n in "ab" for i in (0, 1)]
    with pytest.raises(UsageError, match="`a` has 6 tasks, and 7 are asked for"):
        mixture.first(7)


def test_environments_share_their_tasks() -> None:
    mixture = Mixture([Source(NAVIGATION, {**TASKS, "max_turns": 3})])
    env = mixture.factories["vsp_navigation"]()
    assert getattr(env.unwrapped, "tasks", None) is mixture.tasks[0]
    env.close()


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ([], "at least one source"),
        ([Source(NAVIGATION, TASKS), Source(NAVIGATION, TASKS)], "More than one source is called `vsp_navigation`"),
        ([Source(NAVIGATION, TASKS, name="x"), Source(VERIFICATION, TASKS, name="x")], "called `x`"),
        (
            [Source(NAVIGATION, TASKS), Source(VERIFICATION, {**TASKS, "dialect": "hermes"})],
            r"`adareasoner` \(vsp_navigation\), `hermes` \(vsp_verification\)",
        ),
        ([Source(NAVIGATION, TASKS, 0), Source(VERIFICATION, TASKS, 0, 1)], "all sources are 0 at the start"),
        ([Source(NAVIGATION, TASKS, 1, 0)], "0 at the start or at the end"),
    ],
)
def test_what_cannot_be_mixed_is_refused(sources: list[Source], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Mixture(sources)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"weight": -1}, "weight -1"),
        ({"weight_end": -0.5}, "weight_end -0.5"),
        ({"weight": float("nan")}, "at least 0"),
        ({"weight_end": float("inf")}, "at least 0"),
        ({"name": "a/b"}, "letters, digits"),
    ],
)
def test_fields_of_a_source_are_checked(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Source(NAVIGATION, **options)
