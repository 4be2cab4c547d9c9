"""The parts of the comparison with TRL that need no TRL: our loss, the order of tasks, the ratios."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
TASKS = "vsp-generated:sides=4,split=train,n=4"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's modules, found as when its script is run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    return load_tiny()


def make_env() -> VSPNavigation:
    return VSPNavigation(TASKS, dialect="hermes", prompt="brief", max_turns=8)


def settings(modules: Any, tmp_path: Path) -> Any:
    return modules("trl_sides").Settings(tmp_path, 2, 2, 2, 1024, 160, 8, 2, True, 1e-5, 1, 0)


def test_our_loss_is_the_formula(modules: Any, policy: HFPolicy) -> None:
    agree = modules("trl_agree")
    rng = np.random.default_rng(0)
    traces = []
    for length in (6, 9, 7, 8):
        sampled = np.arange(length) >= 3
        traces.append(TokenTrace(rng.integers(0, 200, length), sampled, np.zeros(length, np.float32), ()))
    batch = collate(traces)
    with torch.no_grad():
        now, _ = policy.token_logprobs(batch)
    shift = torch.where(batch.sampled, torch.from_numpy(rng.normal(0, 0.3, batch.ids.shape)).float(), 0.0)
    batch = type(batch)(batch.ids, batch.sampled, now - shift, batch.images, batch.lengths)
    rewards = (1.0, 4.0, 2.0, 8.0)
    before = [parameter.clone() for parameter in policy.model.parameters()]
    values, loss = agree.our_loss(policy, agree.Fixed(batch, rewards, ("a", "a", "b", "b"), (3, 3, 3, 3)))
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))
    scores = np.array(rewards).reshape(2, 2)
    expected = (scores - scores.mean(1, keepdims=True)) / (scores.std(1, ddof=1, keepdims=True) + 1e-4)
    assert values == pytest.approx(expected.ravel())
    terms = []
    for row, advantage in enumerate(expected.ravel()):
        ratio = shift[row, 3 : batch.lengths[row]].exp().numpy()
        terms.append(np.minimum(ratio * advantage, ratio.clip(0.8, 1.2) * advantage).mean())
    assert loss == pytest.approx(-np.mean(terms), abs=1e-6)


def test_tasks_come_in_the_order_of_the_source(modules: Any, policy: HFPolicy, tmp_path: Path) -> None:
    sides, given = modules("trl_sides"), settings(modules, tmp_path)
    config = sides.GRPOConfig(steps=2, prompts=2, group_size=2, env=given.env())
    learner = sides._Ours(policy, sides.ENV, config)
    assert [(job.task, job.seed) for job in learner._jobs()] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    learner.step = 1
    jobs = learner._jobs()
    assert [job.task for job in jobs] == [2, 2, 3, 3]
    assert jobs[0].group == jobs[1].group != jobs[2].group


def test_ratios(modules: Any) -> None:
    sides, script = modules("trl_sides"), modules("grpo_vs_trl")
    times = ((1.0, 2.0, 1.0, 1.0), (2.0, 2.0, 1.0, 1.0))
    ours = [sides.Figures(*times[0], 600, 300, 5.0, 8.0), sides.Figures(*times[1], 600, 600, 5.0, 8.0)]
    slow = (4.0, 4.0, 3.0, 2.0)
    theirs = [sides.Figures(*slow, 600, 300, 5.0, 8.0), sides.Figures(*slow, 300, 300, 5.0, 8.0)]
    figures = script.compare(list(zip(ours, theirs, strict=True)), (700.0, 900.0), (1000.0, 2000.0))
    assert (figures["rollout_ratio_lowest"], figures["rollout_ratio_highest"]) == (4.0, 4.0)
    assert (figures["update_ratio_lowest"], figures["update_ratio"], figures["update_ratio_highest"]) == (2.0, 3.0, 4.0)
    assert (figures["rollout_cpu_ratio"], figures["update_cpu_ratio"]) == (4.5, 3.0)
    assert figures["memory_ratio"] == 0.5
    assert figures["memory_ratio_above_load"] == pytest.approx(300 / 1100)
    assert sides.medians(ours, "ours")["ours_trained_tokens"] == 450.0


def test_peak_memory_is_at_least_the_present(modules: Any) -> None:
    sides = modules("trl_sides")
    assert sides.memory_mb("VmHWM") >= sides.memory_mb("VmRSS") > 0
