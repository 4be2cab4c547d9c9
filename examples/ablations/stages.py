"""Which stage does what? Direct SFT, direct GRPO, Tool Cold Start, Tool-GRPO, and both (AdaReasoner, Table 2).

Example: python examples/ablations/stages.py --json stages.json --figure docs/ablation-stages.png
"""

from __future__ import annotations

import copy

import tyro
from common import (
    FAMILIES,
    Options,
    Outcome,
    cold_start,
    curves,
    held_out,
    improve,
    lessons,
    measure,
    play,
    run,
    source,
)
from matplotlib.figure import Figure
from oracle import Oracle
from pictures import bars, save

from adagym.agents.apprentice import ApprenticeAgent
from adagym.agents.base import Agent
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny

ARMS = {
    "base": "base",
    "direct SFT": "direct_sft",
    "direct GRPO": "direct_grpo",
    "TC": "tc",
    "TG": "tg",
    "TC + TG": "tc_tg",
}
"""Label to name. "Direct" is without tools; the others may call all three."""


def arms(seed: int, options: Options) -> Outcome:
    """Train and test all arms."""
    outcome = Outcome({}, {})
    base = load_tiny()
    _test("base", base, options, outcome)

    policy = copy.deepcopy(base)
    _learn(policy, Oracle(), options, seed, tools=())
    _test("direct_sft", policy, options, outcome, tools=())

    policy = copy.deepcopy(base)
    _improve("direct_grpo", policy, options, seed, outcome, reward="accuracy", tools=())
    policy = copy.deepcopy(base)
    _improve("tg", policy, options, seed, outcome)

    _learn(base, ApprenticeAgent(), options, seed)
    _test("tc", base, options, outcome)
    _improve("tc_tg", base, options, seed, outcome)
    return outcome


def _learn(policy: HFPolicy, agent: Agent, options: Options, seed: int, tools: tuple[str, ...] | None = None) -> None:
    shown = [t for env in FAMILIES.values() for t in lessons(source(env, seed, tools=tools), agent, options, seed)]
    cold_start(policy, shown, options, seed)


def _improve(
    arm: str,
    policy: HFPolicy,
    options: Options,
    seed: int,
    outcome: Outcome,
    reward: str = "tool_grpo",
    tools: tuple[str, ...] | None = None,
) -> None:
    sources = [source(env, seed + 1000, tools=tools) for env in FAMILIES.values()]
    outcome.curves[arm] = curves(improve(policy, sources, options, seed, reward))
    _test(arm, policy, options, outcome, tools)


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome, tools: tuple[str, ...] | None = None) -> None:
    for family, env in FAMILIES.items():
        outcome.figures.update(measure(f"{arm}_{family}", play(policy, held_out(env, options.n, tools=tools))))


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("stages", "Stages of training", arms, options)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    bars(axes, figures, ARMS, {family: f"{family}_success" for family in FAMILIES})
    axes.set_title(f"Unseen sides 3, 5, 7, 9: {options.seeds} seeds, 95 % intervals")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
