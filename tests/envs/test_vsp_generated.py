"""Generated tasks at scale: portable and lazy sources, every side of every split, labels that leak nowhere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from adagym.envs import tiles
from adagym.envs.lake import Lake
from adagym.envs.tasks import load_tasks
from adagym.errors import UsageError
from adagym.testing import check_task_source

FAMILIES = ("vsp_navigation", "vsp_verification")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_contract(family: str, split: str) -> None:
    check_task_source(load_tasks(f"vsp-generated:split={split},n=24", family), family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_three_hundred_tasks(family: str, split: str) -> None:
    """Every label agrees with the walk, and every navigation map can be solved from its start."""
    tasks = load_tasks(f"vsp-generated:split={split},n=300", family)
    for index, task in enumerate(tasks):
        lake = Lake(tuple(task.meta["rows"]))
        assert task.id == f"vsp-generated/{split}/s{lake.side}/{index}"
        plan = lake.shortest_plan()
        assert plan is not None
        assert lake.simulate(plan).reached_goal
        if family == "vsp_verification":
            fell = lake.simulate(task.meta["plan"], stop_at_goal=False).fell
            assert task.answer == ("No" if fell else "Yes")
            assert task.meta["length"] == len(task.meta["plan"])


def test_verification_is_balanced_on_the_sides_kept_for_testing() -> None:
    tasks = load_tasks("vsp-generated:n=320", "vsp_verification")
    for side in (3, 5, 7, 9):
        assert [task.answer for task in tasks if task.meta["side"] == side].count("Yes") == 40


def test_the_length_of_a_walk_does_not_give_its_label_away() -> None:
    tasks = load_tasks("vsp-generated:sides=8,split=train,n=600", "vsp_verification")
    safe, unsafe = (np.mean([t.meta["length"] for t in tasks if t.answer == label]) for label in ("Yes", "No"))
    assert abs(safe - unsafe) < 1


@pytest.mark.parametrize("family", FAMILIES)
def test_splits_share_no_map_even_where_maps_are_few(family: str) -> None:
    train, test = (
        {tuple(task.meta["rows"]) for task in load_tasks(f"vsp-generated:sides=2,split={split},n=300", family)}
        for split in ("train", "test")
    )
    assert train
    assert test
    assert not train & test


def test_families_have_maps_of_their_own() -> None:
    left, right = (load_tasks("vsp-generated:sides=8,split=train", family) for family in FAMILIES)
    assert left[0].meta["rows"] != right[0].meta["rows"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_million_tasks_cost_nothing_until_read(family: str) -> None:
    tasks = load_tasks("vsp-generated:n=1000000", family)
    data = pickle.dumps(tasks)
    assert len(data) < 1000
    assert pickle.loads(data)[999_999] == tasks[999_999] == tasks[-1]
    with pytest.raises(IndexError, match="Task 1000000 of 1000000"):
        tasks[1_000_000]


def test_no_picture_is_drawn_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr(tiles, "_tile", refuse)
    task = load_tasks("vsp-generated", "vsp_navigation")[0]
    with pytest.raises(AssertionError, match="drawn"):
        task.images[0].load()


@pytest.mark.parametrize(
    "options", [{"sides": ()}, {"sides": ""}, {"sides": 4}, {"n": None}, {"seed": [1]}, {"density": "thin"}]
)
def test_unusable_values_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="`vsp-generated`"):
        load_tasks("vsp-generated", "vsp_navigation", **options)
