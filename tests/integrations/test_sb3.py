"""Stable-Baselines3 on our environments: spaces, vectors, options, training, playing."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import VecEnv

from adagym.envs.wrappers.numeric import numeric_env
from adagym.envs.wrappers.table import NAVIGATION, Answer
from adagym.errors import MissingExtra, UsageError
from adagym.integrations.sb3 import play, tool_vec_env
from adagym.policies.sb3 import PictureAndState
from adagym.testing.parity import Script, Shown, compare, scripts

ENV = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=4,n=8,seed=3"


def learner(envs: VecEnv, policy: str = "MlpPolicy", **more: Any) -> PPO:
    return PPO(policy, envs, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu", **more)


@pytest.mark.parametrize("size", [16, None])
def test_stable_baselines_accepts_the_environment(size: int | None) -> None:
    check_env(numeric_env(ENV, size=size, tasks=TASKS), warn=False)


@pytest.mark.parametrize("processes", [False, True])
def test_a_vector_takes_a_task_for_each_environment(processes: bool) -> None:
    envs = tool_vec_env(ENV, 2, size=None, seed=0, processes=processes, tasks=TASKS)
    envs.set_options([{"task": 5}, {"task": 1}])
    envs.reset()
    played = envs.env_method("trajectory")
    assert [episode.task.id for episode in played] == [f"vsp-generated/test/s4/{index}" for index in (5, 1)]
    for action in range(6):
        _, rewards, dones, infos = envs.step(np.array([action, action]))
    assert rewards.tolist() == [8.0, 8.0]
    assert dones.all()
    assert [info["episode"]["r"] for info in infos] == [8.0, 8.0]  # Monitor's
    envs.close()


def test_parity_with_plain_steps() -> None:
    def played(script: Script) -> Iterator[Shown]:
        envs = tool_vec_env(script.env_id, table=script.actions, size=None, **script.env)
        envs.seed(script.seed)
        envs.set_options({"task": script.index})
        envs.reset()
        yield Shown(None)
        for action in range(len(script.actions)):
            _, rewards, dones, infos = envs.step(np.array([action]))
            truncated = infos[0]["TimeLimit.truncated"]
            # Rewards go through float32.
            yield Shown(None, pytest.approx(rewards[0].item(), rel=1e-6), bool(dones[0]) and not truncated, truncated)
        envs.close()

    excepted = {"observation": "Stable-Baselines3 takes no text"}
    drawn = scripts(per_family=2)
    report = compare("sb3", lambda given: [list(played(script)) for script in given], drawn, excepted)
    assert not report.differences, report.differences[0]
    assert report.episodes == 12


def test_the_page_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sb3.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    assert len(names["episodes"]) == 3


def test_ppo_learns_from_pictures_and_plays(tmp_path: Any) -> None:
    envs = tool_vec_env(ENV, 2, size=16, seed=0, tasks=TASKS)
    model = learner(envs, "MultiInputPolicy", policy_kwargs={"features_extractor_class": PictureAndState})
    before = [parameter.detach().clone() for parameter in model.policy.features_extractor.parameters()]
    model.learn(64)
    after = list(model.policy.features_extractor.parameters())
    assert len(before) == 6
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    model.save(tmp_path / "model.zip")
    env = numeric_env(ENV, size=16, tasks=TASKS)
    played = list(play(model, env, [3, 4]))
    again = list(play(PPO.load(tmp_path / "model.zip", device="cpu"), env, [3, 4]))
    assert [episode.task.id for episode in played] == ["vsp-generated/test/s4/3", "vsp-generated/test/s4/4"]
    assert [episode.actions for episode in played] == [episode.actions for episode in again]
    assert all(episode.outcome in ("answered", "truncated") for episode in played)


def test_ppo_improves() -> None:
    # A call before an answer earns 4 even if the answer is wrong, and an answer alone nothing.
    envs = tool_vec_env(ENV, 4, table=[NAVIGATION[0], Answer("-")], size=None, seed=0, tasks=TASKS, max_turns=3)
    model = learner(envs, learning_rate=1e-2)
    start = torch.zeros(1, 4)
    assert 0.4 < model.policy.get_distribution(start).distribution.probs[0, 0] < 0.6
    model.learn(512)
    assert model.policy.get_distribution(start).distribution.probs[0, 0] > 0.8


def test_the_extractor_joins_picture_and_state() -> None:
    space = Dict({"image": Box(0, 255, (3, 40, 24), np.uint8), "state": Box(0, 1, (5,))})
    extractor = PictureAndState(space, picture_features=7)
    state = torch.rand(2, 5)
    features = extractor({"image": torch.rand(2, 3, 40, 24), "state": state})
    assert features.shape == (2, extractor.features_dim) == (2, 12)
    assert torch.equal(features[:, 7:], state)
    with pytest.raises(UsageError, match="numeric_env"):
        PictureAndState(Dict({"image": Box(0, 255, (3, 40, 24), np.uint8)}))


@pytest.mark.parametrize("module", ["adagym.integrations.sb3", "adagym.policies.sb3"])
def test_without_stable_baselines_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[sb3\]'"):
        importlib.import_module(module)
