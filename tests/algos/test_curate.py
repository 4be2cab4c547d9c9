"""What curation makes, judged by the maps behind the tasks and not by the code that made it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.algos.coldstart import examples
from adagym.algos.curate import CuratedData, Curation, CurationConfig, Rejection, Row, curate
from adagym.algos.curation import MIXES, fault
from adagym.algos.curation.length import token_counter
from adagym.algos.curation.mixes import read_mix, scaled
from adagym.algos.curation.thoughts import rewritten
from adagym.envs.lake import Lake
from adagym.errors import UnknownName, UsageError
from adagym.store import differences, dump, replay
from adagym.types import ImageBlock, Message, TextBlock, ToolResult, Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
VERIFICATION = "adagym/VSPVerification-v0"
ALL = {name: 1.0 for name in ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")}
REAL_NAMES = ("Point", "Draw2DPath", "AStar", "start_point", "directions", "obstacles", "description", "image")


@pytest.fixture(scope="module", params=[(NAVIGATION, False), (NAVIGATION, True), (VERIFICATION, True)], ids=str)
def data(request: pytest.FixtureRequest) -> CuratedData:
    env, planner = request.param
    return curate(CurationConfig(env, mix=ALL, n=21, planner=planner, seed=3))


def plans_drawn(trajectory: Trajectory) -> list[str]:
    """The plans of the successful drawings, as letters."""
    return [
        step.parsed.call.arguments["directions"].replace(",", "")
        for step in trajectory.steps
        if step.parsed.call is not None and step.parsed.call.name == "Draw2DPath" and step.result and step.result.ok
    ]


def arrives(trajectory: Trajectory, plan: str) -> bool:
    return Lake(tuple(trajectory.task.meta["rows"])).simulate(plan).reached_goal


def succeeded(results: tuple[ToolResult, ...]) -> Counter[str]:
    return Counter(result.tool for result in results if result.ok)


def test_every_variant_is_made_as_often_as_asked(data: CuratedData) -> None:
    assert data.summary() == {name: {"wanted": 3, "made": 3, "rejected": {}} for name in ALL}
    assert [row.place for row in data.rows] == list(range(21))
    assert [row.variant for row in data.rows] != sorted(row.variant for row in data.rows)
    assert len({row.trajectory.task.id for row in data.rows}) == 21


def test_every_row_is_right_well_formed_and_replays(data: CuratedData) -> None:
    for trajectory in data.trajectories:
        assert trajectory.reward_parts["accuracy"] == trajectory.reward_parts["format"] == 1
        assert all(step.parsed.think.strip() for step in trajectory.steps)
        assert differences(trajectory, replay(trajectory)) == []


def test_wrong_candidates_are_wrong_and_the_last_is_right(data: CuratedData) -> None:
    for row in data.rows:
        drawn = plans_drawn(row.trajectory)
        wrong = {"reflect1": 1, "reflect2": 2}.get(row.variant, 0)
        if row.variant in ("fallback", "no_tool", "toolless"):
            assert drawn == []
            continue
        assert len(drawn) == wrong + 1
        assert len(set(drawn)) == len(drawn)
        if row.trajectory.task.family == "vsp_navigation":
            assert [arrives(row.trajectory, plan) for plan in drawn] == [False] * wrong + [True]
        else:
            asked = row.trajectory.task.meta["plan"]
            assert [plan == asked for plan in drawn] == [False] * wrong + [True]


def test_failures_are_real_and_told_by_the_environment(data: CuratedData) -> None:
    codes = set()
    for row in data.rows:
        failed = [result for result in row.trajectory.calls if not result.ok]
        assert len(failed) == {"tool_failure": 1, "fallback": 2}.get(row.variant, 0)
        for result in failed:
            codes.add(int(result.error_code))
            shown = [m.text for m in row.messages if m.role == "user" and '"status": "failed"' in m.text]
            assert any(json.loads(text)["message"] == result.message for text in shown)
    assert codes <= {201, 204, 205}
    assert len(codes) > 1


def test_the_planner_is_used_in_navigation_only(data: CuratedData) -> None:
    for row in data.rows:
        calls = succeeded(row.trajectory.calls)
        offered = row.trajectory.env_kwargs["tools"]
        solves = row.variant not in ("fallback", "no_tool", "toolless")
        planner = "AStar" in offered
        expected = solves and planner and row.trajectory.task.family == "vsp_navigation"
        assert calls["AStar"] == int(expected)
        assert (offered == []) == (row.variant == "toolless")


def test_thoughts_vary_and_name_no_tool(data: CuratedData) -> None:
    thoughts = [step.parsed.think for trajectory in data.trajectories for step in trajectory.steps]
    assert not [thought for thought in thoughts if any(name in thought for name in REAL_NAMES)]
    assert len({trajectory.steps[0].parsed.think for trajectory in data.trajectories if trajectory.calls}) >= 3


def test_a_verdict_names_the_hole_that_the_path_meets() -> None:
    rows = curate(CurationConfig(NAVIGATION, mix={"reflect1": 1}, n=20)).rows
    named = 0
    for row in rows:
        (lake, start, cell) = (Lake(tuple(row.trajectory.task.meta["rows"])), row.trajectory.calls[0], 64)
        walk = lake.simulate(plans_drawn(row.trajectory)[0])
        y, x = walk.cells[-1]
        assert start.data["points"] == [[lake.start[1] * cell + 32, lake.start[0] * cell + 32]]
        after = row.trajectory.steps[4].parsed.think
        if walk.fell:
            named += 1
            assert f"[{x * cell + 32}, {y * cell + 32}]" in after
            assert "hole" in after
        else:
            assert f"[{x * cell + 32}, {y * cell + 32}]" in after
    assert 3 < named < 20


def test_the_same_configuration_makes_the_same_bytes() -> None:
    config = CurationConfig(NAVIGATION, mix=ALL, n=7)
    first, second = (list(map(dump, curate(config).trajectories)) for _ in range(2))
    assert first == second
    assert first != list(map(dump, curate(replace(config, seed=1)).trajectories))


def too_wide(limit: int) -> Any:
    def length(messages: tuple[Message, ...]) -> int:
        return max(image.shape[1] for message in messages for image in message.images)

    return {"max_tokens": limit}, length


def test_rejected_rows_are_counted_and_replaced_and_a_stopped_run_goes_on() -> None:
    limit, length = too_wide(400)
    config = CurationConfig(VERIFICATION, mix={"direct": 0.5, "no_tool": 0.5}, n=12, **limit)
    whole = curate(config, length)
    assert len(whole.rows) == 12
    assert all(row.trajectory.task.meta["side"] < 8 for row in whole.rows)
    assert {r.reason for r in whole.rejections} == {"more than 400 tokens"}
    facts = whole.summary().values()
    assert sum(count for entry in facts for count in entry["rejected"].values()) == len(whole.rejections) > 2
    for stop in (1, 5, 13):
        curation = Curation(config, length)
        running = curation.run()
        kept: list[Row | Rejection] = [next(running) for _ in range(stop)]
        running.close()
        again = Curation(config, length)
        resumed = again.data([*kept, *again.run(kept)])
        assert list(map(dump, resumed.trajectories)) == list(map(dump, whole.trajectories))
        assert resumed.rejections == whole.rejections


def test_places_that_stay_empty_are_seen_in_the_summary() -> None:
    limit, length = too_wide(100)
    made = curate(CurationConfig(NAVIGATION, mix={"no_tool": 1}, n=2, **limit), length)
    assert made.summary() == {"no_tool": {"wanted": 2, "made": 0, "rejected": {"more than 100 tokens": 8}}}


@pytest.mark.parametrize("dialect", ["adatooler", "hermes", "openai"])
def test_other_dialects(dialect: str) -> None:
    made = curate(CurationConfig(NAVIGATION, mix=ALL, n=7, dialect=dialect))
    assert len(made.rows) == 7


def test_definitions_may_be_randomised() -> None:
    made = curate(CurationConfig(NAVIGATION, preset="robust-vsp", n=12, adaptive="names"))
    assert len(made.rows) == 12
    for row in made.rows:
        assert not [name for name in ("Point", "Draw2DPath", "AStar") for m in row.messages if name in m.text]


def test_presets_hold_the_counts_of_the_source() -> None:
    for name in ("adareasoner-vsp", "adareasoner-vsp-astar"):
        counts = Curation(CurationConfig(NAVIGATION, preset=name)).wanted
        assert counts == {"direct": 250, "reflect1": 200, "reflect2": 100}
    assert MIXES.load("adareasoner-vsp").planner is False
    assert MIXES.load("adareasoner-vsp-astar").planner is True
    for entry in MIXES:
        for family, counts in MIXES.load(entry.name).counts.items():
            assert set(counts) <= set(BLUEPRINTS.load(family))


def test_shares_become_whole_numbers() -> None:
    assert scaled({"direct": 250, "reflect1": 200, "reflect2": 100}, 11) == {"direct": 5, "reflect1": 4, "reflect2": 2}
    assert scaled({"a": 1, "b": 1, "c": 1}, 4) == {"a": 2, "b": 1, "c": 1}
    assert read_mix("direct=0.5, reflect1=.5") == {"direct": 0.5, "reflect1": 0.5}
    for text in ("direct", "direct=x", ""):
        with pytest.raises(UsageError, match="not of the form"):
            read_mix(text)
    for shares in ({"a": 0.0}, {"a": 1.0, "b": -0.5}):
        with pytest.raises(UsageError, match="not negative"):
            scaled(shares, 3)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"preset": "vsp"}, UnknownName, "no curation `vsp`"),
        ({"mix": {"perfect": 1.0}, "n": 1}, UsageError, "no variant `perfect`; it has direct"),
        ({"mix": {"direct": 1.0}}, UsageError, "say with n"),
        ({"n": 0}, UsageError, "at least one row"),
        ({"tasks": "vsp-generated:n=5", "n": 6}, UsageError, "the source has 5"),
        ({"max_tokens": 10}, UsageError, "needs a tokenizer"),
        ({"cot": "gemini"}, UsageError, "not by `gemini`"),
        ({"dialect": "latin"}, UnknownName, "no dialect `latin`"),
    ],
)
def test_mistakes_are_found_before_anything_is_made(changes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Curation(CurationConfig(**{"env": NAVIGATION, **changes}))


def test_the_cold_start_takes_the_rows(policy: Any) -> None:
    made = curate(CurationConfig(NAVIGATION, n=2, prompt="brief"))
    trace = next(examples(policy.encoder, made.trajectories, seed=0))
    assert trace.sampled.any()


def test_lengths_are_text_pictures_and_frames(policy: Any, tmp_path: Path) -> None:
    tokenizer = policy.encoder.tokenizer
    tokenizer.save_pretrained(tmp_path)
    count = token_counter(tmp_path)
    picture = np.zeros((64, 28, 3), np.uint8)
    message = Message("user", (TextBlock("Where is the player?"), ImageBlock("img_1", picture)))
    words = len(tokenizer("Where is the player?")["input_ids"])
    assert count([message]) == words + 3 * 1 + 5
    assert count([message, message]) == 2 * count([message])
    with pytest.raises(UsageError, match="is not a folder"):
        token_counter(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no tokenizer"):
        token_counter(tmp_path / "empty")


def altered(row: Row, action: str | None = None, **changes: Any) -> Trajectory:
    """The episode with another last action, played again, or with other fields."""
    trajectory = row.trajectory
    if action is not None:
        steps = (*trajectory.steps[:-1], replace(trajectory.steps[-1], action=action))
        trajectory = replay(replace(trajectory, steps=steps))
    return replace(trajectory, **changes)


def test_validation_finds_what_is_wrong() -> None:
    variants = BLUEPRINTS.load("vsp_navigation")
    (row,) = curate(CurationConfig(NAVIGATION, mix={"direct": 1}, n=1)).rows
    right, last = variants["direct"], row.trajectory.steps[-1]
    answer = last.action.partition("<response>")[2]
    cases = {
        "wrong answer": altered(row, r"<think>Hm.</think><response>\boxed{L,R,L,R}</response>"),
        "not well-formed": altered(row, f"<response>{answer}"),
        "a turn without a thought": altered(row, rewritten(last, "", "adareasoner")),
        "no answer": altered(row, outcome="truncated"),
        "pictures do not match": altered(row, messages=row.messages[2:]),
        "does not replay": altered(row, seed=1, reward=3.0),
        "the server fell over": altered(row, outcome="infra_failure", error="the server fell over"),
    }
    assert {reason: fault(trajectory, right) for reason, trajectory in cases.items()} == {r: r for r in cases}
    assert fault(row.trajectory, right) is None
    assert fault(row.trajectory, variants["tool_failure"]) == "other calls failed than planned"
