"""The optimiser: Muon for the matrices inside transformer blocks, AdamW for everything else, LoRA's included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from adagym.errors import UsageError
from adagym.policies.lora import is_adapter


@dataclass(frozen=True)
class OptimConfig:
    """Learning rates and their schedule."""

    lr: float = 2e-4
    """AdamW's rate: embeddings, norms, biases, patch embedding, LoRA (everything, if ``muon_lr`` is 0)."""
    muon_lr: float = 3e-4
    """Muon's rate for the matrices inside blocks; 0 uses AdamW for them, as the papers do."""
    weight_decay: float = 0.0
    warmup: float = 0.05
    """Share of the steps over which the rates rise linearly."""
    final: float = 1.0
    """Share of the rates left at the last step (cosine in between); 1 keeps them constant."""
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.lr < 0 or self.muon_lr < 0 or not 0 <= self.final <= 1 or not 0 <= self.warmup < 1:
            raise UsageError(
                "Rates must not be negative, `final` lies in [0, 1] and `warmup` in [0, 1); given are "
                f"lr={self.lr:g}, muon_lr={self.muon_lr:g}, final={self.final:g} and warmup={self.warmup:g}."
            )


class Optimiser:
    """Two torch optimisers behind one face, with a schedule over a known number of steps.

    Args:
        model: Parameters that require no gradient are left out.
        config: See :class:`OptimConfig`.
        total_steps: Length of the schedule.
    """

    def __init__(self, model: nn.Module, config: OptimConfig, total_steps: int) -> None:
        self.config = config
        self.total_steps = total_steps
        self.steps = 0
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                inside = (".layers." in name or ".blocks." in name) and not is_adapter(name)
                (matrices if inside and parameter.ndim == 2 and config.muon_lr else rest).append(parameter)
        self.parameters = (*matrices, *rest)
        self._parts: list[torch.optim.Optimizer] = []
        if matrices:
            # match_rms_adamw scales the update so that AdamW's decay and intuition carry over.
            self._parts.append(
                torch.optim.Muon(
                    matrices, lr=config.muon_lr, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )
        if rest:
            self._parts.append(
                torch.optim.AdamW(rest, lr=config.lr, weight_decay=config.weight_decay, betas=(0.9, 0.95))
            )
        self._rates = [group["lr"] for part in self._parts for group in part.param_groups]

    def step(self) -> float:
        """Clip the gradient, update, clear the gradient; return the gradient's norm before clipping."""
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm))
        scale = self._scale()
        groups = [group for part in self._parts for group in part.param_groups]
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"] = rate * scale
        for part in self._parts:
            part.step()
            part.zero_grad(set_to_none=True)
        self.steps += 1
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly."""
        return {"steps": self.steps, "parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.steps = state["steps"]
        for part, saved in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(saved)

    def _scale(self) -> float:
        done = self.steps / max(1, self.total_steps)
        if done < self.config.warmup:
            return min(1.0, (self.steps + 1) / (self.config.warmup * self.total_steps))
        progress = min(1.0, (done - self.config.warmup) / (1 - self.config.warmup))
        return self.config.final + (1 - self.config.final) * 0.5 * (1 + math.cos(math.pi * progress))
