"""Collecting, evaluating, curating and training on a Ray cluster of two nodes; run by .ci/ray, which installs ray."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster as LocalCluster

from adagym.agents.random import RandomAgent
from adagym.agents.replay import ReplayAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.evaluation import Evaluation
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.mixture import Source
from adagym.algos.remote import RemoteRollouts, Understudy
from adagym.cli import main
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.policies.hf import PolicyConfig
from adagym.policies.lora import LoraConfig
from adagym.policies.sampler import SamplerConfig
from adagym.policies.shipping import trained
from adagym.policies.tiny import load_tiny
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
    """Leaves a file named by its node for each episode, and dies at its third if told to.

    The first worker that is up could play everything before the other has started; so it waits for the other.
    """

    def __init__(self, folder: str, deadly: bool) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._deadly = deadly

    def finish(self, key: str) -> None:
        """Note the node; die where it was agreed."""
        node = ray.get_runtime_context().get_node_id()
        (self._folder / f"{node}-{os.getpid()}-{key}").touch()
        patience = time.monotonic() + 60
        while len(nodes_in(self._folder)) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        marker = self._folder / "died"
        if self._deadly and key == "episode-3" and not marker.exists():
            marker.touch()
            os._exit(1)
        super().finish(key)


def nodes_in(folder: Path) -> set[str]:
    """The nodes that left files."""
    return {path.name.split("-")[0] for path in folder.iterdir()} - {"died"}


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
    assert len(nodes_in(tmp_path)) == 2
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


class NamedAgent(RandomAgent):
    """Answers with the name that it was given last."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)
        self.name = "nobody"

    def renew(self, name: str) -> None:
        """Take another name."""
        self.name = name

    def finish(self, key: str) -> None:
        """Note who played."""
        (self._folder / f"{self.name}-{os.getpid()}-{key}").touch()
        super().finish(key)


def test_workers_are_renewed_before_they_play_on(address_alone: str, tmp_path: Path) -> None:
    collector = RayCollector(MAKE, partial(NamedAgent, str(tmp_path)), Cluster(address_alone, workers=1), n_envs=2)
    for name in ("one", "two", "three", "four"):
        collector.renew(name=name)
        if name == "three":  # a worker that comes later knows it too
            ray.kill(collector._seats[0].actor)
        assert len(list(collector.collect(jobs()))) == 18
    collector.close()
    played = [path.name.split("-") for path in tmp_path.iterdir()]
    assert {name: sum(name == other for other, *_ in played) for name, *_ in played} == dict.fromkeys(
        ("one", "two", "three", "four"), 18
    )
    before, after = ({pid for name, pid, *_ in played if name in half} for half in (("one", "two"), ("three", "four")))
    assert len(before) == len(after) == 1
    assert before != after


def lines(path: Path) -> list[Any]:
    return sorted((json.loads(line) for line in path.read_text().splitlines()), key=lambda line: json.dumps(line))


def test_curated_rows_are_those_of_one_machine(address_alone: str, tmp_path: Path) -> None:
    words = ["curate", NAVIGATION, "--n", "6", "--mix", "direct=0.5,reflect1=0.5", "--seed", "4"]
    assert main([*words, "--out", str(tmp_path / "here")]) == 0
    assert main([*words, "--out", str(tmp_path / "there"), "--ray", address_alone]) == 0
    for name in ("episodes.jsonl", "rejected.jsonl"):
        assert lines(tmp_path / "here" / name) == lines(tmp_path / "there" / name)
    assert len(lines(tmp_path / "there" / "episodes.jsonl")) == 6


def test_benefits_are_those_of_one_machine(address_alone: str, tmp_path: Path) -> None:
    words = ["benefit", NAVIGATION, "--agent", "random", "--tasks", SOURCE, "--n", "4", "--k", "2", "--max-turns", "3"]
    assert main([*words, "--out", str(tmp_path / "here")]) == 0
    assert main([*words, "--out", str(tmp_path / "there"), "--ray", address_alone, "--ray-workers", "2"]) == 0
    assert lines(tmp_path / "here" / "rollouts.jsonl") == lines(tmp_path / "there" / "rollouts.jsonl")
    assert len(lines(tmp_path / "there" / "rollouts.jsonl")) == 16
    here, there = ((tmp_path / name / "benefit.jsonl").read_text() for name in ("here", "there"))
    assert here == there


def digest(weights: Mapping[str, Any]) -> str:
    whole = hashlib.sha256()
    for name in sorted(weights):
        whole.update(np.ascontiguousarray(weights[name]).tobytes())
    return whole.hexdigest()[:16]


class Witness(Understudy):
    """Leaves a file named by its weights for each turn."""

    def submit(self, conversation: Any) -> None:
        """Note the weights; go on."""
        how = "greedy" if self.config.temperature == 0 else "sampled"
        Path(os.environ["WITNESS"], f"{digest(trained(self.policy))}-{how}-{os.getpid()}").touch()
        super().submit(conversation)


