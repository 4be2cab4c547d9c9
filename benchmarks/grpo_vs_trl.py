"""Our learner beside TRL's ``GRPOTrainer(environment_factory=...)``, on one model, the same tasks and budgets.

Each side runs in a process of its own, so that its peak memory is its own, and the two take turns step by step, so
that a busy machine slows both alike. Shared are: the weights (the embedded model after a short cold start in the
Hermes dialect, which both sides read), the tasks of every step, the group size, the token budget of a conversation,
the turn limit, the micro-batch, the number of threads, AdamW's rate, sampling at temperature 1, a frozen vision tower,
float32. TRL uses its own generation with transformers and its ``grpo`` loss without KL. Its chat template renders the
same text as ours, so both models read the same tokens. What is left to differ:

- Our turns stop at ``</tool_call>``; TRL samples the end token after it.
- We leave out groups whose rewards are all equal; TRL trains on them. Only trained tokens are counted.
- A malformed call ends the episode in TRL; here the model is told and may try again.

A rollout lasts from the first reset until all rewards are known; the update is the rest of the step. Ratios are
medians over the steps, ours over TRL's; those named ``cpu`` count processor time, which other work on the machine
changes less than the wall's. ``memory_ratio`` compares the peaks of resident memory, with everything that
either side imports; ``memory_ratio_above_load`` what each needs on top of what it held before its first step.

Then both compute advantages and loss of one fixed batch, with made-up rewards and old log-probabilities.

Example: python benchmarks/grpo_vs_trl.py --json runs/grpo_vs_trl.json
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from rich.console import Console

from adagym.errors import UsageError, require
from adagym.evals.figures import publish

if TYPE_CHECKING:
    from trl_sides import Figures


@dataclass(frozen=True)
class Options:
    """Compare rollout speed, update speed, memory, advantages and loss with TRL."""

    model: Path | None = None
    """A model from an earlier run's cold start. Default: cold-start the embedded model."""
    cold_start_steps: int = 100
    """Steps of the cold start; enough for most turns to be well-formed."""
    steps: int = 3
    """Steps to measure."""
    warm_up: int = 1
    """Steps before them that are not counted."""
    prompts: int = 8
    """Tasks per step."""
    group_size: int = 8
    """Episodes per task."""
    max_tokens: int = 1024
    """Tokens of a whole conversation."""
    max_new_tokens: int = 160
    """Tokens of one turn."""
    max_turns: int = 8
    """Turns of an episode."""
    micro_batch: int = 16
    """Episodes per forward pass of the update."""
    tool_images: bool = True
    """Whether the pictures that tools return are shown."""
    lr: float = 1e-5
    """AdamW's rate; low, so that both sides keep playing like the model they started from."""
    threads: int = 1
    """Processor threads of each side; only one side works at a time."""
    seed: int = 0
    """Seeds tasks, cold start and sampling."""
    json: Path | None = None
    """Write the figures to this file."""


