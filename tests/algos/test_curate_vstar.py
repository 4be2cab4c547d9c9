"""Curated episodes of visual search, judged by where they look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.algos.curate import CuratedData, Curation, CurationConfig, curate
from adagym.algos.curation.mixes import VSTAR
from adagym.store import dump
from adagym.types import Trajectory

ENV = "adagym/VStar-v0"
ALL = {name: 1.0 for name in ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")}
TASKS = "vstar:split=train,side=480,difficulty=easy,n=200"
REAL_NAMES = ("Point", "Crop", "OCR", "image", "coordinates", "description")


@pytest.fixture(scope="module")
def data() -> CuratedData:
    return curate(CurationConfig(ENV, mix=ALL, n=7, tasks=f"{TASKS},kinds=colour-relation", seed=3))


def calls(trajectory: Trajectory, tool: str) -> list[dict[str, Any]]:
    """The arguments of a tool's calls that succeeded, in order."""
    return [
        dict(step.parsed.call.arguments)
        for step in trajectory.steps
        if step.parsed.call is not None and step.parsed.call.name == tool and step.result and step.result.ok
    ]


def kind(trajectory: Trajectory) -> str:
    return str(trajectory.task.meta["kind"])


def test_every_variant_is_made_and_shows_what_it_says(data: CuratedData) -> None:
    assert {name: counts["made"] for name, counts in data.summary().items()} == dict.fromkeys(ALL, 1)
    for row in data.rows:
        assert row.trajectory.answer == row.trajectory.task.answer
        failures = [result for result in row.trajectory.calls if not result.ok]
        assert len(failures) == {"tool_failure": 1, "fallback": 2}.get(row.variant, 0)
        assert (row.trajectory.env_kwargs["tools"] == []) == (row.variant == "toolless")
        if row.variant in ("fallback", "no_tool", "toolless"):
            assert not [result for result in row.trajectory.calls if result.ok]
            continue
        wrong = {"reflect1": 1, "reflect2": 2}.get(row.variant, 0)
        relation, text = kind(row.trajectory) == "relation", kind(row.trajectory) == "text"
        assert len(calls(row.trajectory, "Point")) == 1 + relation
        assert len(calls(row.trajectory, "Crop")) == wrong + (not relation) + text
        assert len(calls(row.trajectory, "OCR")) == text


def test_wrong_parts_come_first_and_are_apart_from_what_is_asked_about(data: CuratedData) -> None:
    seen = 0
    for row in data.rows:
        wrong = {"reflect1": 1, "reflect2": 2}.get(row.variant, 0)
        tools = [result.tool for result in row.trajectory.calls]
        assert tools[: wrong + 1] == ["Crop"] * wrong + ["Point"] * (tools[wrong : wrong + 1] == ["Point"])
        for arguments in calls(row.trajectory, "Crop")[:wrong]:
            x1, y1, x2, y2 = arguments["coordinates"]
            prompt, boxes = row.trajectory.task.prompt.replace("?", " "), row.trajectory.task.meta["boxes"]
            left, top, right, bottom = next(box for name, box in boxes.items() if f"the {name} " in prompt)
            assert not (x1 <= (left + right) / 2 < x2 and y1 <= (top + bottom) / 2 < y2)
            seen += 1
    assert seen == 3


def test_thoughts_name_no_tool(data: CuratedData) -> None:
    for row in data.rows:
        for step in row.trajectory.steps:
            assert not [name for name in REAL_NAMES if name in step.parsed.think], step.parsed.think


@pytest.mark.parametrize(("wanted", "tools"), [("text", ["Point", "Crop", "Crop", "OCR"]), ("kind", ["Point", "Crop"])])
def test_further_kinds_of_questions(wanted: str, tools: list[str]) -> None:
    (row,) = curate(CurationConfig(ENV, mix={"direct": 1}, n=1, tasks=f"{TASKS},kinds={wanted}")).rows
    assert [result.tool for result in row.trajectory.calls] == tools
    task, letter = row.trajectory.task, row.trajectory.answer or ""
    assert task.choices["ABCD".index(letter)] in row.trajectory.steps[-1].parsed.think


def test_the_same_configuration_makes_the_same_bytes() -> None:
    config = CurationConfig(ENV, mix={"reflect1": 1}, n=1, tasks=f"{TASKS},kinds=colour")
    first, second = (list(map(dump, curate(config).trajectories)) for _ in range(2))
    assert first == second
    assert first != list(map(dump, curate(replace(config, seed=1)).trajectories))


def test_the_preset_and_its_tasks() -> None:
    assert Curation(CurationConfig(ENV, preset="vstar")).wanted == VSTAR.counts["vstar"]
    assert set(VSTAR.counts["vstar"]) <= set(BLUEPRINTS.load("vstar"))
