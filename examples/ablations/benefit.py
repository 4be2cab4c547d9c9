"""Tools only where they help? AT-GRPO against Tool-GRPO and accuracy alone (AdaTooler-V, section 3).

Half of the navigation tasks give a safe path away in words: there a tool call is of no use. The Tool Benefit Score
of every training task is measured with the cold-started policy itself, with and without tools, less a small cost per
call.

Example: python examples/ablations/benefit.py --json benefit.json --figure docs/ablation-benefit.png
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tyro
from common import (
    MAX_NEW_TOKENS,
    NAVIGATION,
    Options,
    Outcome,
    cold_start,
    curves,
    held_out,
    improve,
    lessons,
    maker,
    measure,
    play,
    run,
    source,
)
from matplotlib.figure import Figure
from pictures import bars, save

from adagym.agents.apprentice import ApprenticeAgent, Mix
from adagym.agents.policy import PolicyAgent
from adagym.algos.benefit import TaskBenefit
from adagym.algos.benefit import measure as measure_benefit
from adagym.algos.mixture import Source
from adagym.envs.tasks.scored import net_benefit
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.types import Task, Trajectory

TOLD = ",told=0.5,sides=4-6"
"""Small maps, where a path is told in few enough moves that the embedded model repeats it without a slip: where it
slips once in ten times, looking for the path itself is the better way after all."""
MIX = Mix(careful=0.5, hasty=0.0, guess=0.5)
"""Half of the demonstrations call tools, on tasks of both kinds alike."""
SPEED = 4.0
"""Of learning: what is rewarded where the path is told must win against what is rewarded where it is not."""
KL = 0.05
"""Without it, calls that are unlearnt where the path is told are written worse where they are needed."""
K = 4
"""Episodes per task and condition; the paper takes 8."""
COST = 0.1
"""What a call costs, in units of the score. Without a cost the benefit of tools is 0 where the path is told, for a call
changes nothing, and a benefit of 0 rewards all numbers of calls alike."""
SCORED_PER_PROMPT = 24
"""Training tasks per task of a step; each of them is scored."""
ARMS = {"TC": "tc", "accuracy only": "accuracy", "Tool-GRPO": "tool_grpo", "AT-GRPO": "at_grpo"}
"""Label to name; those that are trained are named as their preset."""


def arms(seed: int, options: Options) -> Outcome:
    """Train and test all arms from one cold start, on the same scored tasks."""
    outcome = Outcome({}, {})
    policy = load_tiny()
    cold_start(policy, _shown(options, seed), options, seed)
    _test("tc", policy, options, outcome)
    origin = source(NAVIGATION, seed + 1000, n=SCORED_PER_PROMPT * options.prompts, extra=TOLD)
    tasks = scored(policy, origin, seed)
    for told in (True, False):
        scores = [
            task.tool_benefit for task in tasks if bool(task.meta.get("told")) is told and task.tool_benefit is not None
        ]
        outcome.figures[f"benefit_{'told' if told else 'untold'}"] = sum(scores) / len(scores)
    for arm in ("accuracy", "tool_grpo", "at_grpo"):
        trained = copy.deepcopy(policy)
        learnt = Source(NAVIGATION, {**origin.env, "tasks": tasks})
        outcome.curves[arm] = curves(improve(trained, [learnt], options, seed, arm, SPEED, KL))
        _test(arm, trained, options, outcome)
    return outcome


def _shown(options: Options, seed: int) -> list[Trajectory]:
    """Demonstrations with tools, and a third as many without."""
    halves = ((None, options), ((), replace(options, lessons=options.lessons // 3)))
    return [
        trajectory
        for tools, asked in halves
        for trajectory in lessons(source(NAVIGATION, seed, extra=TOLD, tools=tools), ApprenticeAgent(MIX), asked, seed)
    ]


def scored(policy: HFPolicy, origin: Source, seed: int, k: int = K, cost: float = COST) -> Sequence[Task]:
    """A source's tasks with their Tool Benefit Scores, of so many episodes each, less so much per call."""
    tasks = list(maker(origin)().unwrapped.tasks)
    envs = {"with": maker(origin), "without": maker(Source(origin.env_id, {**origin.env, "tools": ()}))}
    agent = PolicyAgent(policy, SamplerConfig(slots=64, max_tokens=1200, max_new_tokens=MAX_NEW_TOKENS))
    with tempfile.TemporaryDirectory() as folder:
        benefits = measure_benefit(envs, tasks, agent, Path(folder) / "rollouts.jsonl", k=k, seed=seed)
    agent.close()
    return [replace(task, tool_benefit=_net(found, cost)) for task, found in zip(tasks, benefits, strict=True)]


def _net(found: TaskBenefit, cost: float) -> float | None:
    if found.benefit is None or found.calls is None:
        return None
    return net_benefit(found.benefit, found.calls, cost)


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome) -> None:
    for name, told in (("told", 1), ("untold", 0)):
        tested = held_out(NAVIGATION, options.n, extra=f",told={told}")
        outcome.figures.update(measure(f"{arm}_{name}", play(policy, tested)))


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("benefit", "Tools where they help", arms, options)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    kinds = {"path told": "told", "path not told": "untold"}
    bars(left, figures, ARMS, {label: f"{name}_success" for label, name in kinds.items()})
    left.set_title(f"Unseen sides 3, 5, 7, 9: {options.seeds} seeds, 95 % intervals")
    bars(right, figures, ARMS, {label: f"{name}_calls" for label, name in kinds.items()}, scale=1.0)
    right.set_ylabel("tool calls per sample")
    right.set_title("Calls where tools are of no use, and where they help")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
