"""A policy on its way to other processes: all of it once, then what training changes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy

Weights = Mapping[str, NDArray[np.float32]]
"""Parameter name to values. Arrays, as Ray lets every process of a machine read the same ones."""


def on_device(policy: HFPolicy, device: str) -> HFPolicy:
    """The policy on another device, without cached vision features; what is there already is shared, not copied.

    Args:
        policy: Stays as it is.
        device: A torch device. What is to be pickled (by cloudpickle) belongs on ``cpu``.
    """
    tensors = [*policy.model.buffers(), policy.banned]
    memo: dict[int, object] = {id(tensor): tensor.to(device) for tensor in tensors}
    for parameter in policy.model.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to(device), parameter.requires_grad)
    with policy.fresh_features():
        moved = copy.deepcopy(policy, memo)
    moved.config, moved.device = replace(policy.config, device=device), torch.device(device)
    return moved


def trained(policy: HFPolicy) -> dict[str, NDArray[np.float32]]:
    """The parameters that training changes, in float32; adapters alone with LoRA. On a processor, no copies."""
    parameters = policy.model.named_parameters()
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in parameters if tensor.requires_grad}


def take(policy: HFPolicy, weights: Weights) -> None:
    """Copy what :func:`trained` returned elsewhere into a policy of the same kind.

    Raises:
        UsageError: It was of another kind.
    """
    own = {name: tensor for name, tensor in policy.model.named_parameters() if tensor.requires_grad}
    if own.keys() != weights.keys():
        raise UsageError(
            f"These are the weights of another policy: {len(weights)} parameters, where this one trains {len(own)}."
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.tensor(weights[name]))
