"""Peak memory of an episode of visual search at 8K, and seconds to draw its picture.

The expert plays one episode in a fresh interpreter: it points at an object, crops around it, and answers. The peak is
what the system counted for that process, with all that it imported. Linux and macOS.

Example: python benchmarks/vstar_memory.py --json runs/vstar_memory.json
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import conversation_at
from adagym.envs.vstar import VStar
from adagym.evals.figures import publish


@dataclass(frozen=True)
class Options:
    """Measure the memory of an episode."""

    side: int = 7680
    """Width of the picture in pixels."""
    kind: str = "colour"
    """Kind of question; `text` adds what the OCR engine needs."""
    seed: int = 0
    """Seeds the task."""
    json: Path | None = None
    """Write the figures to this file."""


def episode(side: int, kind: str, seed: int) -> dict[str, float]:
    """Play an episode; return peaks in MB and seconds."""
    env = VStar(f"vstar:side={side},seed={seed},n=1,kinds={kind}")
    figures = {"imports_mb": peak()}
    begun = time.perf_counter()
    env.reset(seed=seed)
    figures |= {"reset_seconds": time.perf_counter() - begun, "reset_mb": peak()}
    agent, done, begun = ExpertAgent(), False, time.perf_counter()
    while not done:
        (action,) = agent.act([conversation_at(env, "", turn=len(env.trajectory().steps))])
        _, reward, terminated, truncated, _ = env.step(action)
        done = terminated or truncated
    figures |= {"episode_seconds": time.perf_counter() - begun, "episode_mb": peak(), "reward": reward}
    return figures


def peak() -> float:
    """Most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        played = pool.apply(episode, (options.side, options.kind, options.seed))
    figures = {"side": options.side, "kind": options.kind, **played}
    title = f"Visual search, {options.side} pixels wide"
    publish(title, figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
