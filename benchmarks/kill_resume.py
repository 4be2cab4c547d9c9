"""A training run that is killed again and again, beside one that is left alone: they must end alike.

Each attempt is a process of its own, ``adagym train grpo ... --resume``, ended by SIGKILL at a random moment. A third
of the moments is uniform over the time that the run takes, start and end included; a third follows one of the next
lines of ``metrics.jsonl``, and a third the appearance of one of the next unfinished checkpoints, because that is where
something could be lost or doubled. When a killed run comes to its end, the next kills strike a new one.

Compared are ``metrics.jsonl`` (without times), the TensorBoard scalars, the weights and the optimiser's state.

Example: python benchmarks/kill_resume.py --kills 20 --json runs/kill_resume.json
"""

from __future__ import annotations

import functools
import json
import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import tyro

from adagym.algos.metrics import METRICS, read_metrics
from adagym.errors import InfraError
from adagym.evals.figures import publish

ENV = "adagym/VSPNavigation-v0"
SMALL = ("--tasks", "vsp-generated:sides=3-4,split=train,n=200", "--max-turns", "4", "--threads", "1")
"""Short episodes; one thread, because that many are as fast here and leave the other processor free."""


@dataclass(frozen=True)
class Options:
    """Kill and resume training runs, and compare them with one that was left alone."""

    kills: int = 20
    """How often to kill."""
    steps: int = 8
    """Steps of the run."""
    model: str | None = None
    """Model to start from, as for `adagym train grpo`. Default: a short cold start."""
    seed: int = 0
    """Seeds the run and the moments."""
    json: Path | None = None
    """Write the figures to this file."""


class Run(Protocol):
    """A process that trains."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        ...

    def kill(self) -> None:
        """Send SIGKILL."""
        ...

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        ...


Start = Callable[[Path], Run]
"""Starts or resumes a training run in a folder."""


def compare(start: Start, folder: Path, kills: int, seed: int) -> dict[str, float]:
    """Kill a run ``kills`` times and compare every run that came to its end with one that was left alone.

    Args:
        start: Starts or resumes the run.
        folder: Where the runs go.
        kills: How often to kill.
        seed: Seeds the moments.

    Raises:
        InfraError: A run that was not killed failed.
    """
    rng = np.random.default_rng(seed)
    whole = folder / "whole"
    began = time.perf_counter()
    attempt(start, whole, None)
    duration = time.perf_counter() - began
    done = resumed = 0
    runs: list[Path] = []
    while done < kills or not finished(runs[-1]):
        if not runs or finished(runs[-1]):
            runs.append(folder / f"killed-{len(runs)}")
        strike = MOMENTS[done % len(MOMENTS)](runs[-1], rng, duration) if done < kills else None
        resumed += any(runs[-1].glob("checkpoint-*"))
        done += attempt(start, runs[-1], strike)
    return {
        "kills": float(done),
        "runs": float(len(runs)),
        "resumed_from_a_checkpoint": float(resumed),
        **{f"equal_{name}": float(all(read(run) == read(whole) for run in runs)) for name, read in READERS.items()},
    }


def attempt(start: Start, out: Path, strike: Callable[[], bool] | None) -> bool:
    """Run once; kill it when ``strike`` says so. Return whether it was killed.

    Raises:
        InfraError: It failed by itself.
    """
    run = start(out)
    while strike is not None and run.poll() is None:
        if strike():
            run.kill()
            break
        time.sleep(0.001)
    code = run.wait()
    if code not in (0, -signal.SIGKILL):
        raise InfraError(f"The run in `{out}` ended by itself with {code}; what it printed stands above.")
    return code != 0


def finished(out: Path) -> bool:
    """Whether the run came to its end at some time: it draws the curves after everything that is compared."""
    return (out / "curves.png").is_file()


def _any_time(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    end = time.monotonic() + rng.uniform(0, duration)
    return lambda: time.monotonic() >= end


def _after_a_line(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    path = out / METRICS
    return _after(lambda: path.stat().st_size if path.is_file() else 0, int(rng.integers(1, 5)), rng.uniform(0, 0.1))


def _while_saving(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    return _after(lambda: sum(1 for _ in out.glob(".checkpoint-*")), int(rng.integers(1, 4)), rng.uniform(0, 0.05))


def _after(state: Callable[[], int], times: int, pause: float) -> Callable[[], bool]:
    """Strike ``pause`` seconds after the state has risen for the ``times``-th time."""
    seen, left, end = state(), times, float("inf")

    def strike() -> bool:
        nonlocal seen, left, end
        before, seen = seen, state()
        if seen > before:
            left -= 1
            end = time.monotonic() + pause if left == 0 else end
        return time.monotonic() >= end

    return strike


MOMENTS = (_any_time, _after_a_line, _while_saving)


def _metrics(out: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in line.items() if not name.startswith("seconds_")}
        for line in read_metrics(out / METRICS)
    ]


def _scalars(out: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of every resume
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    names = [name for name in events.Tags()["scalars"] if not name.startswith("seconds_")]
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in sorted(names)}


def _weights(out: Path) -> bytes:
    return (out / "model" / "model.safetensors").read_bytes()


def _optimiser(out: Path) -> str:
    (folder,) = out.glob("checkpoint-*")
    state = torch.load(folder / "optimiser.pt", weights_only=True)
    return json.dumps(state, default=lambda tensor: tensor.tolist())


READERS: dict[str, Callable[[Path], Any]] = {
    "metrics": _metrics,
    "tensorboard": _scalars,
    "weights": _weights,
    "optimiser": _optimiser,
}


def main(options: Options) -> None:
    """Run, print and write the figures."""
    started = time.perf_counter()
    adagym = [sys.executable, "-c", "import sys; from adagym.cli import main; sys.exit(main())"]
    with tempfile.TemporaryDirectory() as name:
        folder, model = Path(name), options.model
        if model is None:
            model = f"tiny:{folder / 'cold' / 'model'}"
            cold = ["--agent", "apprentice", "--n", "120", "--steps", "60", "--out", str(folder / "cold")]
            subprocess.run([*adagym, "train", "sft", ENV, *SMALL, *cold], check=True, stdout=subprocess.DEVNULL)
        run = ["--steps", str(options.steps), "--save-every", "2", "--prompts", "4", "--group-size", "4"]
        evaluation = ["--eval-every", "3", "--eval-n", "8", "--seed", str(options.seed)]
        command = [*adagym, "train", "grpo", ENV, "--model", model, *SMALL, *run, *evaluation]
        figures = compare(functools.partial(_start, command), folder, options.kills, options.seed)
    publish("Kill and resume", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


def _start(command: list[str], out: Path) -> Run:
    return subprocess.Popen([*command, "--out", str(out), "--resume"], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
