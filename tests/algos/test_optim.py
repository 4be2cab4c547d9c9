"""The optimiser: who is stepped by what, the schedule, and its state."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from adagym.algos.optim import OptimConfig, Optimiser
from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy


class Net(nn.Module):
    """Names as in a decoder: an embedding, one block with a matrix and a bias, a matrix outside."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(5, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4)])
        self.model = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(4, 4)])})
        self.head = nn.Linear(4, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        inner: nn.Module = self.model["layers"][0]
        result: torch.Tensor = self.head(torch.tanh(inner(self.embed(ids))))
        return result


def names(net: nn.Module, part: torch.optim.Optimizer) -> set[str]:
    known = {id(parameter): name for name, parameter in net.named_parameters()}
    return {known[id(parameter)] for group in part.param_groups for parameter in group["params"]}


def test_matrices_inside_blocks_go_to_muon() -> None:
    net = Net()
    muon, adam = Optimiser(net, OptimConfig(), 10)._parts
    assert isinstance(muon, torch.optim.Muon)
    assert isinstance(adam, torch.optim.AdamW)
    assert names(net, muon) == {"model.layers.0.weight"}
    everything = {name for name, _ in net.named_parameters()}
    assert names(net, adam) == everything - {"model.layers.0.weight"}


def test_without_muon_adam_takes_all() -> None:
    net = Net()
    (adam,) = Optimiser(net, OptimConfig(muon_lr=0.0), 10)._parts
    assert names(net, adam) == {name for name, _ in net.named_parameters()}


def test_a_frozen_tower_is_left_out(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    policy.set_freeze_vision(True)
    frozen = {id(parameter) for parameter in policy.vision_parameters()}
    optimiser = Optimiser(policy.model, OptimConfig(), 10)
    stepped = {id(parameter) for parameter in optimiser.parameters}
    assert not stepped & frozen
    assert len(stepped) + len(frozen) == len(list(policy.model.parameters()))


def scales(total: int, warmup: float, final: float) -> list[float]:
    optimiser = Optimiser(Net(), OptimConfig(warmup=warmup, final=final), total)
    values = []
    for _ in range(total):
        values.append(optimiser._scale())
        optimiser.steps += 1
    return values


def test_the_schedule_by_hand() -> None:
    cosine = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done / 8)) for done in range(8)]
    assert scales(10, 0.2, 0.1) == pytest.approx([0.5, 1.0, *cosine])
    assert scales(4, 0.0, 1.0) == [1.0] * 4
    assert scales(4, 0.5, 1.0) == [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.05), (10, 0.05), (25, 0.1), (7, 0.3)])
def test_the_rate_never_exceeds_the_configured_one(total: int, warmup: float) -> None:
    assert max(scales(total, warmup, 1.0)) == 1.0


def step(net: Net, optimiser: Optimiser, factor: float = 1.0) -> float:
    (net(torch.arange(5)).square().sum() * factor).backward()
    return optimiser.step()


def test_the_gradient_is_clipped_and_cleared() -> None:
    nets = [Net(), Net()]
    # Without history AdamW's step is the sign of the gradient, so plain sizes tell nothing; the norms do.
    norms = [
        step(net, Optimiser(net, OptimConfig(), 1), factor) for net, factor in zip(nets, (1.0, 100.0), strict=True)
    ]
    assert norms[1] == pytest.approx(100 * norms[0], rel=1e-4)
    assert all(parameter.grad is None for net in nets for parameter in net.parameters())
    net = Net()
    (net(torch.arange(5)).square().sum() * 100).backward()
    optimiser = Optimiser(net, OptimConfig(muon_lr=0.0, max_grad_norm=0.5), 1)
    seen: list[float] = []
    part = optimiser._parts[0]
    part.register_step_pre_hook(
        lambda *_: seen.append(
            float(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]).norm())
        )
    )
    optimiser.step()
    assert seen == [pytest.approx(0.5, rel=1e-3)]


def test_a_saved_state_goes_on_exactly() -> None:
    config = OptimConfig(lr=0.01, muon_lr=0.01, weight_decay=0.1, warmup=0.2, final=0.0)
    whole = Net()
    optimiser = Optimiser(whole, config, 8)
    for _ in range(8):
        step(whole, optimiser)
    part = Net()
    first = Optimiser(part, config, 8)
    for _ in range(3):
        step(part, first)
    second = Optimiser(part, config, 8)
    second.load_state_dict(first.state_dict())
    for _ in range(5):
        step(part, second)
    assert second.steps == 8
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), part.parameters(), strict=True))


@pytest.mark.parametrize("change", [{"lr": -1.0}, {"muon_lr": -1.0}, {"final": 1.5}, {"warmup": 1.0}])
def test_settings_are_checked(change: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="Rates must not be negative"):
        OptimConfig(**change)


def test_adapters_are_left_to_adamw() -> None:
    net = nn.ModuleDict({"layers": nn.ModuleDict({"q": nn.ModuleDict({"lora_A": nn.Linear(3, 2, bias=False)})})})
    whole = nn.ModuleDict({"decoder": net})
    kinds = [type(part) for part in Optimiser(whole, OptimConfig(), 1)._parts]
    assert kinds == [torch.optim.AdamW]
