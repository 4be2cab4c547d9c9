"""Every option reaches the update through the learner, and adapters resume exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adagym.algos import learner as module
from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPO
from adagym.algos.optim import OptimConfig
from adagym.envs.base import ToolEnv
from adagym.policies.base import TokenTrace
from adagym.policies.batch import TokenBatch, collate
from adagym.policies.hf import HFPolicy, PolicyConfig, Precision
from adagym.policies.lora import LoraConfig, is_adapter

Make = Callable[..., GRPO]


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith("seconds_")}


@pytest.mark.parametrize(
    "change",
    [
        {"clip_high": 0.01},
        {"dual_clip": 1.01},
        {"aggregate": "token-mean"},
        {"aggregate": "dr-grpo"},
        {"aggregate": "dr-grpo", "max_tokens": 7},
        {"tis_cap": 0.5},
        {"kl": 0.5},
        {"std_normalise": False},
    ],
    ids=str,
)
def test_every_option_reaches_the_loss(make: Make, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def uneven(traces: Sequence[TokenTrace]) -> TokenBatch:
        """Ratios that leave any interval, and episodes of different lengths."""
        batch = collate(traces)
        draw = torch.Generator().manual_seed(0)
        for row in range(len(traces)):
            batch.sampled[row, batch.sampled[row].nonzero()[: row + 1]] = False
        noise = torch.rand(batch.logprobs.shape, generator=draw) - 0.5
        return replace(batch, logprobs=(batch.logprobs + noise) * batch.sampled)

    monkeypatch.setattr(module, "collate", uneven)
    # The divergence is 0 until the second step.
    loss = LossConfig(minibatches=2, optim=OptimConfig(lr=0.01, muon_lr=0.0, warmup=0))
    plain = make(loss=loss).train_step()
    changed = make(loss=replace(loss, **change)).train_step()
    assert plain["reward"] == changed["reward"]
    assert plain["clipped"] > 0
    assert plain["loss"] != pytest.approx(changed["loss"], rel=1e-4)
    assert (changed["tis_clipped"] > 0.5) == ("tis_cap" in change)


@pytest.mark.parametrize("dtype", ["float32", "mixed"])
def test_a_resumed_run_with_adapters_is_the_uninterrupted_one(
    make: Make, cold_policy: Callable[[], HFPolicy], tmp_path: Path, yes_no: type[ToolEnv], dtype: Precision
) -> None:
    cold_policy().save(tmp_path / "base")
    config = PolicyConfig(lora=LoraConfig(rank=4), dtype=dtype, gradient_checkpointing=True)

    def build(out: Path) -> GRPO:
        loss = LossConfig(kl=0.05, optim=OptimConfig(lr=1e-2, warmup=0))
        learner = make(loss=loss, out=out)
        return GRPO(HFPolicy.from_pretrained(tmp_path / "base", config), yes_no.env_id, learner.config)

    whole = build(tmp_path / "whole").learn()
    start = HFPolicy.from_pretrained(tmp_path / "base", config).model.state_dict()
    state = whole.policy.model.state_dict()
    changed = {name for name, tensor in state.items() if not torch.equal(tensor, start[name])}
    assert changed == {name for name in start if is_adapter(name)}
    build(tmp_path / "part").learn(2)
    resumed = build(tmp_path / "part").load(tmp_path / "part").learn()
    assert all(torch.equal(state[name], tensor) for name, tensor in resumed.policy.model.state_dict().items())
    assert list(map(untimed, resumed.history)) == list(map(untimed, whole.history[2:]))
    (folder,) = (tmp_path / "part").glob("checkpoint-*")
    assert (folder / "adapter_model.safetensors").is_file()
    assert not (folder / "model.safetensors").exists()
    assert max(metrics.get("drift", 0) for metrics in whole.history) < (1e-3 if dtype == "float32" else 0.2)
