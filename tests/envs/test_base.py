"""The environment's contract: episodes, errors, endings, options, snapshots, rendering."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import adagym  # noqa: F401  (registers the ids)
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.episode import VOID_TEXT
from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.envs.vsp_verification import VSPVerification
from adagym.errors import InfraError
from adagym.protocol import DIALECTS
from adagym.testing import check_env, digest
from adagym.types import Array, ArrayImage, ImageBlock, Task, TextBlock, ToolCall, ToolResult
from adagym.video import ShownVideo

ROWS = ("SFF", "HFF", "FFG")
TASKS = "vsp-generated:sides=3-4,n=30,seed=3"
QUICK = {
    "adagym/ImageQA-v0": "images:side=320,n=20",
    "adagym/VStar-v0": "vstar:side=320,difficulty=easy,n=20",
    "adagym/VideoQA-v0": "video:side=640,seconds=13,events=5,n=20",
}
"""Environment to a task source of small pictures, where its own are large."""


def call(name: str, **arguments: Any) -> str:
    return DIALECTS.load("adareasoner").write_call(ToolCall(name, arguments), "I look.")


def answer(text: str) -> str:
    return DIALECTS.load("adareasoner").write_answer(text, "I know.")


def small_task(**changes: Any) -> Task:
    from adagym.envs.tiles import MapImage

    task = Task(
        "small/0",
        "vsp_navigation",
        "Go.",
        (MapImage(ROWS),),
        answer_type="plan",
        meta={"rows": list(ROWS), "side": 3, "shortest": 4},
    )
    return replace(task, **changes)


@pytest.fixture
def env() -> VSPNavigation:
    return VSPNavigation([small_task()])


@pytest.mark.parametrize("name", ENVS.names())
def test_registered_environments_fulfil_the_contract(name: str) -> None:
    check_env(gym.make(name, tasks=QUICK.get(name)))


@pytest.mark.parametrize("dialect", DIALECTS.names())
@pytest.mark.parametrize("options", [{}, {"tools": ()}, {"prompt": "brief", "tool_images": False}])
def test_every_dialect_fulfils_the_contract(dialect: str, options: dict[str, Any]) -> None:
    check_env(gym.make("adagym/VSPVerification-v0", tasks=TASKS, dialect=dialect, **options))


def test_an_episode_by_hand(env: VSPNavigation) -> None:
    observation, info = env.reset(seed=0)
    assert observation["text"].endswith("\n\nGo.")
    assert observation["images"][0].shape == (192, 192, 3)
    assert info == {
        "task_id": "small/0",
        "turn": 0,
        "call": None,
        "result": None,
        "parse_error": None,
        "reward_parts": {},
        "outcome": "running",
    }
    observation, reward, terminated, truncated, info = env.step(call("Point", image="img_1", description="gift"))
    assert '"points": [[160, 160]]' in observation["text"]
    assert "saved as: img_2" in observation["text"]
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["turn"] == 1
    assert info["call"] == ToolCall("Point", {"image": "img_1", "description": "gift"})
    assert info["result"].ok
    observation, *_ = env.step(call("AStar", start=[32, 32], goal=[160, 160], obstacles=[[32, 96]]))
    assert observation["images"] == ()
    observation, *_ = env.step(call("Draw2DPath", image="img_2", start_point=[32, 32], directions="R,D,D,R"))
    assert "saved as: img_3" in observation["text"]
    observation, reward, terminated, truncated, info = env.step(answer("R,D,D,R"))
    assert observation == {"text": "", "images": ()}
    assert (reward, terminated, truncated) == (8.0, True, False)
    assert info["outcome"] == "answered"
    assert info["reward_parts"] == {"format": 1.0, "tool": 4.0, "accuracy": 1.0}


def test_the_transcript(env: VSPNavigation) -> None:
    env.reset(seed=0)
    env.step(call("Point", image="img_1", description="gift"))
    env.step("nonsense")
    env.step(answer("U"))
    roles = [message.role for message in env.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    picture, prompt = env.messages[1].content
    assert isinstance(picture, ImageBlock)
    assert picture.name == "img_1"
    assert prompt == TextBlock("Go.")
    assert [block.name for block in env.messages[3].content if isinstance(block, ImageBlock)] == ["img_2"]
    trajectory = env.trajectory()
    assert trajectory.messages == tuple(env.messages)
    assert trajectory.env_id == "adagym/VSPNavigation-v0"
    assert trajectory.env_kwargs == {
        "tools": None,
        "dialect": "adareasoner",
        "reward": "tool_grpo",
        "max_turns": 10,
        "prompt": "full",
        "tool_images": True,
        "adaptive": None,
    }
    assert trajectory.actions[1] == "nonsense"
    assert trajectory.answer == "U"
    assert trajectory.seed == 0
    # One turn had no usable action, so the format reward and with it the total is 0.
    assert trajectory.reward == 0.0
    assert trajectory.reward_parts["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (call("Pont", image="img_1", description="gift"), 202),
        (call("Point", image="img_1"), 205),
        (call("Point", image="img_1", description=7), 201),
        (call("Point", image="img_9", description="gift"), 204),
        (call("Point", image="/etc/passwd", description="gift"), 204),
        (call("Point", image="http://example.com/a.png", description="gift"), 204),
        (call("AStar", start=[32, 32], goal=[160, 160], obstacles=[[96, 32], [96, 96], [96, 160]]), 203),
        (call("AStar", start="x", goal=[160, 160], obstacles=[]), 201),
        (call("Draw2DPath", image="img_1", start_point=[32, 32], directions="U"), 201),
        (call("Draw2DPath", image="img_1", start_point=[32, 32], directions="north"), 201),
    ],
)
def test_failed_calls_are_results(env: VSPNavigation, action: str, code: int) -> None:
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(action)
    assert info["result"].error_code == code
    assert info["parse_error"] is None
    assert f'"error_code": {code}' in observation["text"]
    assert observation["images"] == ()
    assert not terminated
    assert not truncated


def test_the_turn_limit_truncates() -> None:
    env = VSPNavigation([small_task()], max_turns=2)
    env.reset(seed=0)
    assert env.step(call("Point", image="img_1", description="gift"))[3] is False
    observation, reward, terminated, truncated, info = env.step(call("Point", image="img_1", description="elf"))
    assert len(observation["images"]) == 1
    assert (terminated, truncated, info["outcome"]) == (False, True, "truncated")
    assert info["reward_parts"]["accuracy"] == 0.0
    assert reward == env.trajectory().reward
    env.reset(seed=0)
    env.step("nonsense")
    _, _, terminated, truncated, info = env.step(answer("R,D,D,R"))
    assert (terminated, truncated, info["outcome"]) == (True, False, "answered")


def test_steps_need_a_running_episode(env: VSPNavigation) -> None:
    for method in (lambda: env.step("x"), env.trajectory):
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            method()
    env.reset(seed=0)
    env.step(answer("L"))
    with pytest.raises(ResetNeeded, match=r"reset\(\)"):
        env.step(answer("L"))
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ResetNeeded, match=r"reset\(\)"):
        env.step(answer("L"))


class Broken:
    """An executor whose machine is down."""

    specs = ()

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Fail."""
        raise InfraError("the worker is gone")