class Side:
    """A process that plays one side.

    Args:
        target: What it runs; gets its end of a connection, and the arguments.
        arguments: Picklable.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        # A fresh interpreter: a forked one would count this process's memory as its own.
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=target, args=(other, *arguments), daemon=True)
        self._process.start()
        other.close()

    def step(self) -> Figures:
        """Let it do one step."""
        self._connection.send("step")
        figures: Figures = self.receive()
        return figures

    def receive(self) -> Any:
        """What it sends next.

        Raises:
            RuntimeError: The process ended instead; it has said why.
        """
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"{self._process.name} ended with exit code {self._process.exitcode}.") from None


def measure(options: Options, model: Path) -> dict[str, float]:
    """Run both sides and compare.

    Raises:
        UsageError: The options do not fit together.
        MissingExtra: TRL is not installed.
    """
    if options.prompts * options.group_size % options.micro_batch:
        raise UsageError(
            f"{options.prompts} x {options.group_size} episodes do not split into micro-batches of "
            f"{options.micro_batch}, which TRL needs; choose a divisor."
        )
    require("trl", "trl")
    import trl_agree
    import trl_sides

    shared = asdict(options)
    for name in ("model", "cold_start_steps", "warm_up", "json"):
        del shared[name]
    settings = trl_sides.Settings(**{**shared, "model": model, "steps": options.warm_up + options.steps})
    console = Console()
    if not (model / "config.json").is_file():
        starter = Side(trl_sides.cold_start, settings, options.cold_start_steps)
        with console.status(f"cold start, {options.cold_start_steps} steps"):
            starter.receive()
    ours, theirs = Side(trl_sides.play_ours, settings), Side(trl_sides.play_trl, settings)
    loaded = (ours.receive(), theirs.receive())
    pairs = play(ours, theirs, settings.steps, console)[options.warm_up :]
    peaks = (ours.receive(), theirs.receive())
    agreement: dict[str, float] = Side(trl_agree.agree, settings).receive()
    return {
        **compare(pairs, loaded, peaks),
        **agreement,
        **trl_sides.medians([pair[0] for pair in pairs], "ours"),
        **trl_sides.medians([pair[1] for pair in pairs], "trl"),
    }


def play(ours: Side, theirs: Side, steps: int, console: Console) -> list[tuple[Figures, Figures]]:
    """Let the sides take turns; who begins changes with every step."""
    pairs: list[tuple[Figures, Figures]] = []
    for step in range(steps):
        if step % 2:
            second, first = theirs.step(), ours.step()
        else:
            first, second = ours.step(), theirs.step()
        pairs.append((first, second))
        speeds = [side.sampled_tokens / side.rollout_seconds for side in pairs[-1]]
        seconds = [side.rollout_seconds + side.update_seconds for side in pairs[-1]]
        console.print(
            f"step {step + 1} of {steps}: rollouts {speeds[0]:.0f} and {speeds[1]:.0f} tokens per second, "
            f"whole steps {seconds[0]:.0f} and {seconds[1]:.0f} seconds (ours and TRL's)",
            highlight=False,
        )
    return pairs


def compare(
    pairs: list[tuple[Figures, Figures]], loaded: tuple[float, float], peaks: tuple[float, float]
) -> dict[str, float]:
    """Ratios of ours to TRL's: the median over the steps, the lowest and the highest.

    Args:
        pairs: Figures of ours and of TRL's, step by step.
        loaded: Resident megabytes before the first step.
        peaks: Peak resident megabytes.
    """
    figures: dict[str, float] = {}
    rates: dict[str, Callable[[Figures], float]] = {
        "rollout_ratio": lambda side: side.sampled_tokens / side.rollout_seconds,
        "update_ratio": lambda side: side.trained_tokens / side.update_seconds,
        "rollout_cpu_ratio": lambda side: side.sampled_tokens / side.rollout_cpu_seconds,
        "update_cpu_ratio": lambda side: side.trained_tokens / side.update_cpu_seconds,
    }
    for name, rate in rates.items():
        ratios = [rate(ours) / rate(theirs) for ours, theirs in pairs]
        figures |= {
            name: float(np.median(ratios)),
            f"{name}_lowest": min(ratios),
            f"{name}_highest": max(ratios),
        }
    return figures | {
        "memory_ratio": peaks[0] / peaks[1],
        "memory_ratio_above_load": (peaks[0] - loaded[0]) / (peaks[1] - loaded[1]),
        "ours_loaded_mb": loaded[0],
        "trl_loaded_mb": loaded[1],
        "ours_peak_mb": peaks[0],
        "trl_peak_mb": peaks[1],
    }


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    # Before any process imports a library that reads them.
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {**measure(options, options.model or Path(folder) / "model")}
    figures |= {"trl_version": version("trl")}
    publish("GRPO beside TRL", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
