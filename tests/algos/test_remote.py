"""Training with rollouts by workers, where a collector in this process stands for the cluster (see .ci/ray_test.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

from adagym.agents.seat import GymEnv
from adagym.algos.cluster import Cluster
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.devices import ManyProcesses
from adagym.algos.evaluation import Evaluation
from adagym.algos.learner import GRPO
from adagym.algos.mixture import Source
from adagym.algos.remote import RemoteRollouts, Understudy
from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.types import Task

Make = Callable[..., GRPO]


class OneWorker:
    """What a RayCollector does, without Ray: everything is pickled on the way."""

    workers = 1
    made: list[OneWorker]

    def __init__(self, factories: Mapping[str, Callable[[], GymEnv]], agent: Callable[[], Understudy], _: Cluster):
        self.agent = cloudpickle.loads(cloudpickle.dumps(agent))()
        self._factories = factories
        self.parts: dict[str, Any] = {}
        self.closed = False
        self.made.append(self)

    def renew(self, **parts: Any) -> None:
        self.parts |= cloudpickle.loads(cloudpickle.dumps(parts))
        self.agent.renew(**self.parts)

    def collect(self, jobs: Iterable[Job]) -> Iterator[Rollout]:
        collector = Collector(self._factories, self.agent, self.agent.parallel)
        yield from collector.collect(jobs)
        collector.close()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OneWorker, "made", [], raising=False)
    monkeypatch.setattr("adagym.algos.remote.RayCollector", OneWorker)
    monkeypatch.setattr(Cluster, "reach", lambda self: None)


@pytest.fixture
def evaluation(yes_no: type[ToolEnv], yes_no_tasks: tuple[Task, ...]) -> Evaluation:
    """Three of the training's tasks, after every second step."""
    return Evaluation([Source(yes_no.env_id, {"tasks": yes_no_tasks, "reward": "accuracy"})], n=3, every=2)


def figures(learner: GRPO) -> list[dict[str, float]]:
    history = [learner.baseline, *learner.history]
    return [{name: value for name, value in line.items() if not name.startswith("seconds_")} for line in history]


def state(learner: GRPO) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = learner.policy.model.state_dict()
    return weights


def test_training_is_that_of_one_process(make: Make) -> None:
    here = make().learn()
    there = make(cluster=Cluster("local")).learn()
    assert figures(there) == figures(here)
    assert all(torch.equal(tensor, state(here)[name]) for name, tensor in state(there).items())
    (worker,) = OneWorker.made
    assert worker.closed
    assert worker.agent.parallel == 8
    assert all(
        torch.equal(tensor, state(there)[name]) for name, tensor in worker.agent.policy.model.state_dict().items()
    )


def test_evaluations_are_played_greedily_by_the_workers(make: Make, evaluation: Evaluation) -> None:
    here, there = make(evaluation=evaluation), make(evaluation=evaluation, cluster=Cluster("local"))
    temperatures: list[float] = []
    for learner in (here, there):
        learner.baseline = learner._evaluate()
    (worker,) = OneWorker.made
    submit = worker.agent.submit

    def watch(conversation: Any) -> None:
        temperatures.append(worker.agent.config.temperature)
        submit(conversation)

    worker.agent.submit = watch
    assert figures(there) == figures(here)
    there.train_step()
    there.train_step()
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures.count(1.0) >= 16
    assert temperatures.count(0.0) >= 3
    assert worker.agent.config.temperature == 1.0


def test_a_resumed_run_goes_on_with_the_weights_it_saved(make: Make, tmp_path: Path) -> None:
    cluster = Cluster("local")
    whole = make(out=tmp_path / "whole", cluster=cluster).learn()
    make(out=tmp_path / "part", cluster=cluster).learn(2)
    resumed = make(out=tmp_path / "part", cluster=cluster).load(tmp_path / "part").learn()
    assert figures(resumed)[1:] == figures(whole)[3:]
    assert len(OneWorker.made) == 3


def test_learning_on_hires_workers_again(make: Make) -> None:
    learner = make(cluster=Cluster("local"))
    assert not OneWorker.made  # nobody waits while a model is loaded
    learner.learn(1)
    learner.learn(2)
    assert [worker.closed for worker in OneWorker.made] == [True, True]
    assert learner.step == 2


def test_workers_share_the_slots(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OneWorker, "workers", 3)
    learner = make(cluster=Cluster("local"), prompts=1, group_size=7).learn(1)
    assert OneWorker.made[0].agent.parallel == 3  # of 7 episodes, not of 8 slots
    assert isinstance(learner._collector, RemoteRollouts)


def test_what_does_not_go_together_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="leave out rollout='vllm' or the cluster"):
        make(rollout="vllm", cluster=Cluster("local"))
    two = ManyProcesses.__new__(ManyProcesses)
    two.rank, two.size = 0, 2
    monkeypatch.setattr("adagym.algos.learner.connect", lambda device: two)
    with pytest.raises(UsageError, match="a cluster work with one process"):
        make(cluster=Cluster("local"))
