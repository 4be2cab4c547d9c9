"""Evaluation during training: fixed tasks, played greedily every few steps, without a trace in the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from adagym.algos.collect import Job, Rollout
from adagym.algos.devices import SINGLE, Devices, share, told
from adagym.algos.metrics import by_source, rollout_metrics
from adagym.algos.mixture import Mixture, Source
from adagym.errors import UsageError

_KEPT = ("reward", "part_", "calls_")
"""What is reported of an evaluation; the rest of a batch's metrics tells how a policy samples."""


@dataclass(frozen=True)
class Evaluation:
    """What is played, and when."""

    sources: Sequence[Source]
    """Environments with tasks that training does not see. Weights do not matter; names head the metrics."""
    n: int = 100
    """The first so many tasks of each source."""
    every: int = 10
    """Steps between evaluations; the last step is always followed by one."""
    first: bool = True
    """Evaluate before the first step too."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.n, self.every) < 1:
            raise UsageError(f"An evaluation has n={self.n} tasks every {self.every} steps; both must be positive.")

    def due(self, step: int, steps: int) -> bool:
        """Whether to evaluate after ``step`` of ``steps`` steps; step 0 is before training."""
        return self.first if step == 0 else step % self.every == 0 or step == steps


def evaluate(
    mixture: Mixture, n: int, play: Callable[[Sequence[Job]], Iterable[Rollout]], devices: Devices = SINGLE
) -> dict[str, float]:
    """Play the first ``n`` tasks of each source.

    Args:
        mixture: The sources.
        n: Tasks of each.
        play: Plays jobs in the sources' environments.
        devices: The processes that share the tasks; each must call this.

    Returns:
        ``eval_reward``, ``eval_accuracy`` and the other reward parts, ``eval_calls_TOOL`` per episode, and
        ``eval_infra_failures`` if there were any; with several sources also each one's, as ``NAME/eval_reward``.

    Raises:
        UsageError: A source has fewer than ``n`` tasks.
    """
    played = play(share(mixture.first(n), devices))
    rollouts = told(sorted(played, key=lambda rollout: rollout.index), devices)
    metrics = {**rollout_metrics(rollouts), **by_source(rollouts, mixture.names)}
    return {_renamed(name): value for name, value in metrics.items() if _kept(name, value)}


def _kept(name: str, value: float) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(_KEPT) or (last == "infra_failures" and value > 0)


def _renamed(name: str) -> str:
    source, slash, last = name.rpartition("/")
    return f"{source}{slash}eval_{last.removeprefix('part_')}"