def test_an_infra_failure_voids_the_episode(env: VSPNavigation, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(seed=0)
    monkeypatch.setattr(env, "_executor", Broken())
    observation, reward, terminated, truncated, info = env.step(call("Point", image="img_1", description="gift"))
    assert observation["text"] == VOID_TEXT
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["outcome"] == "infra_failure"
    trajectory = env.trajectory()
    assert trajectory.reward is None
    assert trajectory.reward_parts == {}
    assert trajectory.error == "the worker is gone"
    with pytest.raises(ResetNeeded):
        env.step("x")


def test_a_tool_that_returns_no_picture_is_an_infra_failure(
    env: VSPNavigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(Broken):
        def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
            return ToolResult("Point", "success", images=(np.zeros((2, 2, 3), np.float64),))

    env.reset(seed=0)
    monkeypatch.setattr(env, "_executor", Odd())
    assert env.step(call("Point"))[4]["outcome"] == "infra_failure"


def test_the_seed_decides_the_task() -> None:
    env = VSPNavigation(TASKS)
    ids = [env.reset(seed=seed)[1]["task_id"] for seed in range(12)]
    assert ids == [env.reset(seed=seed)[1]["task_id"] for seed in range(12)]
    assert len(set(ids)) > 4


def test_tools_are_the_arguments_then_the_tasks_then_the_familys() -> None:
    def names(env: ToolEnv) -> tuple[str, ...]:
        return tuple(spec.name for spec in env.action_space.tools)

    env = VSPNavigation([small_task(), small_task(id="small/1", tool_names=("AStar",))])
    assert names(env) == ("Point", "Draw2DPath", "AStar")
    env.reset(options={"task": 1})
    assert names(env) == ("AStar",)
    env.reset(options={"task": 0})
    assert names(env) == ("Point", "Draw2DPath", "AStar")
    fixed = VSPNavigation([small_task(tool_names=("AStar",))], tools=["Point"])
    fixed.reset(seed=0)
    assert names(fixed) == ("Point",)
    bare = VSPNavigation([small_task()], tools=[])
    assert "Point" not in bare.reset(seed=0)[0]["text"]
    assert bare.step(call("Point", image="img_1", description="gift"))[4]["result"].error_code == 202


def test_brief_prompts_are_shorter() -> None:
    full = VSPNavigation([small_task()]).reset(seed=0)[0]["text"]
    brief = VSPNavigation([small_task()], prompt="brief").reset(seed=0)[0]["text"]
    assert len(brief) < len(full) / 3


def test_verification_is_scored_by_the_label() -> None:
    env = VSPVerification(TASKS)
    for index in range(10):
        env.reset(options={"task": index})
        assert env.task is not None
        right = env.task.answer
        assert env.step(answer(right))[1] == 8.0
        env.reset(options={"task": index})
        assert env.step(answer("No" if right == "Yes" else "Yes"))[4]["reward_parts"]["accuracy"] == 0.0


def test_observed_pictures_cannot_change_the_episode(env: VSPNavigation) -> None:
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="read-only"):
        observation["images"][0][:] = 0
    observation["text"] = "changed"
    observation, *_ = env.step(call("Point", image="img_1", description="gift"))
    with pytest.raises(ValueError, match="read-only"):
        observation["images"][0][:] = 0
    observation["text"] = "changed"
    assert "points" in env.trajectory().steps[0].observation["text"]


def test_the_callers_own_array_is_not_shared() -> None:
    picture = small_task().images[0].load().copy()
    env = VSPNavigation([small_task(images=(ArrayImage(picture),))])
    observation, _ = env.reset(seed=0)
    assert not np.shares_memory(picture, observation["images"][0])


def test_a_snapshot_forks_an_episode(env: VSPNavigation) -> None:
    env.reset(seed=4)
    env.step(call("Point", image="img_1", description="gift"))
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    env.step(call("Draw2DPath", image="img_2", start_point=[32, 32], directions="R"))
    env.step(answer("R,D,D,R"))
    first = digest(env.trajectory())
    other = VSPNavigation([small_task()])
    other.restore(snapshot)
    assert len(other.trajectory().steps) == 1
    other.step(call("Draw2DPath", image="img_2", start_point=[32, 32], directions="R"))
    other.step(answer("R,D,D,R"))
    assert digest(other.trajectory()) == first
    other.restore(snapshot)
    other.step(answer("U"))
    assert other.trajectory().reward_parts["accuracy"] == 0.0
    assert digest(env.trajectory()) == first


def test_a_snapshot_of_the_end_and_of_the_beginning(env: VSPNavigation) -> None:
    beginning = env.snapshot()
    env.reset(seed=0)
    env.step(answer("R,D,D,R"))
    end = env.snapshot()
    reward = env.trajectory().reward
    env.restore(beginning)
    with pytest.raises(ResetNeeded):
        env.step("x")
    env.restore(end)
    assert env.trajectory().reward == reward == 8.0


def test_a_snapshot_keeps_the_generator() -> None:
    env = VSPNavigation(TASKS)
    env.reset(seed=1)
    snapshot = env.snapshot()
    first = [env.reset()[1]["task_id"] for _ in range(5)]
    env.restore(snapshot)
    assert [env.reset()[1]["task_id"] for _ in range(5)] == first


def test_rendering() -> None:
    assert VSPNavigation([small_task()]).render() is None
    picture = VSPNavigation([small_task()], render_mode="rgb_array")
    with pytest.raises(ResetNeeded):
        picture.render()
    picture.reset(seed=0)
    first = picture.render()
    picture.step(call("Point", image="img_1", description="gift"))
    second = picture.render()
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    assert first.shape == second.shape == (192, 192, 3)
    assert (first != second).any()
    text = VSPNavigation([small_task()], render_mode="ansi")
    text.reset(seed=0)
    text.step("nonsense")
    shown = text.render()
    assert isinstance(shown, str)
    assert "[user]\n[img_1: 192x192]\nGo." in shown
    assert "[assistant]\nnonsense" in shown


def test_environments_pickle() -> None:
    env = VSPNavigation(TASKS)
    env.reset(seed=0)
    copy = pickle.loads(pickle.dumps(env))
    assert len(pickle.dumps(env.action_space)) < 10_000
    assert copy.action_space.situation.task == env.task
    for made in (env, copy):
        made.step(call("Point", image="img_1", description="gift"))
        made.step(answer("R"))
    assert digest(env.trajectory()) == digest(copy.trajectory())


def test_tasks_without_pictures_render_blank() -> None:
    env = VSPNavigation([small_task(images=())], render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert observation["images"] == ()
    shown = env.render()
    assert isinstance(shown, np.ndarray)
    assert not shown.any()


def test_sources_can_be_objects() -> None:
    tasks = load_tasks(TASKS, "vsp_navigation")
    env = VSPNavigation(tasks)
    assert env.tasks is tasks
    env.reset(seed=0)
    assert "tasks" not in env.trajectory().env_kwargs


@pytest.mark.parametrize("name", ENVS.names())
def test_sampled_calls_are_valid_in_the_running_episode(name: str) -> None:
    env = gym.make(name, tasks=QUICK.get(name), max_turns=1000).unwrapped
    assert isinstance(env, ToolEnv)
    env.action_space.seed(0)
    called = set()
    for seed in range(5):
        env.reset(seed=seed)
        for _ in range(20):
            info = env.step(env.action_space.sample_call())[4]
            called.add(info["call"].name)
            assert set(info["result"].check.valid) == set(info["call"].arguments)
            assert info["result"].error_code in (0, 203)
    assert called == set(env.default_tools)
