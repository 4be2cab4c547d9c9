"""Several processes do what one does, and end alike."""

from __future__ import annotations

import importlib.util
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from adagym.algos.collect import Job, Rollout
from adagym.algos.devices import SINGLE, OneProcess, connect, launched, own_device, share, told
from adagym.algos.evaluation import Evaluation
from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPOConfig
from adagym.algos.metrics import rollout_metrics
from adagym.algos.mixture import Source
from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, tokenise
from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.protocol import DIALECTS
from adagym.types import Message, Task

WORKER = Path(__file__).with_name("devices_worker.py")
# Muon orthogonalises in bfloat16, which makes differences of 1e-7 in gradients visible; AdamW does not.
RATE = OptimConfig(lr=3e-3, muon_lr=0.0, warmup=0)


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("devices_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plan(
    cold_policy: Callable[[], HFPolicy],
    yes_no: type[ToolEnv],
    yes_no_tasks: tuple[Task, ...],
    blind_conversations: list[tuple[Message, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Three groups and batches of three, so that the shares of two processes differ in size."""
    folder = tmp_path_factory.mktemp("devices")
    policy = cold_policy()
    policy.save(folder / "model")
    stop = DIALECTS.load("adareasoner").stop
    env = {"tasks": yes_no_tasks, "reward": "accuracy"}
    sampler = SamplerConfig(slots=8, max_tokens=160, max_new_tokens=24, admit=2)
    settings: dict[str, Any] = {"group_size": 4, "env": env, "sampler": sampler, "tensorboard": False}
    return {
        "model": folder / "model",
        "examples": [tokenise(policy.encoder, messages, stop) for messages in blind_conversations[:24]],
        "sft": SFTConfig(steps=2, batch_size=3, optim=RATE),
        "env": yes_no.env_id,
        "grpo": GRPOConfig(
            steps=2,
            prompts=3,
            loss=LossConfig(kl=0.05, minibatches=2, aggregate="token-mean", clip_high=0.25, tis_cap=2.0, optim=RATE),
            evaluation=Evaluation([Source(yes_no.env_id, env)], n=5, every=1, first=False),
            out=folder / "run",
            save_every=1,
            **settings,
        ),
        "narrow": GRPOConfig(prompts=1, **settings),
    }


@pytest.fixture(scope="module")
def two(plan: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of two processes."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "plan.pickle").write_bytes(pickle.dumps(plan))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(folder)],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=200)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)
    return [pickle.loads((folder / f"done-{rank}.pickle").read_bytes()) for rank in range(2)]


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith("seconds_")}


def test_two_processes_do_what_one_does(
    worker: ModuleType, plan: dict[str, Any], two: list[dict[str, Any]], tmp_path: Path
) -> None:
    alone = worker.play({**plan, "grpo": replace(plan["grpo"], out=tmp_path)}, again=False)
    for name in ("imitated", "trained"):
        states = [result[name] for result in (*two, alone)]
        start = HFPolicy.from_pretrained(plan["model"]).model.state_dict()
        assert any(not torch.equal(start[key], states[0][key]) for key in start)
        assert all(torch.equal(states[0][key], states[1][key]) for key in start)
        for key in start:
            torch.testing.assert_close(states[0][key], states[2][key], atol=1e-5, rtol=0)
    for result in two:
        assert result["losses"] == pytest.approx(alone["losses"], abs=1e-5)
        for mine, expected in zip(result["history"], alone["history"], strict=True):
            assert untimed(mine) == pytest.approx(untimed(expected), abs=1e-3)
            assert mine["trained_tokens"] == expected["trained_tokens"] > 0
    assert "eval_accuracy" in alone["history"][0]


def test_the_first_process_alone_writes(plan: dict[str, Any], two: list[dict[str, Any]]) -> None:
    out = plan["grpo"].out
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint-000002", "metrics.jsonl"]
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
    saved = HFPolicy.from_pretrained(out / "checkpoint-000002").model.state_dict()
    assert all(torch.equal(saved[name], tensor) for name, tensor in two[1]["trained"].items())


def test_gradients_are_summed(two: list[dict[str, Any]]) -> None:
    expected = [[3.0, 6.0], [5.0, 6.0], None, [2.0, 2.0]]
    assert [result["sums"] for result in two] == [expected, expected]


def test_groups_are_not_divided(two: list[dict[str, Any]]) -> None:
    for result in two:
        assert "2 processes cannot share this run" in result["refusal"]
        assert "1 prompts per step" in result["refusal"]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_in_order_of_rank_are_the_list(size: int) -> None:
    processes = [OneProcess() for _ in range(size)]
    for rank, process in enumerate(processes):
        process.rank, process.size = rank, size
    parts = [share("abcd", process) for process in processes]
    assert [letter for part in parts for letter in part] == list("abcd")
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_plain_run_needs_no_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    code = (
        "import sys, adagym.algos.learner as learner, adagym.algos.devices as devices\n"
        "assert devices.connect('cpu') is devices.SINGLE\n"
        "assert 'accelerate' not in sys.modules and 'peft' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert connect("cpu") is SINGLE
    assert (launched(), own_device("cuda"), own_device("cpu")) == (1, "cuda", "cpu")
    assert SINGLE.gather((1, 2)) == [1, 2]


def test_what_the_launcher_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match="WORLD_SIZE is 4 and RANK is not set"):
        launched()
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (launched(), own_device("cuda"), own_device("cpu")) == (4, "cuda:1", "cpu")


def test_what_is_told_is_light_and_counts_alike(yes_no: type[ToolEnv], yes_no_tasks: tuple[Task, ...]) -> None:
    env = yes_no(yes_no_tasks, reward="accuracy")
    env.reset(seed=0, options={"task": 0})
    env.step("<think>Hm.</think><tool_call>{}</tool_call>")
    env.step(DIALECTS.load("adareasoner").write_answer("yes", "Hm."))
    whole = Rollout(0, Job(yes_no_tasks[0]), env.trajectory())
    assert told([whole], SINGLE) == [whole]
    process = OneProcess()
    process.size = 2
    (light,) = told([whole], process)
    assert rollout_metrics([light]) == rollout_metrics([whole])
    assert len(pickle.dumps(light)) < 4000 < np.prod((64, 64, 3)) < len(pickle.dumps(whole))
    assert light.trajectory.actions == whole.trajectory.actions
