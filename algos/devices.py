"""Several processes that train one policy: each plays and differentiates its share, and all take the same step.

Gradients are summed, not averaged: whoever computes a share divides it by the size of the whole. Started by
``torchrun`` or ``accelerate launch``, the processes find one another through accelerate. A plain run never imports it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from adagym.algos.collect import Rollout
from adagym.errors import UsageError, require

T = TypeVar("T")

_PATIENCE = timedelta(hours=6)
"""How long a process waits for the others: one may play long episodes, or evaluate, alone."""


class Devices(Protocol):
    """The processes of a run, as one of them sees them."""

    rank: int
    """Number of this process, from 0."""
    size: int
    """How many there are."""

    @property
    def main(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        ...

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, in the order of their ranks; every process must call it."""
        ...

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the sum over processes; every process must call it."""
        ...

    def wait(self) -> None:
        """Go on when every process has come here."""
        ...


class OneProcess:
    """A plain run."""

    rank = 0
    size = 1
    main = True

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items themselves."""
        return list(items)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Nothing to add."""

    def wait(self) -> None:
        """Nobody to wait for."""


class ManyProcesses:
    """A run of several processes, connected by accelerate.

    Args:
        cpu: Whether the model is on processors, not on accelerators.

    Raises:
        MissingExtra: accelerate is not installed.
    """

    def __init__(self, cpu: bool) -> None:
        accelerate = require("accelerate", "train")
        waiting = accelerate.InitProcessGroupKwargs(timeout=_PATIENCE)
        self._accelerator: Any = accelerate.Accelerator(cpu=cpu, kwargs_handlers=[waiting])
        self.rank: int = self._accelerator.process_index
        self.size: int = self._accelerator.num_processes

    @property
    def main(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, pickled on the way."""
        utils = require("accelerate.utils", "train")
        gathered: list[T] = utils.gather_object(list(items))
        return gathered

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum in one message per type of number; a parameter that no process has a gradient for keeps none."""
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        if not trained:
            return
        has = torch.tensor([float(p.grad is not None) for p in trained], device=trained[0].device)
        used = self._accelerator.reduce(has, reduction="sum").tolist()
        kinds: dict[torch.dtype, list[nn.Parameter]] = {}
        for parameter, count in zip(trained, used, strict=True):
            if count:
                kinds.setdefault(parameter.dtype, []).append(parameter)
        for members in kinds.values():
            flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in members])
            pieces = self._accelerator.reduce(flat, reduction="sum").split([p.numel() for p in members])
            for parameter, piece in zip(members, pieces, strict=True):
                parameter.grad = piece.view_as(parameter).clone()

    def wait(self) -> None:
        """Go on when every process has come here."""
        self._accelerator.wait_for_everyone()


SINGLE = OneProcess()


def launched() -> int:
    """How many processes a launcher started; 1 without one.

    Raises:
        UsageError: The launcher's variables are incomplete.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size > 1 and "RANK" not in os.environ:
        raise UsageError(
            f"WORLD_SIZE is {size} and RANK is not set. Start the processes with torchrun or `accelerate launch`, "
            "or unset WORLD_SIZE for a plain run."
        )
    return size


def connect(device: str) -> Devices:
    """The processes of this run; only the first call connects.

    Args:
        device: The torch device of the model, for example ``cpu`` or ``cuda:0``.
    """
    return SINGLE if launched() == 1 else _connected(torch.device(device).type == "cpu")


@lru_cache(maxsize=1)
def _connected(cpu: bool) -> ManyProcesses:
    return ManyProcesses(cpu)


def own_device(device: str) -> str:
    """This process's device: of ``cuda``, the one with its number on this machine; others as they are."""
    kind = torch.device(device)
    return device if launched() == 1 or kind.type == "cpu" else f"{kind.type}:{os.environ.get('LOCAL_RANK', '0')}"


def told(rollouts: Sequence[Rollout], devices: Devices) -> list[Rollout]:
    """The episodes of all processes, for counting; those of several come without pictures and messages."""
    return list(rollouts) if devices.size == 1 else devices.gather([_light(rollout) for rollout in rollouts])


def _light(rollout: Rollout) -> Rollout:
    trajectory = rollout.trajectory
    steps = tuple(
        replace(
            step,
            observation={"text": step.observation["text"], "images": ()},
            result=None if step.result is None else replace(step.result, images=()),
        )
        for step in trajectory.steps
    )
    task = replace(trajectory.task, images=())
    job = replace(rollout.job, task=task)
    tokens = None if rollout.tokens is None else replace(rollout.tokens, images=())
    return replace(rollout, job=job, trajectory=replace(trajectory, task=task, steps=steps, messages=()), tokens=tokens)


def share(items: Sequence[T], devices: Devices) -> list[T]:
    """A process's part of a list: neighbouring items, so that the parts in order of rank are the list.

    Args:
        items: The same in every process.
        devices: Of this run.
    """
    part = np.array_split(np.arange(len(items)), devices.size)[devices.rank]
    return [items[int(index)] for index in part]
