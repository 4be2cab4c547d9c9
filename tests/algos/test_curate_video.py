"""Curated episodes about videos, judged by what they watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.algos.curate import CuratedData, Curation, CurationConfig, curate
from adagym.algos.curation.mixes import VIDEO
from adagym.store import dump
from adagym.types import Trajectory

ENV = "adagym/VideoQA-v0"
ALL = {name: 1.0 for name in ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")}
TASKS = "video:split=train,side=640,difficulty=easy,n=200"
REAL_NAMES = ("FrameAt", "VideoClip", "crop_image", "PathTracer", "target", "start_", "end_", "bbox", "img_")


@pytest.fixture(scope="module")
def data() -> CuratedData:
    return curate(CurationConfig(ENV, mix=ALL, n=7, tasks=f"{TASKS},kinds=order-when", seed=3))


def clips(trajectory: Trajectory) -> list[tuple[float, float]]:
    """From and to how many seconds was watched, in order."""
    return [(call["start_time"], call["end_time"]) for call in calls(trajectory, "VideoClip")]


def calls(trajectory: Trajectory, tool: str) -> list[dict[str, Any]]:
    """The arguments of a tool's calls that succeeded, in order."""
    return [
        dict(step.parsed.call.arguments)
        for step in trajectory.steps
        if step.parsed.call is not None and step.parsed.call.name == tool and step.result and step.result.ok
    ]


def overlap(part: tuple[float, float], other: Sequence[float]) -> bool:
    return part[0] <= other[1] and other[0] <= part[1]


def test_every_variant_is_made_and_shows_what_it_says(data: CuratedData) -> None:
    assert {name: counts["made"] for name, counts in data.summary().items()} == dict.fromkeys(ALL, 1)
    for row in data.rows:
        assert row.trajectory.answer == row.trajectory.task.answer
        failures = [result for result in row.trajectory.calls if not result.ok]
        assert len(failures) == {"tool_failure": 1, "fallback": 2}.get(row.variant, 0)
        assert (row.trajectory.env_kwargs["tools"] == []) == (row.variant == "toolless")
        watched = len(clips(row.trajectory))
        if row.variant in ("fallback", "no_tool", "toolless"):
            assert watched == 0
        else:
            assert watched > {"reflect1": 1, "reflect2": 2}.get(row.variant, 0)


def test_wrong_parts_differ_and_are_not_those_that_decide(data: CuratedData) -> None:
    rows = {row.variant: row.trajectory for row in data.rows}
    for name, wrong in (("reflect1", 1), ("reflect2", 2)):
        parts, task = clips(rows[name]), rows[name].task
        event = task.meta["events"][task.meta["asked"]]
        assert not any(overlap(part, (event["start"], event["stop"])) for part in parts[:wrong])
        assert any(overlap(part, (event["start"] - 1, event["stop"] + 1)) for part in parts[wrong:])
    first, second, *_ = clips(rows["reflect2"])
    assert not overlap(first, second)


def test_thoughts_name_no_tool_and_tell_what_wrong_parts_show(data: CuratedData) -> None:
    for row in data.rows:
        thoughts, events = [step.parsed.think for step in row.trajectory.steps], row.trajectory.task.meta["events"]
        assert not [thought for thought in thoughts if any(name in thought for name in REAL_NAMES)]
        if row.variant == "reflect1":
            (start, end), *_ = clips(row.trajectory)
            there = {item["name"] for item in events if overlap((start, end), (item["start"], item["stop"]))}
            verdict = thoughts[1].partition(". ")[0]
            assert {item["name"] for item in events if f"the {item['name']}" in verdict} <= there


@pytest.mark.parametrize(
    ("kind", "tools"), [("detail", ["VideoClip", "FrameAt", "crop_image"]), ("path", ["VideoClip", "PathTracer"])]
)
def test_tags_are_cut_out_and_ways_are_drawn(kind: str, tools: list[str]) -> None:
    (row,) = curate(CurationConfig(ENV, mix={"direct": 1}, n=1, tasks=f"{TASKS},kinds={kind}")).rows
    used = [result.tool for result in row.trajectory.calls]
    assert list(dict.fromkeys(used)) == tools
    assert used[-len(tools) + 1 :] == tools[1:]
    task = row.trajectory.task
    assert task.choices["ABCD".index(task.answer)] in row.trajectory.steps[-1].parsed.think


def test_what_the_frames_do_not_tell_is_not_answered_from_them() -> None:
    tasks = "video:split=train,seconds=20,events=5,kinds=path,n=9"
    made = curate(CurationConfig(ENV, mix={"no_tool": 1}, n=1, tasks=tasks))
    assert made.rows == ()
    assert {rejection.reason for rejection in made.rejections} == {"the frames that are shown do not tell"}


def test_the_same_configuration_makes_the_same_bytes() -> None:
    config = CurationConfig(ENV, mix={"reflect1": 1}, n=1, tasks=f"{TASKS},kinds=order")
    first, second = (list(map(dump, curate(config).trajectories)) for _ in range(2))
    assert first == second


def test_the_preset_and_its_tasks() -> None:
    assert Curation(CurationConfig(ENV, preset="video")).wanted == VIDEO.counts["video_qa"]
    assert set(VIDEO.counts["video_qa"]) <= set(BLUEPRINTS.load("video_qa"))