SAMPLER = SamplerConfig(max_tokens=512, max_new_tokens=48)
ARGUMENTS = {"tasks": SOURCE, "prompt": "brief", "max_turns": 3, "tools": ()}


def learner(lora: bool = False, **options: Any) -> GRPO:
    policy = load_tiny(None, PolicyConfig(lora=LoraConfig(4) if lora else None))
    config = GRPOConfig(2, 2, 2, env=ARGUMENTS, sampler=SAMPLER, tensorboard=False, **options)
    return GRPO(policy, NAVIGATION, config)


def rollouts_of(training: GRPO, monkeypatch: pytest.MonkeyPatch) -> list[Rollout]:
    """Where the episodes will be found that are collected from here on."""
    kept: list[Rollout] = []
    collect = training._collector.collect

    def keep(given: Sequence[Job]) -> Iterator[Rollout]:
        for rollout in sorted(collect(given), key=lambda rollout: rollout.index):
            kept.append(rollout)
            yield rollout

    monkeypatch.setattr(training._collector, "collect", keep)
    return kept


@pytest.mark.parametrize("lora", [False, True], ids=["weights", "adapters"])
def test_training_has_the_weights_of_every_step(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: bool
) -> None:
    ray.shutdown()
    ray.init(address, logging_level="warning", runtime_env={"env_vars": {"WITNESS": str(tmp_path)}})
    # In place of the class's name alone: cloudpickle looks classes up by theirs.
    monkeypatch.setattr("adagym.algos.remote.partial", lambda _, *rest: partial(Witness, *rest))
    held = Evaluation([Source(NAVIGATION, ARGUMENTS)], n=3, every=1)
    here = learner(lora, evaluation=held)
    played_here = rollouts_of(here, monkeypatch)
    here.learn(1)

    there = learner(lora, evaluation=held, cluster=Cluster(address, 2))
    played = rollouts_of(there, monkeypatch)
    digests = [digest(trained(there.policy))]
    killed: set[str] = set()

    def between(step: int, metrics: Mapping[str, float]) -> None:
        digests.append(digest(trained(there.policy)))
        assert isinstance(there._collector, RemoteRollouts)
        if step == 1:
            assert there._collector._collector is not None
            killed.update(path.name.split("-")[2] for path in tmp_path.iterdir())
            for seat in there._collector._collector._seats:
                ray.kill(seat.actor)

    there.learn(callbacks=[between])
    ray.shutdown()
    seen = [path.name.split("-") for path in tmp_path.iterdir()]
    assert digests[0] != digests[1] != digests[2]
    assert {value for value, how, _ in seen if how == "sampled"} == set(digests[:2])
    assert {value for value, how, _ in seen if how == "greedy"} == set(digests)
    assert killed.isdisjoint(pid for value, _, pid in seen if value == digests[2])
    # Before the first update nothing differs but the last bits, which depend on what shares a batch.
    for one, other in zip(played_here, played[:4], strict=True):
        assert facts(one) == facts(other)
        assert one.tokens is not None
        assert other.tokens is not None
        np.testing.assert_array_equal(one.tokens.ids, other.tokens.ids)
        np.testing.assert_allclose(one.tokens.logprobs, other.tokens.logprobs, atol=1e-3)
    assert there.baseline["eval_reward"] == here.baseline["eval_reward"]
    assert all(metrics["drift"] < 1e-3 and metrics["audit_drops"] == 0 for metrics in there.history)


def test_training_from_the_command_line(address_alone: str, tmp_path: Path) -> None:
    words = ["train", "grpo", NAVIGATION, "--tasks", SOURCE, "--max-turns", "2", "--prompts", "2", "--group-size", "2"]
    words += ["--steps", "2", "--save-every", "1", "--max-tokens", "512", "--max-new-tokens", "24"]
    assert main([*words, "--out", str(tmp_path), "--ray", address_alone]) == 0
    written = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert written == [1, 2]
    assert (tmp_path / "model" / "config.json").is_file()
    assert "ray" not in json.loads((tmp_path / "config.json").read_text())


def test_mistakes_of_training_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out rollout"):
        learner(rollout="vllm", cluster=Cluster("local"))
    words = ["train", "grpo", NAVIGATION, "--tasks", SOURCE, "--steps", "1", "--out", str(tmp_path / "a")]
    assert main([*words, "--ray-workers", "2"]) == 2
    assert main([*words, "--ray", "127.0.0.1:1"]) == 2
    assert not (tmp_path / "a").exists()


def test_the_example_of_the_page_runs(address_alone: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "ray.md").read_text()
    (block,) = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    exec(block.replace('"local"', repr(address_alone)), {})
    indices = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines() if line[:1].isdigit()]
    assert sorted(indices) == list(range(32))
