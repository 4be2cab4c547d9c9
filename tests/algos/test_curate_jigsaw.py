"""Curated jigsaw episodes, judged by the candidates they try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.algos.curate import CuratedData, Curation, CurationConfig, curate
from adagym.algos.curation.mixes import ADAREASONER_JIGSAW
from adagym.errors import UsageError
from adagym.store import dump
from adagym.types import Trajectory

ENV = "adagym/Jigsaw-v0"
ALL = {name: 1.0 for name in ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")}
TASKS = "jigsaw:split=train,choices=3,side=150,n=100"
REAL_NAMES = ("DetectBlackArea", "InsertImage", "Crop", "image", "coordinates", "resize", "threshold")


@pytest.fixture(scope="module")
def data() -> CuratedData:
    return curate(CurationConfig(ENV, mix=ALL, n=14, tasks=TASKS, seed=3))


def tried(trajectory: Trajectory) -> str:
    """The letters of the candidates that were inserted, in order."""
    return "".join(
        "ABC"[int(step.parsed.call.arguments["image_to_insert"].removeprefix("img_")) - 2]
        for step in trajectory.steps
        if step.parsed.call is not None and step.parsed.call.name == "InsertImage" and step.result and step.result.ok
    )


def test_every_variant_is_made_and_shows_what_it_says(data: CuratedData) -> None:
    assert data.summary() == {name: {"wanted": 2, "made": 2, "rejected": {}} for name in ALL}
    for row in data.rows:
        letters, answer = tried(row.trajectory), row.trajectory.answer or ""
        tries = {"direct": 1, "reflect1": 2, "reflect2": 3, "tool_failure": 1}.get(row.variant, 0)
        assert len(letters) == len(set(letters)) == tries
        assert answer == row.trajectory.task.answer
        assert letters.endswith(answer) or not letters
        failures = [result for result in row.trajectory.calls if not result.ok]
        assert len(failures) == {"tool_failure": 1, "fallback": 2}.get(row.variant, 0)
        assert (row.trajectory.env_kwargs["tools"] == []) == (row.variant == "toolless")
        if row.variant in ("no_tool", "toolless"):
            assert not row.trajectory.calls


def test_thoughts_name_no_tool_and_the_right_edge(data: CuratedData) -> None:
    for row in data.rows:
        thoughts = [step.parsed.think for step in row.trajectory.steps]
        assert not [thought for thought in thoughts if any(name in thought for name in REAL_NAMES)]
    inner = {"upper left": ("right", "lower"), "upper right": ("left", "lower"), "lower left": ("right", "upper")}
    for row in data.rows:
        if row.variant == "reflect1":
            verdict = row.trajectory.steps[2].parsed.think
            assert any(f"{side} edge" in verdict for side in inner[row.trajectory.task.meta["place"]])


def test_the_same_configuration_makes_the_same_bytes() -> None:
    config = CurationConfig(ENV, mix={"reflect1": 1}, n=2, tasks=TASKS)
    first, second = (list(map(dump, curate(config).trajectories)) for _ in range(2))
    assert first == second
    assert first != list(map(dump, curate(replace(config, seed=1)).trajectories))


def test_two_candidates_leave_no_two_wrong_ones() -> None:
    made = curate(CurationConfig(ENV, mix={"reflect2": 1}, n=1, tasks=TASKS.replace("choices=3", "choices=2")))
    assert made.rows == ()
    assert {rejection.reason for rejection in made.rejections} == {"there are too few wrong candidates"}


def test_the_preset_and_its_tasks() -> None:
    assert Curation(CurationConfig(ENV, preset="adareasoner-jigsaw")).wanted == ADAREASONER_JIGSAW.counts["jigsaw"]
    assert sum(ADAREASONER_JIGSAW.counts["jigsaw"].values()) == 600
    assert set(ADAREASONER_JIGSAW.counts["jigsaw"]) <= set(BLUEPRINTS.load("jigsaw"))
    with pytest.raises(UsageError, match="is for vsp_navigation, vsp_verification, not for `jigsaw`"):
        Curation(CurationConfig(ENV))
