"""Speed of an image step: VSPNavigation beside Gymnasium's FrozenLake with ``rgb_array`` rendering.

Both run in this process, in turns, on maps of the same side and the same picture size. A step of VSPNavigation
reads the action text, runs a tool on the pixels (``Point`` and ``Draw2DPath`` in turn, on a map not seen before)
and returns a new picture; a step of FrozenLake moves and renders. Resets are outside the timed parts.

Example: python benchmarks/env_speed.py --json runs/env_speed.json
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import tyro
from gymnasium.envs.toy_text.frozen_lake import generate_random_map

from adagym.envs.base import ToolEnv
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.evals.figures import publish
from adagym.protocol import DIALECTS
from adagym.types import ToolCall

SIDES = (4, 8)
"""Sides of the maps; the pictures are 256 and 512 pixels wide in both environments."""

CELL = 64

WARM_UP = 3
"""Maps played before anything is counted."""

# SDL, which Gymnasium's renderer starts, otherwise complains on machines without a desktop session.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())


@dataclass(frozen=True)
class Options:
    """Measure steps per second and reset times."""

    episodes: int = 60
    """Maps per side; each is played for ``steps`` steps in either environment."""
    steps: int = 8
    """Steps per map."""
    seed: int = 0
    """Seeds the maps."""
    json: Path | None = None
    """Write the figures to this file."""


def step_seconds(side: int, options: Options) -> tuple[list[float], list[float]]:
    """Seconds per step of VSPNavigation and of FrozenLake, one value each per map, measured in turns."""
    env = VSPNavigation(_source(side, options), max_turns=options.steps + 1)
    pairs = [
        (_vsp_seconds(env, episode, options), _lake_seconds(side, options.seed + episode, options))
        for episode in range(WARM_UP + options.episodes)
    ]
    env.close()
    ours, theirs = zip(*pairs[WARM_UP:], strict=True)
    return list(ours), list(theirs)


def _vsp_seconds(env: ToolEnv, episode: int, options: Options) -> float:
    env.reset(seed=options.seed, options={"task": episode})
    actions = [_action(env, step) for step in range(options.steps)]
    started = time.perf_counter()
    for action in actions:
        observation, *_ = env.step(action)
        if not observation["images"]:
            raise RuntimeError(f"A step returned no picture but: {observation['text']}")
    return (time.perf_counter() - started) / options.steps


def _lake_seconds(side: int, seed: int, options: Options) -> float:
    lake = generate_random_map(size=side, p=0.8, seed=seed)
    env = gym.make("FrozenLake-v1", desc=lake, is_slippery=False, render_mode="rgb_array").unwrapped
    env.reset(seed=seed)
    env.render()  # the first call starts pygame and loads the pictures
    started = time.perf_counter()
    for step in range(options.steps):
        env.step(2 * (step % 2))  # left and right in turn
        env.render()
    seconds = (time.perf_counter() - started) / options.steps
    env.close()
    return seconds


def reset_ms(side: int, options: Options) -> float:
    """Median milliseconds of a reset to a map not seen before."""
    env = VSPNavigation(_source(side, options))
    times = []
    for episode in range(options.episodes):
        started = time.perf_counter()
        env.reset(seed=options.seed, options={"task": episode})
        times.append(time.perf_counter() - started)
    env.close()
    return 1000 * statistics.median(times)


def _source(side: int, options: Options) -> str:
    return f"vsp-generated:sides={side},split=test,seed={options.seed},n={WARM_UP + options.episodes},cell={CELL}"


def _action(env: ToolEnv, step: int) -> str:
    if step % 2 == 0:
        call = ToolCall("Point", {"image": "img_1", "description": "Gift"})
    else:
        inside = [CELL // 2 + CELL, CELL // 2 + CELL]  # one cell away from the top left corner
        call = ToolCall("Draw2DPath", {"image": "img_1", "start_point": inside, "directions": "L,R,U,D"})
    return DIALECTS.load(env.trajectory().dialect).write_call(call, "Next.")


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    figures: dict[str, float] = {}
    for side in SIDES:
        ours, theirs = step_seconds(side, options)
        figures[f"steps_per_second_{side}x{side}"] = 1 / statistics.median(ours)
        figures[f"gymnasium_steps_per_second_{side}x{side}"] = 1 / statistics.median(theirs)
        pairs = zip(ours, theirs, strict=True)
        figures[f"ratio_{side}x{side}"] = statistics.median(their / our for our, their in pairs)
    figures["ratio_vs_gymnasium"] = min(figures[f"ratio_{side}x{side}"] for side in SIDES)
    figures["reset_ms_9x9"] = reset_ms(9, options)
    publish("Environment speed", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
