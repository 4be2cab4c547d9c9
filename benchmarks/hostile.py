"""Hostile actions in every environment: exceptions out of ``step``, observations outside the space, memory.

All environments and dialects take turns, an episode each. Whatever goes wrong is printed with what it takes to see it
again; the exit code is 1 if anything did.

Example: python benchmarks/hostile.py --actions 1000000 --json runs/hostile.json
"""

from __future__ import annotations

import gc
import math
import sys
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

from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.episode import Snapshot
from adagym.evals.figures import publish
from adagym.hostile import Hostile
from adagym.protocol import DIALECTS

SMALL = {
    "adagym/VSPNavigation-v0": "vsp-generated:sides=3-5,n=20",
    "adagym/VSPVerification-v0": "vsp-generated:sides=3-5,n=20",
    "adagym/VStar-v0": "vstar:side=320,difficulty=easy,n=8",
    "adagym/VideoQA-v0": "video:side=640,seconds=13,events=5,n=8",
    "adagym/ImageQA-v0": "images:side=320,n=8",
}
"""Task sources with small pictures, where an environment's own have large ones."""
SAMPLES = 50
"""How often the memory is looked at."""
SLOW = ("OCR", "Point")
"""Tools that read a picture for as long as a thousand steps take; they are called less often."""
TURNS = 20
"""Actions of an episode at most."""
STARTS = 3
"""Beginnings of each environment that are kept, and come back in nine of ten episodes."""


@dataclass(frozen=True)
class Options:
    """Play hostile actions."""

    actions: int = 20_000
    """How many, over all environments."""
    envs: str = ",".join(ENVS.names())
    """Environments, joined by commas."""
    seed: int = 0
    """Seeds tasks and actions."""
    json: Path | None = None
    """Write the figures to this file."""


@dataclass
class Seen:
    """What was counted."""

    actions: int = 0
    exceptions: int = 0
    outside: int = 0
    odd_rewards: int = 0
    infra_failures: int = 0
    episodes: int = 0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    parsed: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)


def play(env: ToolEnv, hostile: Hostile, seed: int, seen: Seen) -> None:
    """Play a begun episode to its end with hostile actions."""
    seen.episodes += 1
    for turn in range(1, 100):
        action = hostile.action(env.action_space)
        seen.actions += 1
        began = time.perf_counter()
        try:
            observation, reward, terminated, truncated, info = env.step(action)
        except Exception as error:  # the very thing that is looked for
            seen.exceptions += 1
            return _tell(env, seed, turn, action, f"raised {error!r}")
        seen.slowest = max(seen.slowest, time.perf_counter() - began)
        seen.parsed["call" if info["result"] else info["parse_error"] or "answer"] += 1
        if observation not in env.observation_space:
            seen.outside += 1
            _tell(env, seed, turn, action, "gave an observation outside the space")
        if not math.isfinite(reward):
            seen.odd_rewards += 1
            _tell(env, seed, turn, action, f"gave the reward {reward}")
        if info["outcome"] == "infra_failure":
            seen.infra_failures += 1
            _tell(env, seed, turn, action, f"broke a tool: {env.trajectory().error}")
        if terminated or truncated:
            seen.outcomes[info["outcome"]] += 1
            return None
    raise RuntimeError(f"An episode of {env.env_id} did not end.")


def _tell(env: ToolEnv, seed: int, turn: int, action: Any, what: str) -> None:
    text = repr(action)
    shown = text if len(text) < 2000 else f"{text[:2000]}... ({len(text)} characters)"
    print(f"{env.env_id} {env.action_space.dialect} seed={seed} turn={turn}: {what}\n  {shown}", file=sys.stderr)


def _environments(options: Options) -> Iterator[ToolEnv]:
    for name in options.envs.split(","):
        for dialect in DIALECTS.names():
            tasks: dict[str, Any] = {"tasks": SMALL[name]} if name in SMALL else {}
            env: Any = gym.make(name, dialect=dialect, max_turns=TURNS, disable_env_checker=True, **tasks).unwrapped
            yield env


def _memory_mb() -> float:
    """Resident memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").is_file() else 0
    return pages * 4096 / 1e6


def run(options: Options) -> Seen:
    """Play until the number of actions is reached."""
    seen, envs = Seen(), list(_environments(options))
    hostile = Hostile(np.random.default_rng(options.seed), rare=SLOW)
    starts: dict[tuple[int, int], Snapshot] = {}
    step = max(1, options.actions // SAMPLES)
    while seen.actions < options.actions:
        number, which = divmod(seen.episodes, len(envs))
        seed = options.seed + (number if number % 10 == 0 else number % STARTS)
        env, kept = envs[which], starts.get((which, seed))
        if kept is None:
            env.reset(seed=seed)
            if number < STARTS:
                starts[which, seed] = env.snapshot()
        else:
            env.restore(kept)
        play(env, hostile, seed, seen)
        if seen.actions >= step * (len(seen.memory) + 1):
            seen.memory.append(_memory_mb())
            if len(seen.memory) % 5 == 0:
                print(f"{seen.actions} actions, {seen.memory[-1]:.0f} MB", file=sys.stderr)
    for env in envs:
        env.close()
    return seen


def main(options: Options) -> None:
    """Play, print and write the figures."""
    warnings.simplefilter("error")
    started = time.perf_counter()
    seen = run(options)
    seconds = time.perf_counter() - started
    # Caches fill during the first third; what comes after should be level.
    level = seen.memory[len(seen.memory) // 3 :] or [0.0]
    figures = {
        "actions": seen.actions,
        "episodes": seen.episodes,
        "exceptions": seen.exceptions,
        "outside_space": seen.outside,
        "odd_rewards": seen.odd_rewards,
        "infra_failures": seen.infra_failures,
        "slowest_step_ms": 1000 * seen.slowest,
        "memory_mb": level[-1],
        "memory_growth_mb": float(np.median(level[-5:]) - np.median(level[:5])),
        "actions_per_second": seen.actions / seconds,
        **{f"outcome_{name}": count for name, count in sorted(seen.outcomes.items())},
        **{f"read_as_{name}": count for name, count in seen.parsed.most_common()},
    }
    publish("Hostile actions", figures, seed=options.seed, seconds=seconds, path=options.json)
    if seen.exceptions or seen.outside or seen.odd_rewards or seen.infra_failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
