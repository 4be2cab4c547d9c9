"""Faults come at their rates, the same ones for the same seed, and none is scored that is not the agent's to bear."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.errors import InfraError, ServerUnavailable, ToolTimeout, UnknownName, UsageError
from adagym.store import dump
from adagym.tools.backends import open_backend
from adagym.tools.backends.checked import checked
from adagym.tools.backends.faulty import Faults, FaultyRunner, _garbage
from adagym.tools.executor import Executor
from adagym.types import ToolCall, ToolResult

PICTURES = [np.full((40 + n, 50, 3), n, np.uint8) for n in range(200)]
CROP = ToolCall("Crop", {"image": "img_1", "coordinates": [1, 2, 9, 10]})
CALL = '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}'
POINT = f"<think>a</think><tool_call>{CALL}</tool_call>"
ANSWER = "<think>a</think><response>\\boxed{R,D}</response>"


def runner(settings: str, tools: Sequence[str] = ("Crop",)) -> Any:
    return open_backend(f"faulty:{settings}").runner(tools)


def befalls(runner: Any, call: ToolCall, images: Any) -> str:
    """What became of a call."""
    try:
        result: ToolResult = runner.run(call, images)
    except (ServerUnavailable, ToolTimeout) as error:
        return type(error).__name__
    try:
        checked(result)
    except InfraError:
        return "garbage"
    plain = Executor(("Crop",)).run(call, images)
    if result.error_code == 203:
        return "fail"
    same = all(map(np.array_equal, result.images, plain.images)) and result.data == plain.data
    return "none" if same else "wrong"


def episode(tools: Any, seed: int = 0, turns: int = 6) -> Any:
    env: Any = gym.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=4,n=40", tools=tools).unwrapped
    env.reset(seed=seed, options={"task": seed})
    for _ in range(turns):
        if env.trajectory().outcome == "running":
            env.step(POINT)
    if env.trajectory().outcome == "running":
        env.step(ANSWER)
    return env.trajectory()


def test_faults_come_at_their_rates() -> None:
    spoiled = runner("fail=0.2,timeout=0.1,garbage=0.1,wrong=0.3,drop=0.1,seed=5")
    noisy = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    seen: Counter[str] = Counter()
    for n in range(1000):
        picture = np.roll(noisy, n, axis=1)
        picture[0, 0] = n % 251
        seen[befalls(spoiled, CROP, {"img_1": picture})] += 1
    expected = {"fail": 200, "ToolTimeout": 100, "garbage": 100, "wrong": 300, "ServerUnavailable": 100, "none": 200}
    assert set(seen) == set(expected)
    for kind, count in expected.items():  # four standard deviations of a binomial count
        assert abs(seen[kind] - count) < 4 * (count * (1 - count / 1000)) ** 0.5, (kind, seen)


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    def drawn(seed: int) -> list[str]:
        spoiled = runner(f"fail=0.5,seed={seed}")
        return [befalls(spoiled, CROP, {"img_1": picture}) for picture in PICTURES[:60]]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert {"fail", "none"} == set(drawn(1))


def test_trying_again_may_help_and_another_episode_begins_anew() -> None:
    spoiled = runner("fail=0.5,seed=1")
    images = {"img_1": PICTURES[3]}
    tries = [befalls(spoiled, CROP, images) for _ in range(20)]
    assert set(tries) == {"fail", "none"}
    again = [befalls(spoiled, CROP, dict(images)) for _ in range(20)]
    assert len(set(again)) == 1, "each mapping is another episode, and this its first call"
    other = {"img_1": PICTURES[3]}
    assert [befalls(spoiled, CROP, other) for _ in range(20)] == tries


def test_servers_draw_one_after_the_other() -> None:
    faults = Faults(fail=0.5, seed=3)
    spoiled = FaultyRunner(Executor(("Crop",)), faults, np.random.default_rng(faults.seed))
    tries = [befalls(spoiled, CROP, {"img_1": PICTURES[0]}) for _ in range(40)]
    assert set(tries) == {"fail", "none"}


def test_calls_that_reach_no_tool_are_left_alone() -> None:
    spoiled, plain = runner("drop=1"), Executor(("Crop",))
    images = {"img_1": PICTURES[0]}
    elsewhere = ToolCall("Crop", {"image": "img_9", "coordinates": [0, 0, 9, 9]})
    for call in (ToolCall("Crop", {}), ToolCall("Crap", {}), elsewhere):
        left, right = spoiled.run(call, images), plain.run(call, images)
        assert (left.error_code, left.message, left.check) == (right.error_code, right.message, right.check)
        assert left.error_code in (201, 202, 204, 205)


def test_a_failure_is_for_the_agent_to_read_and_keeps_the_check_of_the_call() -> None:
    played = episode("faulty:fail=1", turns=1)
    assert played.outcome == "answered"
    assert played.reward is not None
    assert played.calls[0].status == "failed"
    assert played.calls[0].error_code == 203
    assert set(played.calls[0].check.valid) == {"image", "description"}
    assert "could not be run" in played.steps[0].observation["text"]


def test_something_wrong_is_well_formed() -> None:
    honest, played = episode(None, turns=1), episode("faulty:wrong=1", turns=1)
    right, wrong = honest.calls[0], played.calls[0]
    assert wrong.ok
    assert wrong.data != right.data
    assert wrong.data.keys() == right.data.keys()
    assert np.shape(wrong.data["points"]) == np.shape(right.data["points"])
    assert played.outcome == "answered"
    dump(played)


@pytest.mark.parametrize("fault", ["timeout", "garbage", "drop"])
def test_infrastructure_voids_the_episode_and_is_not_scored(fault: str) -> None:
    for seed in range(10):  # garbage has several forms
        played = episode(f"faulty:{fault}=1", seed)
        assert played.outcome == "infra_failure"
        assert played.reward is None
        assert played.error
        assert played.steps[-1].truncated
        dump(played)


def test_every_form_of_garbage_is_noticed() -> None:
    good = ToolResult("Crop", "success", data={"a": 1}, images=(PICTURES[0],))
    assert checked(good) is good
    rng, messages = np.random.default_rng(0), set()
    for _ in range(300):
        with pytest.raises(InfraError) as raised:
            checked(_garbage(good, rng))
        messages.add(str(raised.value))
    assert len(messages) >= 7


def test_episodes_are_a_function_of_task_seed_and_actions() -> None:
    tools = "faulty:fail=0.3,wrong=0.3,seed=7"
    assert [dump(episode(tools, seed)) for seed in range(5)] == [dump(episode(tools, seed)) for seed in range(5)]


def test_it_goes_before_any_backend_and_can_be_pickled() -> None:
    spec = "faulty:fail=0.3,seed=2/faulty:wrong=0.4,seed=3/inline"
    spoiled = open_backend(spec)
    copy = pickle.loads(pickle.dumps(spoiled))
    assert copy is spoiled
    one, other = spoiled.runner(("Crop",)), pickle.loads(pickle.dumps(spoiled.runner(("Crop",))))
    drawn = [[befalls(run, CROP, {"img_1": picture}) for picture in PICTURES[:80]] for run in (one, other)]
    assert drawn[0] == drawn[1]
    assert "fail" in drawn[0]
    with pytest.raises(UsageError, match="offers all tools of a server"):
        spoiled.offered()


def test_a_time_out_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("adagym.tools.backends.faulty.time.sleep", slept.append)
    assert befalls(runner("timeout=1,seconds=2.5"), CROP, {"img_1": PICTURES[0]}) == "ToolTimeout"
    assert slept == [2.5]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("fail=2", "from 0 to 1"),
        ("fail=-0.1", "from 0 to 1"),
        ("fail=nan", "from 0 to 1"),
        ("fail=0.6,drop=0.6", "add up to 1"),
        ("fails=0.1", "fail, timeout, garbage"),
        ("fail", "fail"),
        ("seed=-1", "not negative"),
        ("seconds=1e9", "seconds"),
        ("seed=x", "whole number"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_backend(f"faulty:{settings}/inline")


def test_an_unknown_inner_backend_is_named() -> None:
    with pytest.raises(UnknownName, match="nowhere"):
        open_backend("faulty:fail=0.1/nowhere:x")


def test_a_result_with_other_values_is_json_still() -> None:
    result = runner("wrong=1", ("AStar",)).run(
        ToolCall("AStar", {"start": [1, 1], "goal": [3, 3], "obstacles": [[2, 2]]}), {}
    )
    assert json.loads(json.dumps(dict(result.data))) is not None
