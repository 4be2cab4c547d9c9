"""A soak: many episodes at the same time, for as long as asked, while memory, threads and open files are watched.

Whenever an episode ends another begins in its place, so that their number stays the same. Actions are valid, spoiled
and absurd ones (``adagym.hostile``). Every episode must end exactly once, and a sample of them is played again: it must
come out the same although nothing else runs beside it then.

Example: python benchmarks/soak.py --concurrent 1000 --episodes 20000 --tools workers --json runs/soak.json
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro

import adagym  # noqa: F401  (registers the environments)
from adagym.envs.vector import ToolVectorEnv, Workers
from adagym.evals.figures import publish
from adagym.hostile import Hostile
from adagym.testing import digest
from adagym.tools.backends import close_backends
from adagym.types import Trajectory

REPLAYED = 100
"""One in so many episodes is played again."""


@dataclass(frozen=True)
class Options:
    """Play many episodes at the same time."""

    concurrent: int = 1_000
    """Episodes that run at the same time."""
    episodes: int = 3_000
    """How many to play."""
    env: str = "adagym/VSPNavigation-v0"
    """The environment."""
    tasks: str | None = "vsp-generated:sides=3-6,n=500"
    """Its task source."""
    tools: str | None = None
    """What runs the tools, for example `workers`. Default: the environment's process."""
    workers: Workers = "threads"
    """What steps the environments."""
    num_workers: int = 8
    """How many threads or processes step them."""
    seed: int = 0
    """Seeds tasks and actions."""
    json: Path | None = None
    """Write the figures to this file."""


@dataclass
class Seen:
    """What was counted."""

    ended: Counter[int] = field(default_factory=Counter)
    """How often the episode of each number ended."""
    outcomes: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    replayed: int = 0
    steps: int = 0
    waves: list[float] = field(default_factory=list)
    """Seconds of each round of steps."""
    memory: list[float] = field(default_factory=list)


class Soak:
    """The environments, and which episode each of them plays."""

    def __init__(self, options: Options) -> None:
        self.options, self.seen = options, Seen()
        given: dict[str, Any] = {"tasks": options.tasks, "tools": options.tools}
        self._make: Any = functools.partial(gym.make, options.env, disable_env_checker=True, **given)
        self._envs = ToolVectorEnv(
            self._make, options.concurrent, workers=options.workers, num_workers=options.num_workers
        )
        self._hostile = Hostile(np.random.default_rng(options.seed), rare=("OCR",))
        self._playing: dict[int, int] = {}
        self._numbers: Iterator[int] = iter(range(options.episodes))

    def run(self) -> Seen:
        """Play all episodes."""
        self._begin(list(range(self.options.concurrent)))
        while self._playing:
            self._wave()
        self._envs.close()
        return self.seen

    def _begin(self, places: list[int]) -> None:
        begun = dict(zip(places, self._numbers))  # noqa: B905  (the numbers end before the places do)
        if begun:
            seeds = [self.options.seed + number for number in begun.values()]
            self._envs.reset_some(list(begun), seeds, [None] * len(begun))
        self._playing |= begun

    def _wave(self) -> None:
        places = list(self._playing)
        space: Any = self._envs.single_action_space
        actions = [self._hostile.action(space) for _ in places]
        began = time.perf_counter()
        results = self._envs.step_some(places, actions)
        self.seen.waves.append(time.perf_counter() - began)
        self.seen.steps += len(places)
        over = [place for place, step in zip(places, results, strict=True) if step.terminated or step.truncated]
        for place, trajectory in zip(over, self._envs.trajectories(over), strict=True):
            self._end(self._playing.pop(place), trajectory)
        self._begin(over)

    def _end(self, number: int, trajectory: Trajectory) -> None:
        self.seen.ended[number] += 1
        self.seen.outcomes[trajectory.outcome] += 1
        if number % REPLAYED == 0 and trajectory.outcome != "infra_failure":
            self.seen.replayed += 1
            self.seen.differing += not self._same(number, trajectory)
        total = self.seen.ended.total()
        if total * 20 // self.options.episodes > len(self.seen.memory):
            self.seen.memory.append(memory_mb())
            print(f"{total} episodes, {self.seen.memory[-1]:.0f} MB", file=sys.stderr)

    def _same(self, number: int, trajectory: Trajectory) -> bool:
        """Whether the episode comes out the same when it is played alone. Only actions that are texts are kept."""
        if any(step.parsed.error_kind in ("not_text", "bad_unicode") for step in trajectory.steps):
            return True
        env = self._make().unwrapped
        env.reset(seed=self.options.seed + number)
        for step in trajectory.steps:
            env.step(step.action)
        same = digest(env.trajectory()) == digest(trajectory)
        env.close()
        return same


def memory_mb() -> float:
    """Resident memory of this process, MB; 0 where the system does not tell."""
    gc.collect()
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * 4096 / 1e6 if file.is_file() else 0.0


def open_files() -> int:
    """File descriptors of this process; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def main(options: Options) -> None:
    """Play, print and write the figures."""
    warnings.simplefilter("error")
    started, files, threads = time.perf_counter(), open_files(), threading.active_count()
    seen = Soak(options).run()
    close_backends()
    seconds = time.perf_counter() - started
    third = seen.memory[len(seen.memory) // 3 :] or [0.0]
    figures: dict[str, Any] = {
        "episodes": seen.ended.total(),
        "concurrent": options.concurrent,
        "lost": options.episodes - len(seen.ended),
        "duplicated": sum(count - 1 for count in seen.ended.values()),
        "replayed": seen.replayed,
        "differing": seen.differing,
        **{f"outcome_{name}": count for name, count in sorted(seen.outcomes.items())},
        "steps_per_second": seen.steps / seconds,
        "wave_seconds_p99": float(np.percentile(seen.waves, 99)),
        "memory_mb": third[-1],
        "memory_growth_mb": third[-1] - third[0],
        "files_left_open": open_files() - files,
        "threads_left": threading.active_count() - threads,
    }
    publish("Soak", figures, seed=options.seed, seconds=seconds, path=options.json)
    bad = figures["lost"] + figures["duplicated"] + seen.differing + seen.outcomes["infra_failure"]
    if bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
