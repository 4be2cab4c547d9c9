"""Curated episodes over several pictures, judged by where they look."""

from __future__ import annotations

from itertools import pairwise

import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.algos.curate import CuratedData, Curation, CurationConfig, curate
from adagym.algos.curation.mixes import IMAGES
from adagym.types import Trajectory

ENV = "adagym/ImageQA-v0"
ALL = {name: 1.0 for name in ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")}
TASKS = "images:split=train,side=480,n=200"
REAL_NAMES = ("Point", "crop_image", "OCR", "img_", "bbox", "target", "description")


@pytest.fixture(scope="module")
def data() -> CuratedData:
    return curate(CurationConfig(ENV, mix=ALL, n=7, tasks=f"{TASKS},pictures=4,kinds=where-count", seed=3))


def tools(trajectory: Trajectory) -> list[str]:
    """The tools of the calls that succeeded, in order."""
    return [result.tool for result in trajectory.calls if result.ok]


def test_every_variant_is_made_and_shows_what_it_says(data: CuratedData) -> None:
    assert {name: counts["made"] for name, counts in data.summary().items()} == dict.fromkeys(ALL, 1)
    for row in data.rows:
        assert row.trajectory.answer == row.trajectory.task.answer
        failures = [result for result in row.trajectory.calls if not result.ok]
        assert len(failures) == {"tool_failure": 1, "fallback": 2}.get(row.variant, 0)
        assert (row.trajectory.env_kwargs["tools"] == []) == (row.variant == "toolless")
        used, wrong = tools(row.trajectory), {"reflect1": 1, "reflect2": 2}.get(row.variant, 0)
        if row.variant in ("fallback", "no_tool", "toolless"):
            assert used == []
        else:
            assert used == ["crop_image"] * wrong + ["Point"] * (len(used) - wrong)
            assert 1 <= len(used) - wrong <= 4


def test_pictures_are_searched_in_order_each_once(data: CuratedData) -> None:
    for row in data.rows:
        made = [step for step in row.trajectory.steps if step.result and step.result.ok and step.parsed.call]
        searched = [step.parsed.call.arguments["image"] for step in made if step.parsed.call.name == "Point"]
        assert searched == [f"img_{number}" for number in range(1, len(searched) + 1)]


def test_thoughts_name_no_tool_and_tell_what_was_found(data: CuratedData) -> None:
    for row in data.rows:
        steps = row.trajectory.steps
        assert not [name for name in REAL_NAMES for step in steps if name in step.parsed.think]
        if row.variant == "direct":
            for step, after in pairwise(steps):
                assert step.result is not None
                found = ["once", "twice", "times"] if step.result.data["points"] else ["not", "none", "Nothing"]
                assert any(word in after.parsed.think for word in found)


def test_a_tag_is_cut_out_and_read() -> None:
    (row,) = curate(CurationConfig(ENV, mix={"direct": 1}, n=1, tasks=f"{TASKS},kinds=text")).rows
    assert tools(row.trajectory)[-3:] == ["crop_image", "crop_image", "OCR"]
    task = row.trajectory.task
    assert task.choices["ABCD".index(task.answer)] in row.trajectory.steps[-1].parsed.think


def test_the_preset_and_its_tasks() -> None:
    assert Curation(CurationConfig(ENV, preset="images")).wanted == IMAGES.counts["image_qa"]
    assert set(IMAGES.counts["image_qa"]) <= set(BLUEPRINTS.load("image_qa"))
