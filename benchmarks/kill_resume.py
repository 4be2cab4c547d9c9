"""A training run that is killed again and again, beside one that is left alone: they must end alike.

Each attempt is a process of its own, ``adagym train grpo ... --resume``, ended by SIGKILL at a random moment. A third
of the moments is uniform over the time that the run takes, start and end included; a third follows a new line of
``metrics.jsonl``, and a third the appearance of an unfinished checkpoint, because that is where something could be
lost or doubled. When a killed run comes to its end, the next kills strike a new one.

Compared are ``metrics.jsonl`` (without times), the TensorBoard scalars, the weights and the optimiser's state.

Example: python benchmarks/kill_resume.py --kills 20 --json runs/kill_resume.json
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def compare(command: Sequence[str], folder: Path, kills: int, seed: int) -> dict[str, float]:
    """Kill a run ``kills`` times and compare every run that came to its end with one that was left alone.

    Args:
        command: ``... train grpo ...`` without ``--out`` and ``--resume``.
        folder: Where the runs go.
        kills: How often to kill.
        seed: Seeds the moments.

    Raises:
        InfraError: A run that was not killed failed.
    """
    rng = np.random.default_rng(seed)
    whole = folder / "whole"
    began = time.perf_counter()
    attempt(command, whole, None)
    duration = time.perf_counter() - began
    done = resumed = 0
    runs: list[Path] = []
    while done < kills or not finished(runs[-1]):
        if not runs or finished(runs[-1]):
            runs.append(folder / f"killed-{len(runs)}")
        strike = MOMENTS[done % len(MOMENTS)](runs[-1], rng, duration) if done < kills else None
        resumed += any(runs[-1].glob("checkpoint-*"))
        done += attempt(command, runs[-1], strike)
    return {
        "kills": float(done),
        "runs": float(len(runs)),
        "resumed_from_a_checkpoint": float(resumed),
        **{f"equal_{name}": float(all(read(run) == read(whole) for run in runs)) for name, read in READERS.items()},
    }


def attempt(command: Sequence[str], out: Path, strike: Callable[[], bool] | None) -> bool:
    """Run the command once; kill it when ``strike`` says so. Return whether it was killed.

    Raises:
        InfraError: It failed by itself.
    """
    with tempfile.TemporaryFile() as output:
        run = subprocess.Popen([*command, "--out", str(out), "--resume"], stdout=output, stderr=subprocess.STDOUT)
        while strike is not None and run.poll() is None:
            if strike():
                run.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        code = run.wait()
        if code not in (0, -signal.SIGKILL):
            output.seek(0)
            raise InfraError(f"`{' '.join(command)}` ended with {code}:\n{output.read().decode(errors='replace')}")
    return code != 0


def finished(out: Path) -> bool:
    """Whether the run came to its end at some time: it draws the curves after everything that is compared."""
    return (out / "curves.png").is_file()


def _any_time(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    end = time.monotonic() + rng.uniform(0, duration)
    return lambda: time.monotonic() >= end


def _after_a_line(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    path, pause = out / METRICS, rng.uniform(0, 0.1)
    return _after(lambda: path.stat().st_size if path.is_file() else 0, pause)


def _while_saving(out: Path, rng: np.random.Generator, duration: float) -> Callable[[], bool]:
    # What a kill left behind is there from the start; another number of hidden folders is a new one.
    return _after(lambda: sum(1 for _ in out.glob(".checkpoint-*")), rng.uniform(0, 0.05))


def _after(state: Callable[[], int], pause: float) -> Callable[[], bool]:
    """Strike ``pause`` seconds after the state changes from what it is now."""
    first = state()
    ends: list[float] = []

    def strike() -> bool:
        if not ends and state() != first:
            ends.append(time.monotonic() + pause)
        return bool(ends) and time.monotonic() >= ends[0]

    return strike


MOMENTS = (_any_time, _after_a_line, _while_saving)


def _metrics(out: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in line.items() if not name.startswith("seconds_")}
        for line in read_metrics(out / METRICS)
    ]


def _scalars(out: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

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
        figures = compare(command, folder, options.kills, options.seed)
    publish("Kill and resume", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
