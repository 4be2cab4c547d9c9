"""A useful tool that the cold start never showed: offered never, at test time only, or in Tool-GRPO.

This is Table 3 and Figure 3 of AdaReasoner.

The cold start works with Point and Draw2DPath alone. AStar helps in navigation and is of no use in verification. Tool
definitions are randomised everywhere: a small model that has only ever written two names writes no third one.

Example: python examples/ablations/new_tool.py --json new_tool.json --figure docs/ablation-new-tool.png
"""

from __future__ import annotations

import copy

import tyro
from common import (
    FAMILIES,
    RENAMED,
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
from pictures import bars, lines, save

from adagym.agents.apprentice import ApprenticeAgent, Mix
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny

OLD = ("Point", "Draw2DPath")
ALL = ("Point", "AStar", "Draw2DPath")
MIX = Mix(careful=0.6, hasty=0.0, guess=0.4)
"""Hasty navigators would call AStar."""
GENERAL = 0.3
"""Share of conversations about made-up tools in the cold start."""
ARMS = {
    "TC": "tc",
    "TC, A* at test": "tc_inference",
    "TC + TG": "without",
    "TC + TG, A* at test": "inference",
    "TC + TG with A*": "rl",
}
"""Label to name."""


def arms(seed: int, options: Options) -> Outcome:
    """Train and test all arms."""
    outcome = Outcome({}, {})
    policy = load_tiny()
    shown = [
        t
        for env in FAMILIES.values()
        for t in lessons(source(env, seed, tools=OLD, adaptive=RENAMED), ApprenticeAgent(MIX), options, seed)
    ]
    cold_start(policy, shown, options, seed, general=GENERAL)
    _test("tc", policy, options, outcome, OLD)
    _test("tc_inference", policy, options, outcome, ALL)
    for arm, tools in (("without", OLD), ("rl", ALL)):
        trained = copy.deepcopy(policy)
        sources = [source(env, seed + 1000, tools=tools, adaptive=RENAMED) for env in FAMILIES.values()]
        outcome.curves[arm] = curves(improve(trained, sources, options, seed))
        _test(arm, trained, options, outcome, tools)
        if arm == "without":
            _test("inference", trained, options, outcome, ALL)
    return outcome


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome, tools: tuple[str, ...]) -> None:
    for family, env in FAMILIES.items():
        outcome.figures.update(
            measure(f"{arm}_{family}", play(policy, held_out(env, options.n, tools=tools, adaptive=RENAMED)))
        )


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("new_tool", "A tool that the cold start never showed", arms, options)
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    bars(left, figures, ARMS, {family: f"{family}_success" for family in FAMILIES})
    left.tick_params("x", labelrotation=15)
    left.set_title(f"Unseen sides 3, 5, 7, 9: {options.seeds} seeds, 95 % intervals")
    chosen = {
        f"{tool}, {family}": ("rl", f"vsp_{family}/calls_{tool}")
        for family in FAMILIES
        for tool in ("AStar", "Point", "Draw2DPath")
    }
    lines(right, figures["curves"], chosen)
    right.set_ylabel("calls per sample")
    right.set_title("Tool-GRPO with A* offered")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
