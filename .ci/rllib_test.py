"""PPO of RLlib on our environments; run by .ci/rllib, where Ray is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.envs.wrappers.table import NAVIGATION, Answer
from adagym.errors import InfraError, UsageError
from adagym.integrations.rllib import make_env, play, register
from adagym.testing.parity import Script, Shown, compare, scripts

ENV = {
    "env_id": "adagym/VSPNavigation-v0",
    "tasks": "vsp-generated:sides=4,split=train",
    "reward": "accuracy",
    "prompt": "brief",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    yield
    ray.shutdown()


def build(env_config: dict[str, Any], restart: bool = False, **training: Any) -> Algorithm:
    config = (
        PPOConfig()
        .environment(register(), env_config=env_config)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=8)
        .learners(num_learners=0)
        .rl_module(model_config={"fcnet_hiddens": [64, 64]})
        .training(minibatch_size=256, num_epochs=6, lr=1e-3, gamma=0.9, entropy_coeff=0.005, **training)
        .fault_tolerance(restart_failed_sub_environments=restart)
        .debugging(seed=0)
    )
    return config.build_algo()


def test_ppo_improves_and_its_module_plays_unseen_maps(cluster: None) -> None:
    algorithm = build({**ENV, "size": None}, train_batch_size_per_learner=1024)
    returns = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(16)]
    assert np.mean(returns[-2:]) > np.mean(returns[:2]) + 0.3, returns
    unseen = make_env({**ENV, "size": None, "tasks": "vsp-generated:sides=4,split=test,n=20"})
    episodes = list(play(algorithm.get_module(), unseen, range(20)))
    algorithm.stop()
    assert [episode.task.id for episode in episodes] == [unseen.get_wrapper_attr("tasks")[i].id for i in range(20)]
    assert np.mean([episode.reward for episode in episodes]) > 0.5


def test_parity_with_plain_steps() -> None:
    def episode(script: Script) -> Iterator[Shown]:
        env = make_env({**script.env, "env_id": script.env_id, "table": script.actions, "size": None})
        env.reset(seed=script.seed, options={"task": script.index})
        yield Shown(None)
        for action in range(len(script.actions)):
            _, reward, terminated, truncated, _ = env.step(action)
            yield Shown(None, reward, terminated, truncated)
        env.close()

    excepted = {"observation": "RLlib's networks read one array"}
    drawn = scripts(per_family=17)
    report = compare("RLlib", lambda given: [list(episode(script)) for script in given], drawn, excepted)
    assert not report.differences, report.differences[0]
    assert report.episodes == 102


def test_pictures_are_part_of_the_vector(cluster: None) -> None:
    algorithm = build({**ENV, "size": 8, "table": (*NAVIGATION[:1], Answer("R"))}, train_batch_size_per_learner=256)
    module = algorithm.get_module()
    assert module.observation_space.shape == (8 * 8 * 3 + 2 + 2,)
    assert algorithm.train()["env_runners"]["num_env_steps_sampled"] >= 256
    algorithm.stop()


def test_the_page_runs(cluster: None) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "rllib.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    names["algorithm"].stop()
    assert len(names["episodes"]) == 3


def test_an_infrastructure_failure_forgets_the_episode(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    respond = VSPNavigation._respond

    def broken(env: VSPNavigation, episode: Any, parsed: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise InfraError("the server is gone")
        return respond(env, episode, parsed)

    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    algorithm = build({**ENV, "size": None}, restart=True, train_batch_size_per_learner=256)
    assert algorithm.train()["env_runners"]["num_env_steps_sampled"] >= 256
    assert len(calls) > 256
    algorithm.stop()


def test_an_environment_must_be_named() -> None:
    with pytest.raises(UsageError, match="env_id"):
        make_env({"size": None})
