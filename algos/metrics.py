"""What a training step reports, and where it is written."""

from __future__ import annotations

import json
import warnings
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adagym.algos.collect import Rollout
from adagym.errors import require

METRICS = "metrics.jsonl"
"""The file of a run's metrics, a line per step. Step 0, if there, is the evaluation before training."""


def rollout_metrics(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Averages over a batch of episodes; those that infrastructure broke are only counted.

    Keys: ``reward`` (if any episode could be scored), ``part_*`` (reward parts), ``calls_*`` (calls per sample by
    tool), ``call_success_rate``, ``turns``, ``sampled_tokens``, ``truncated``, ``infra_failures``.
    """
    scored = [rollout for rollout in rollouts if rollout.trajectory.outcome != "infra_failure"]
    metrics = {"infra_failures": float(len(rollouts) - len(scored))}
    if not scored:
        return metrics
    trajectories = [rollout.trajectory for rollout in scored]
    count = len(scored)
    # Names that a model made up share one key: there may be any number of them.
    calls = Counter(call.tool if call.check.known else "unknown" for t in trajectories for call in t.calls)
    succeeded = sum(call.ok for trajectory in trajectories for call in trajectory.calls)
    rewards = [trajectory.reward for trajectory in trajectories if trajectory.reward is not None]
    if rewards:
        metrics["reward"] = sum(rewards) / len(rewards)
    metrics |= {
        "turns": sum(len(trajectory.steps) for trajectory in trajectories) / count,
        "truncated": sum(trajectory.outcome == "truncated" for trajectory in trajectories) / count,
        "call_success_rate": succeeded / max(1, calls.total()),
        "sampled_tokens": sum(int(r.tokens.sampled.sum()) for r in scored if r.tokens is not None) / count,
    }
    metrics |= {f"calls_{tool}": number / count for tool, number in sorted(calls.items())}
    for part in sorted({name for trajectory in trajectories for name in trajectory.reward_parts}):
        values = [value for t in trajectories if (value := t.reward_parts.get(part)) is not None]
        if values:
            metrics[f"part_{part}"] = sum(values) / len(values)
    return metrics


def by_source(rollouts: Sequence[Rollout], names: Sequence[str]) -> dict[str, float]:
    """The same averages for each source of a mixture, under ``NAME/``; nothing if there is only one.

    A source that had no episode has no metrics but ``NAME/episodes``, which counts them.
    """
    metrics: dict[str, float] = {}
    for name in names if len(names) > 1 else ():
        own = [rollout for rollout in rollouts if rollout.job.env == name]
        metrics[f"{name}/episodes"] = float(len(own))
        if own:
            metrics |= {f"{name}/{key}": value for key, value in rollout_metrics(own).items()}
    return metrics


class ConstantAlarm:
    """Says when a reward part has been 0 for a while: often a scorer that silently stopped working.

    Args:
        window: Steps at 0 that raise the alarm; it is raised again after as many more.
    """

    def __init__(self, window: int = 20) -> None:
        self._window = window
        self._seen: dict[str, deque[float]] = {}

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """Return the parts that have been 0 in every one of the last ``window`` steps."""
        flat: list[str] = []
        for name, value in metrics.items():
            if name.rpartition("/")[2].startswith("part_"):
                values = self._seen.setdefault(name, deque(maxlen=self._window))
                values.append(value)
                if len(values) == self._window and not any(values):
                    flat.append(name)
                    values.clear()
        return flat


class MetricLog:
    """Metrics as JSON lines and, if asked, TensorBoard events.

    Args:
        out: Folder; None writes nothing.
        tensorboard: Whether to write events too.
    """

    def __init__(self, out: Path | None, tensorboard: bool) -> None:
        self._path = None if out is None else out / METRICS
        self._writer: Any = None
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            if tensorboard:
                self._writer = _writer(out)

    def write(self, step: int, metrics: Mapping[str, float], alarms: Sequence[str]) -> None:
        """Append one step; warn about each alarm."""
        for part in alarms:
            warnings.warn(f"The reward part `{part}` has been 0 for a long time; check its scorer.", stacklevel=2)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"step": step, **metrics}) + "\n")
        if self._writer is not None:
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, step)

    def rewind(self, step: int) -> None:
        """Forget what was written after ``step``: a resumed run writes it again."""
        if self._path is not None and self._path.is_file():
            kept = [line for line in self._path.read_text("utf-8").splitlines() if _step_of(line) <= step]
            half = self._path.with_suffix(".half")
            half.write_text("".join(f"{line}\n" for line in kept), "utf-8")
            half.replace(self._path)
        if self._writer is not None:
            self._writer.close()
            self._writer = _writer(Path(self._writer.log_dir).parent, purge_step=step + 1)

    def flush(self) -> None:
        """Write out what is buffered."""
        if self._writer is not None:
            self._writer.flush()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The metrics of every step in a file; a line torn by a kill is left out, and so is a missing file."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if _step_of(line) < float("inf")]


def _writer(out: Path, purge_step: int | None = None) -> Any:
    require("tensorboard", "train")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"), purge_step=purge_step)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError):  # a line torn by a kill
        return float("inf")
