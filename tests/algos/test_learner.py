"""The learner: what it leaves out, what it logs, and that a stopped run goes on exactly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import pytest
import torch

from adagym.algos import learner as module
from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.metrics import ConstantAlarm, MetricLog
from adagym.envs.base import ToolEnv
from adagym.errors import InfraError, UsageError
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.types import Observation, Task

Make = Callable[..., GRPO]


def weights(learner: GRPO) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in learner.policy.model.state_dict().items()}


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith("seconds_")}


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


def test_runs_repeat_exactly(make: Make) -> None:
    one, two, other = make().learn(), make().learn(), make(seed=1).learn()
    assert list(map(untimed, one.history)) == list(map(untimed, two.history))
    assert equal(weights(one), weights(two))
    assert not equal(weights(one), weights(other))


@pytest.mark.parametrize("loss", [None, LossConfig(minibatches=2, kl=0.05)], ids=["plain", "divergence"])
@pytest.mark.parametrize("stop", [2, 3])
def test_a_resumed_run_is_the_uninterrupted_one(make: Make, tmp_path: Path, stop: int, loss: LossConfig | None) -> None:
    whole = make(out=tmp_path / "whole", loss=loss).learn()
    make(out=tmp_path / "part", loss=loss).learn(stop)
    assert len(lines(tmp_path / "part")) == stop
    # The last checkpoint is that of step 2; what came after it is done again.
    resumed = make(out=tmp_path / "part", loss=loss).load(tmp_path / "part")
    assert resumed.step == 2
    assert [line["step"] for line in lines(tmp_path / "part")] == [1, 2]
    resumed.learn()
    assert equal(weights(resumed), weights(whole))
    assert list(map(untimed, resumed.history)) == list(map(untimed, whole.history[2:]))
    assert list(map(untimed, lines(tmp_path / "part"))) == list(map(untimed, lines(tmp_path / "whole")))
    one, two = (torch.load(next((tmp_path / run).glob("checkpoint-*")) / "optimiser.pt") for run in ("part", "whole"))
    assert one["steps"] == two["steps"] > 0


def test_the_checkpoint_is_a_model_folder(make: Make, tmp_path: Path) -> None:
    learner = make(out=tmp_path).learn()
    (folder,) = tmp_path.glob("checkpoint-*")
    assert folder.name == "checkpoint-000004"
    loaded = HFPolicy.from_pretrained(folder)
    assert equal(learner.policy.model.state_dict(), loaded.model.state_dict())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


class Killed(BaseException):
    """Stands for the end of the process."""


def break_call(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int) -> None:
    """Let the process end instead of the numbered call."""
    original, calls = getattr(owner, name), [0]

    def broken(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            raise Killed
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, broken)


@pytest.mark.parametrize("again", [False, True], ids=["next step", "same step"])
@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (HFPolicy, "save", 1),
        (torch, "save", 1),
        (json, "dumps", 1),
        (Path, "rename", 1),
        (Path, "rename", 2),
        (shutil, "rmtree", 1),
    ],
)
def test_a_kill_while_saving_leaves_a_usable_checkpoint(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int, again: bool
) -> None:
    learner = make()
    learner.save(tmp_path)
    before = weights(learner)
    learner.train_step()
    learner.step = 0 if again else 1
    after = weights(learner)
    assert not equal(before, after)
    with monkeypatch.context() as patch:
        break_call(patch, owner, name, number)
        with pytest.raises(Killed):
            learner.save(tmp_path)
    resumed = make().load(tmp_path)
    loaded = weights(resumed)
    assert equal(loaded, before) or equal(loaded, after)
    assert resumed.step == (0 if again or equal(loaded, before) else 1)
    learner.save(tmp_path)  # nothing that was left behind is in the way
    assert equal(weights(make().load(tmp_path)), after)
    assert [path.name for path in tmp_path.iterdir()] == [f"checkpoint-{learner.step:06d}"]


def test_nothing_to_load(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkpoint in"):
        make().load(tmp_path)


def test_a_torn_line_is_forgotten(make: Make, tmp_path: Path) -> None:
    make(out=tmp_path).learn(2)
    with (tmp_path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 3, "rew')
    make(out=tmp_path).load(tmp_path)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_a_new_run_starts_a_new_log(make: Make, tmp_path: Path) -> None:
    make(out=tmp_path).learn(3)
    make(out=tmp_path, seed=5).learn(1)
    assert [line["step"] for line in lines(tmp_path)] == [1]


def test_callbacks_and_partial_runs(make: Make) -> None:
    seen: list[tuple[int, float]] = []
    learner = make()
    learner.learn(1, [lambda step, metrics: seen.append((step, metrics["reward"]))])
    learner.learn(3, [lambda step, metrics: seen.append((step, metrics["reward"]))])
    learner.learn(3)
    assert seen == [(step, metrics["reward"]) for step, metrics in enumerate(learner.history, 1)]
    assert len(learner.history) == learner.step == 3


def test_tensorboard_goes_on_where_the_run_does(make: Make, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    make(out=tmp_path, tensorboard=True).learn(3)
    make(out=tmp_path, tensorboard=True).load(tmp_path).learn()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    written = [(event.step, event.value) for event in events.Scalars("reward")]
    assert written == [(step, pytest.approx(line["reward"])) for step, line in enumerate(lines(tmp_path), 1)]


class Flaky(ToolEnv):
    """Breaks down in the episodes whose numbers are listed."""

    env_id = "adagym-tests/Flaky-v0"
    family = "yes_no"
    default_tools: ClassVar[tuple[str, ...]] = ()
    broken: ClassVar[set[int]] = set()
    episodes: ClassVar[int] = 0

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        Flaky.episodes += 1
        if Flaky.episodes in self.broken:
            raise InfraError("the worker died")
        return super().step(action)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    gym.register(Flaky.env_id, entry_point=Flaky)
    monkeypatch.setattr(Flaky, "episodes", 0)
    yield Flaky.env_id
    del gym.registry[Flaky.env_id]


def test_infrastructure_failures_are_left_out(make: Make, flaky: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flaky, "broken", {2, 5})
    trained: list[int] = []
    scored: list[list[float | None]] = []
    update, advantages = module.update, module.advantages

    def count(policy: Any, optimiser: Any, batch: Any, *args: Any) -> Any:
        trained.append(len(batch.lengths))
        return update(policy, optimiser, batch, *args)

    def keep(rewards: Any, *args: Any) -> Any:
        scored.append(list(rewards))
        return advantages(rewards, *args)

    monkeypatch.setattr(module, "update", count)
    monkeypatch.setattr(module, "advantages", keep)
    metrics = make(flaky, prompts=2, group_size=8).train_step()
    assert metrics["infra_failures"] == metrics["unscored"] == 2
    assert scored[0].count(None) == 2
    assert metrics["reward"] == pytest.approx(sum(r for r in scored[0] if r is not None) / 14)
    assert trained[0] <= 14


def test_a_batch_of_failures_changes_nothing(make: Make, flaky: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flaky, "broken", set(range(100)))
    learner = make(flaky)
    before = weights(learner)
    metrics = learner.train_step()
    assert metrics["infra_failures"] == metrics["unscored"] == 8
    assert "loss" not in metrics
    assert "reward" not in metrics
    assert learner.step == 1
    assert equal(weights(learner), before)


def test_groups_without_difference_are_counted(make: Make) -> None:
    learner = make(sampler=SamplerConfig(slots=8, max_tokens=160, max_new_tokens=1))
    before = weights(learner)
    metrics = learner.train_step()
    assert metrics["zero_variance_groups"] == 2
    assert metrics["reward"] == 0
    assert equal(weights(learner), before)


def test_a_faulty_trace_is_dropped_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = module.audit
    checked: list[object] = []

    def pick(trace: Any, encoder: Any) -> str | None:
        checked.append(trace)
        return "made up" if len(checked) == 1 else audit(trace, encoder)

    monkeypatch.setattr(module, "audit", pick)
    metrics = make().train_step()
    assert len(checked) == 8
    assert metrics["audit_drops"] == metrics["unscored"] == 1


def test_conversations_without_room_are_truncated(make: Make) -> None:
    sampler = SamplerConfig(slots=8, max_tokens=110, max_new_tokens=4)
    metrics = make(sampler=sampler).train_step()
    assert metrics["truncated"] == 1
    assert metrics["reward"] == 0
    assert 1 <= metrics["turns"] < 10  # the limit of turns is not what ended them


def test_prompts_without_room_are_refused(make: Make) -> None:
    with pytest.raises(UsageError, match=r"None of the 8 episodes .* does not fit into sampler.max_tokens=20"):
        make(sampler=SamplerConfig(slots=8, max_tokens=20)).train_step()


def test_prompts_may_outnumber_tasks(make: Make, yes_no_tasks: tuple[Task, ...]) -> None:
    learner = make(prompts=9, group_size=2)
    jobs = learner._jobs()
    assert len(jobs) == 18
    assert len({job.group for job in jobs}) == 9
    assert len({(job.group, job.seed) for job in jobs}) == 9
    few = make(prompts=3)._jobs()
    assert len({job.task.id for job in few if isinstance(job.task, Task)}) == 3


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"group_size": 1}, "group_size at least 2"),
        ({"prompts": 0}, "must be positive"),
        ({"sampler": SamplerConfig(temperature=0.5)}, "Sampling at temperature 0.5 and training at 1.0"),
    ],
)
def test_settings_are_checked(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        GRPOConfig(**options)


def test_the_alarm_hears_silence_only() -> None:
    alarm = ConstantAlarm(window=3)
    series = [{"part_a": 0.0, "part_b": 1.0, "part_c": float(step == 2), "reward": 0.0} for step in range(7)]
    assert [alarm.check(metrics) for metrics in series] == [[], [], ["part_a"], [], [], ["part_a", "part_c"], []]


def test_an_alarm_warns(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="`part_tool` has been 0"):
        MetricLog(tmp_path, tensorboard=False).write(1, {"part_tool": 0.0}, ["part_tool"])
