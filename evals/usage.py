"""What episodes used: tokens, seconds and retries, in ``usage.jsonl`` beside the episodes.

It is kept apart from the episodes because it differs from run to run, while episodes replay to the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from adagym.algos.collect import Rollout
from adagym.errors import UsageError
from adagym.evals.statistics import quantile

USAGE = "usage.jsonl"

Key = tuple[str, int | None]
"""Task id and seed: identifies an episode within a run."""


@dataclass(frozen=True)
class Prices:
    """Of a million tokens, in any currency."""

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        """Check that they are prices."""
        if not (self.prompt >= 0 and self.completion >= 0):
            raise UsageError(f"Prices are at least 0, not {self.prompt} and {self.completion}.")

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True)
class EpisodeUsage:
    """What one episode used, attempts that infrastructure voided included."""

    id: str
    """The task's."""
    seed: int | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: tuple[float, ...] = ()
    """Of each turn whose time is known."""
    retries: int = 0
    """How often the episode was played again because infrastructure had voided it."""
    errors: tuple[str, ...] = ()
    """What broke, once per voided attempt."""
    known: bool = False
    """Whether the agent said how many tokens it used."""
    request_retries: int = 0
    """Requests to an endpoint that failed before one counted."""
    dropped_images: int = 0
    """Pictures that the agent left out of its prompts because they did not fit."""

    @classmethod
    def of(cls, rollout: Rollout) -> EpisodeUsage:
        """What a played episode used."""
        turns, error = rollout.usage, rollout.trajectory.error
        return cls(
            rollout.trajectory.task.id,
            rollout.job.seed,
            sum(turn.prompt_tokens or 0 for turn in turns),
            sum(turn.completion_tokens or 0 for turn in turns),
            tuple(round(turn.seconds, 3) for turn in turns),
            errors=() if error is None else (error,),
            known=any(turn.prompt_tokens is not None for turn in turns),
            request_retries=sum(turn.retries for turn in turns),
            dropped_images=sum(turn.dropped_images for turn in turns),
        )

    @property
    def key(self) -> Key:
        """What identifies the episode."""
        return self.id, self.seed

    def after(self, earlier: EpisodeUsage | None) -> EpisodeUsage:
        """This attempt and the voided ones before it, together."""
        if earlier is None:
            return self
        return replace(
            self,
            prompt_tokens=earlier.prompt_tokens + self.prompt_tokens,
            completion_tokens=earlier.completion_tokens + self.completion_tokens,
            seconds=earlier.seconds + self.seconds,
            retries=earlier.retries + 1,
            errors=earlier.errors + self.errors,
            known=earlier.known or self.known,
            request_retries=earlier.request_retries + self.request_retries,
            dropped_images=earlier.dropped_images + self.dropped_images,
        )


def write_usage(path: Path, usages: Iterable[EpisodeUsage]) -> None:
    """Write a file of usages so that a reader sees the old file or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(b"".join(_line(usage) for usage in usages))
    part.replace(path)


def append_usage(path: Path, usage: EpisodeUsage) -> None:
    """Add one episode."""
    with path.open("ab", buffering=0) as file:
        file.write(_line(usage))


def read_usage(path: Path) -> dict[Key, EpisodeUsage]:
    """The usage of each episode: the last line of each counts; a torn or unknown line is left out."""
    found: dict[Key, EpisodeUsage] = {}
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        usage = _read(line) if line.endswith(b"\n") else None
        if usage is not None:
            found[usage.key] = usage
    return found


def usage_figures(usages: Sequence[EpisodeUsage], prices: Prices | None = None) -> dict[str, Any]:
    """Totals and latencies for a summary.

    Returns:
        ``episodes`` (those whose tokens are known), ``prompt_tokens``, ``completion_tokens``, ``tokens_per_sample``,
        ``latency_p50`` and ``latency_p95`` (seconds per turn), ``request_retries``, ``dropped_images``, and ``cost``;
        None for what is not known.
    """
    known = [usage for usage in usages if usage.known]
    seconds = [second for usage in usages for second in usage.seconds]
    prompt = sum(usage.prompt_tokens for usage in known)
    completion = sum(usage.completion_tokens for usage in known)
    return {
        "episodes": len(known),
        "prompt_tokens": prompt if known else None,
        "completion_tokens": completion if known else None,
        "tokens_per_sample": (prompt + completion) / len(known) if known else None,
        "latency_p50": quantile(seconds, 0.5),
        "latency_p95": quantile(seconds, 0.95),
        "request_retries": sum(usage.request_retries for usage in usages),
        "dropped_images": sum(usage.dropped_images for usage in usages),
        "cost": prices.cost(prompt, completion) if known and prices is not None else None,
    }


def _line(usage: EpisodeUsage) -> bytes:
    return json.dumps(vars(usage), ensure_ascii=False).encode() + b"\n"


def _read(line: bytes) -> EpisodeUsage | None:
    names = {entry.name for entry in fields(EpisodeUsage)}
    try:
        value: Mapping[str, Any] = json.loads(line)
        known: dict[str, Any] = {
            name: tuple(item) if isinstance(item, list) else item for name, item in value.items() if name in names
        }
        return EpisodeUsage(**known)
    except (ValueError, TypeError, AttributeError):
        return None
