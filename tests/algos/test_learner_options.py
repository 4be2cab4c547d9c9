"""Mixtures, evaluation, overlong filtering and early stops in the learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adagym.algos import learner as module
from adagym.algos.collapse import CollapseConfig
from adagym.algos.collect import Rollout
from adagym.algos.evaluation import Evaluation
from adagym.algos.learner import GRPO
from adagym.algos.metrics import read_metrics
from adagym.algos.mixture import Source
from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.policies.sampler import SamplerConfig
from adagym.types import Outcome, Task

Make = Callable[..., GRPO]


def weights(learner: GRPO) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in learner.policy.model.state_dict().items()}


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def training(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith(("seconds_", "eval_"))}


@pytest.fixture
def mixed(yes_no: type[ToolEnv], yes_no_tasks: tuple[Task, ...]) -> list[Source]:
    """The same environment twice, with half of the tasks each."""
    return [
        Source(yes_no.env_id, {"tasks": yes_no_tasks[:3], "reward": "accuracy"}, 3, 1, "left"),
        Source(yes_no.env_id, {"tasks": yes_no_tasks[3:], "reward": "accuracy"}, 1, 3, "right"),
    ]


@pytest.fixture
def evaluation(yes_no: type[ToolEnv], yes_no_tasks: tuple[Task, ...]) -> Evaluation:
    """Pictures that training sees too: cached features must not leak from one into the other."""
    return Evaluation([Source(yes_no.env_id, {"tasks": yes_no_tasks[:4], "reward": "accuracy"})], n=3, every=3)


def test_a_mixture_is_drawn_by_its_weights(make: Make, mixed: list[Source]) -> None:
    learner = make(mixed, prompts=4, group_size=2).learn()
    for step, left in enumerate([3, None, None, 1]):
        metrics = learner.history[step]
        assert metrics["left/episodes"] + metrics["right/episodes"] == 8
        total = sum(metrics[f"{name}/reward"] * metrics[f"{name}/episodes"] for name in ("left", "right")) / 8
        assert metrics["reward"] == pytest.approx(total)
        assert left is None or metrics["left/episodes"] == 2 * left


def test_a_resumed_mixture_is_the_uninterrupted_one(make: Make, mixed: list[Source], tmp_path: Path) -> None:
    options = {"prompts": 4, "group_size": 2}
    whole = make(mixed, out=tmp_path / "whole", **options).learn()
    make(mixed, out=tmp_path / "part", **options).learn(3)
    resumed = make(mixed, out=tmp_path / "part", **options).load(tmp_path / "part").learn()
    assert equal(weights(resumed), weights(whole))
    assert [training(line) for line in resumed.history] == [training(line) for line in whole.history[2:]]


def test_a_mixture_brings_its_own_arguments(make: Make, mixed: list[Source]) -> None:
    with pytest.raises(UsageError, match=r"`config.env` is for a single environment"):
        make(mixed, env={"reward": "accuracy"})


@pytest.mark.parametrize("first", [False, True])
def test_evaluation_leaves_no_trace_in_training(
    make: Make, evaluation: Evaluation, tmp_path: Path, first: bool
) -> None:
    plain = make(out=tmp_path / "plain").learn()
    learner = make(evaluation=replace(evaluation, first=first), out=tmp_path).learn()
    assert equal(weights(learner), weights(plain))
    assert [training(line) for line in learner.history] == [training(line) for line in plain.history]
    lines = read_metrics(tmp_path / "metrics.jsonl")
    evaluated = [line["step"] for line in lines if "eval_accuracy" in line]
    assert evaluated == ([0] if first else []) + [3, 4]
    assert bool(learner.baseline) == first
    assert lines[-1]["eval_reward"] == lines[-1]["eval_accuracy"]  # the preset is accuracy
    assert "eval_turns" not in lines[-1]


def test_evaluation_is_greedy_play_of_the_first_tasks(
    make: Make, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make(evaluation=evaluation)
    configs: list[SamplerConfig] = []
    played: list[str] = []
    make_agent, metrics_of = learner._make_agent, module.evaluate.__globals__["rollout_metrics"]

    def watch(sampler: SamplerConfig) -> Any:
        configs.append(sampler)
        return make_agent(sampler)

    def note(rollouts: Sequence[Rollout]) -> dict[str, float]:
        played.extend(rollout.trajectory.task.id for rollout in rollouts)
        return dict(metrics_of(rollouts))

    monkeypatch.setattr(learner, "_make_agent", watch)
    monkeypatch.setitem(module.evaluate.__globals__, "rollout_metrics", note)
    one, two = learner._evaluate(), learner._evaluate()
    assert [config.temperature for config in configs] == [0, 0]
    assert played == ["yes-no/0", "yes-no/1", "yes-no/2"] * 2
    assert training(one) == training(two)
    assert one["eval_accuracy"] in (0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1)


def test_sources_are_evaluated_apart(make: Make, mixed: list[Source]) -> None:
    learner = make(mixed, evaluation=Evaluation(mixed, n=2, every=1))
    metrics = learner._evaluate()
    assert {name for name in metrics if name.endswith("accuracy")} == {
        "eval_accuracy",
        "left/eval_accuracy",
        "right/eval_accuracy",
    }
    mean = (metrics["left/eval_accuracy"] + metrics["right/eval_accuracy"]) / 2
    assert metrics["eval_accuracy"] == pytest.approx(mean)


def test_an_evaluation_of_more_tasks_than_there_are_is_refused_at_once(make: Make, evaluation: Evaluation) -> None:
    with pytest.raises(UsageError, match="has 4 tasks, and 5 are asked for"):
        make(evaluation=replace(evaluation, n=5))
    with pytest.raises(UsageError, match="both must be positive"):
        replace(evaluation, every=0)


def test_truncated_episodes_count_but_carry_no_loss(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[float]] = []
    relative: list[Any] = []
    update, advantages = module.update, module.advantages

    def note(policy: Any, optimiser: Any, batch: Any, advantage: Any, *args: Any) -> Any:
        assert len(batch.lengths) == len(advantage)
        trained.append(advantage.tolist())
        return update(policy, optimiser, batch, advantage, *args)

    def keep(*args: Any) -> Any:
        relative.append(advantages(*args))
        return relative[-1]

    def step(mask: bool) -> dict[str, float]:
        learner = make(group_size=16, mask_truncated=mask)
        collect = learner._collector.collect
        monkeypatch.setattr(learner._collector, "collect", lambda jobs: map(cut_off, collect(jobs)))
        return learner.train_step()

    monkeypatch.setattr(module, "update", note)
    monkeypatch.setattr(module, "advantages", keep)
    plain, masked = step(mask=False), step(mask=True)
    assert masked["reward"] == plain["reward"]
    assert masked["truncated"] == plain["truncated"] == 3 / 32
    # The means and deviations of the groups are those of all members.
    assert relative[0].kept.all()
    assert (relative[0].values == relative[1].values).all()
    assert trained[0] == pytest.approx(relative[0].values.tolist())
    assert trained[1] == [value for index, value in enumerate(trained[0]) if index not in CUT]
    assert masked["overlong_masked"] == 3
    assert "overlong_masked" not in plain


CUT = (0, 5, 20)


def cut_off(rollout: Rollout) -> Rollout:
    """Say of some episodes that they were truncated."""
    outcome: Outcome = "truncated" if rollout.index in CUT else rollout.trajectory.outcome
    return replace(rollout, trajectory=replace(rollout.trajectory, outcome=outcome))


def test_a_batch_of_truncated_episodes_changes_nothing(make: Make) -> None:
    learner = make(sampler=SamplerConfig(slots=8, max_tokens=110, max_new_tokens=4), mask_truncated=True)
    before = weights(learner)
    metrics = learner.train_step()
    assert metrics["truncated"] == 1
    assert "loss" not in metrics
    assert equal(weights(learner), before)


def test_a_collapse_stops_saves_and_says_why(make: Make, tmp_path: Path) -> None:
    collapse = CollapseConfig(entropy_max=1e-9, patience=3)
    learner = make(collapse=collapse, out=tmp_path, save_every=100).learn()
    assert learner.step == 3
    assert learner.stopped is not None
    assert "The entropy was above 1e-09" in learner.stopped
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-000003"]
    resumed = make(collapse=collapse, out=tmp_path, save_every=100).load(tmp_path)
    assert resumed.stopped == learner.stopped
    assert resumed.learn().step == 3


def test_a_resumed_run_stops_where_the_uninterrupted_one_does(make: Make, tmp_path: Path) -> None:
    collapse = CollapseConfig(entropy_max=1e-9, patience=3)
    make(collapse=collapse, out=tmp_path, save_every=2).learn(2)
    resumed = make(collapse=collapse, out=tmp_path, save_every=2).load(tmp_path).learn()
    assert resumed.step == 3
    assert resumed.stopped is not None


def test_alarms_remember_the_steps_before_a_resume(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(out=tmp_path).learn(2)
    silent = "".join(line + "\n" for line in ('{"step": 1, "part_a": 0.0}', '{"step": 2, "part_a": 0.0}'))
    (tmp_path / "metrics.jsonl").write_text(silent)
    alarm = module.ConstantAlarm
    monkeypatch.setattr(module, "ConstantAlarm", lambda: alarm(window=3))
    learner = make(out=tmp_path).load(tmp_path)
    assert learner._alarm.check({"part_a": 0.0}) == ["part_a"]
