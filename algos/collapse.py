"""When to stop a run that learns no more: the entropy left its range, or the reward stopped varying."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adagym.errors import UsageError

_EQUAL = 1e-9
"""Means of equal rewards may differ in their last bits."""


@dataclass(frozen=True)
class CollapseConfig:
    """What counts as a collapse. Every check is off by default."""

    entropy_min: float | None = None
    """Stop below this entropy, in nats per token (the policy always writes the same)."""
    entropy_max: float | None = None
    """Stop above this entropy (the policy writes noise)."""
    patience: int = 5
    """The entropy is out of range in so many updates in a row."""
    constant_parts: int = 0
    """Stop when the total reward, or each of its parts, had one and the same mean in so many steps in a row; 0 never
    stops for that."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.patience < 1 or self.constant_parts < 0 or self.constant_parts == 1:
            raise UsageError(
                f"patience is {self.patience} and must be at least 1; constant_parts is {self.constant_parts} and must "
                "be 0 (off) or at least 2 steps."
            )
        if self.entropy_min is not None and self.entropy_max is not None and self.entropy_min >= self.entropy_max:
            raise UsageError(f"entropy_min {self.entropy_min} is not below entropy_max {self.entropy_max}.")


class CollapseWatch:
    """Follows a run step by step. Its state is a function of the metrics seen, which a resumed run shows it again.

    Args:
        config: See :class:`CollapseConfig`.
    """

    def __init__(self, config: CollapseConfig) -> None:
        self._config = config
        self._entropies: deque[float] = deque(maxlen=config.patience)
        self._rewards: deque[dict[str, float]] = deque(maxlen=config.constant_parts)

    def check(self, metrics: Mapping[str, float]) -> str | None:
        """Take one more step's metrics; return why to stop and what to do, or None to go on.

        Steps without an update have no entropy, and steps in which nothing could be scored no reward: they count
        neither way.
        """
        if "entropy" in metrics:
            self._entropies.append(metrics["entropy"])
        if "reward" in metrics:
            kept = {name: value for name, value in metrics.items() if name == "reward" or name.startswith("part_")}
            self._rewards.append(kept)
        return self._entropy() or self._constant()

    def _entropy(self) -> str | None:
        low, high, seen = self._config.entropy_min, self._config.entropy_max, list(self._entropies)
        if len(seen) < self._config.patience:
            return None
        if low is not None and all(value < low for value in seen):
            return (
                f"The entropy was below {low:g} in the last {len(seen)} updates (now {seen[-1]:.3g} nats per token): "
                "the policy hardly varies, so its groups teach nothing. Start again with a lower "
                "learning rate, a wider upper clip or a KL term."
            )
        # Not "above": an entropy that is no number has left the range too.
        if high is not None and not any(value <= high for value in seen):
            return (
                f"The entropy was above {high:g} in the last {len(seen)} updates (now {seen[-1]:.3g} nats per token): "
                "the policy falls apart. Start again with a lower learning rate or a KL term."
            )
        return None

    def _constant(self) -> str | None:
        window = self._config.constant_parts
        if not window or len(self._rewards) < window:
            return None
        if _constant(self._rewards, "reward"):
            what = f"The total reward was {self._rewards[-1]['reward']:g}"
        else:
            parts = sorted({name for record in self._rewards for name in record} - {"reward"})
            if not parts or not all(_constant(self._rewards, part) for part in parts):
                return None
            told = ", ".join(f"{part.removeprefix('part_')} {self._rewards[-1][part]:g}" for part in parts)
            what = f"Each part of the reward was the same ({told})"
        return (
            f"{what} in each of the last {window} steps, and what does not vary teaches nothing. If the tasks are "
            "solved, take harder ones; if nothing succeeds, take easier ones or a longer cold start; else check the "
            "scorer."
        )


def _constant(records: Sequence[Mapping[str, float]] | deque[dict[str, float]], name: str) -> bool:
    values = [record.get(name) for record in records]
    known = [value for value in values if value is not None]
    return len(known) == len(values) and max(known) - min(known) <= _EQUAL
