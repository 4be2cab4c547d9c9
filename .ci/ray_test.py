"""Collecting and evaluating on a Ray cluster of two nodes; run by .ci/ray, where ray is installed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster as LocalCluster

from adagym.agents.random import RandomAgent
from adagym.agents.replay import ReplayAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Collector, Job, Rollout
from adagym.cli import main
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.store import Store
from adagym.testing.conversations import shown_in_record
from adagym.testing.parity import Script, Shown, compare, make, play_env, scripts

NAVIGATION = "adagym/VSPNavigation-v0"
SOURCE = "vsp-generated:sides=3,n=12"
MAKE = partial(VSPNavigation, SOURCE, max_turns=8)
# The workers cannot import this file.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two nodes with one CPU each, which are processes of their own."""
    cluster = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def address_alone(address: str) -> Iterator[str]:
    """The cluster, to which this process is not connected before or after the test."""
    ray.shutdown()
    yield address
    ray.shutdown()


def jobs() -> list[Job]:
    """Two members of each of six groups, and six jobs without a group."""
    grouped = [Job(task, task, group=f"g{task}") for task in range(6) for _ in range(2)]
    return [*grouped, *(Job(task, task) for task in range(6, 12))]


def facts(rollout: Rollout) -> tuple[Any, ...]:
    played = rollout.trajectory
    return rollout.index, played.task.id, played.seed, played.actions, played.outcome, played.reward


class WhereAgent(RandomAgent):
    """Leaves a file named by its node for each episode, and dies at its third if told to."""

    def __init__(self, folder: str, deadly: bool) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._deadly = deadly

    def finish(self, key: str) -> None:
        """Note the node; die where it was agreed."""
        node = ray.get_runtime_context().get_node_id()
        (self._folder / f"{node}-{os.getpid()}-{key}").touch()
        marker = self._folder / "died"
        if self._deadly and key == "episode-3" and not marker.exists():
            marker.touch()
            os._exit(1)
        super().finish(key)


def collected(collector: Any) -> list[Rollout]:
    try:
        return sorted(collector.collect(jobs()), key=lambda rollout: rollout.index)
    finally:
        collector.close()


@pytest.mark.parametrize("deadly", [False, True])
def test_episodes_are_those_of_one_machine(address_alone: str, tmp_path: Path, deadly: bool) -> None:
    expected = collected(Collector(MAKE, RandomAgent(), 4))
    agent = partial(WhereAgent, str(tmp_path), deadly)
    played = collected(RayCollector(MAKE, agent, Cluster(address_alone), n_envs=2))
    assert [facts(rollout) for rollout in played] == [facts(rollout) for rollout in expected]
    assert played[0].trajectory.actions != played[1].trajectory.actions  # a group's members sample apart
    nodes = {path.name.split("-")[0] for path in tmp_path.iterdir()} - {"died"}
    assert len(nodes) == 2
    assert (tmp_path / "died").exists() == deadly


def test_parity_with_plain_steps(address_alone: str, tmp_path: Path) -> None:
    def player(played: Sequence[Script]) -> list[list[Shown]]:
        file = tmp_path / "episodes.jsonl"
        with Store(file) as store:
            for script in played:
                env = make(script)
                env.reset(seed=script.seed, options={"task": script.index})
                for action in script.actions:
                    env.step(action)
                store.append(env.trajectory())
        makers = {script.env_id: partial(make, script) for script in played}
        given = [Job(script.index, script.seed, env=script.env_id) for script in played]
        collector = RayCollector(makers, partial(ReplayAgent, file), Cluster(address_alone), n_envs=2)
        episodes = sorted(collector.collect(given), key=lambda rollout: rollout.index)
        collector.close()
        return [shown_in_record(rollout.trajectory) for rollout in episodes]

    # The agent knows an episode by how it begins, so that of those that begin alike one is played.
    every = scripts(per_family=30)
    drawn = {shown[0].observation: script for script, shown in zip(every, play_env(every), strict=True)}
    report = compare("Ray", player, list(drawn.values()))
    assert not report.differences, report.differences[0]
    assert report.episodes >= 100


def test_stopping_early_leaves_nothing_running(address_alone: str) -> None:
    collector = RayCollector(MAKE, ExpertAgent, Cluster(address_alone, workers=1), n_envs=2)
    episodes = collector.collect(Job(task % 12, task) for task in range(10**9))
    assert next(episodes).trajectory.outcome == "answered"
    episodes.close()
    again = list(collector.collect([Job(0, 0)]))
    assert [rollout.trajectory.outcome for rollout in again] == ["answered"]
    collector.close()


class Deadly(VSPNavigation):
    """Kills its worker when it is asked for a certain task."""

    def reset(self, **options: Any) -> Any:
        """Start an episode, or do not."""
        if options["options"]["task"] == 1:
            os._exit(1)
        return super().reset(**options)


def test_an_episode_that_kills_its_workers_is_void(address_alone: str) -> None:
    collector = RayCollector(partial(Deadly, SOURCE), ExpertAgent, Cluster(address_alone, workers=1), n_envs=1)
    played = sorted(collector.collect([Job(task, task) for task in (0, 1)]), key=lambda rollout: rollout.index)
    collector.close()
    assert [rollout.trajectory.outcome for rollout in played] == ["answered", "infra_failure"]
    assert played[1].trajectory.reward is None
    assert "died 3 times" in str(played[1].trajectory.error)


def test_mistakes_are_said(address_alone: str) -> None:
    with pytest.raises(UsageError, match="no Ray cluster"):
        RayCollector(MAKE, ExpertAgent, Cluster("127.0.0.1:1"))
    with pytest.raises(UsageError, match="ray job submit"):
        Cluster("ray://127.0.0.1:10001")
    with pytest.raises(UsageError, match="at least 1 worker"):
        Cluster("local", workers=0)
    collector = RayCollector(MAKE, ExpertAgent, Cluster(address_alone, workers=1))
    with pytest.raises(UsageError, match="no-such-task"):
        list(collector.collect([Job("no-such-task", 0)]))
    collector.close()


def test_a_cluster_without_room_is_an_infrastructure_failure(
    address_alone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adagym.algos.cluster._ROOM_SECONDS", 2.0)
    with pytest.raises(InfraError, match="No worker started"):
        RayCollector(MAKE, ExpertAgent, Cluster(address_alone, workers=1, gpus=1))


def test_an_evaluation_is_that_of_one_machine(address_alone: str, tmp_path: Path) -> None:
    words = ["eval", NAVIGATION, "--agent", "random", "--tasks", SOURCE, "--seed", "3", "--max-turns", "4"]
    assert main([*words, "--out", str(tmp_path / "here")]) == 0
    assert main([*words, "--out", str(tmp_path / "there"), "--ray", address_alone, "--ray-workers", "2"]) == 0
    lines = []
    for name in ("here", "there"):
        found = [json.loads(line) for line in (tmp_path / name / "episodes.jsonl").read_text().splitlines()]
        lines.append(sorted(found, key=lambda line: str(line["task"]["id"])))
    assert len(lines[0]) == 12
    assert lines[0] == lines[1]
    here, there = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("here", "there"))
    assert (here["n"], here["accuracy"], here["reward_mean"]) == (there["n"], there["accuracy"], there["reward_mean"])


def test_the_example_of_the_page_runs(address_alone: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "ray.md").read_text()
    (block,) = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    exec(block.replace('"local"', repr(address_alone)), {})
    indices = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines() if line[:1].isdigit()]
    assert sorted(indices) == list(range(32))
