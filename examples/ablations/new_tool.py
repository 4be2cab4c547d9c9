"""A useful tool that the cold start never showed: offered never, at test time only, or in Tool-GRPO.

This is Table 3 and Figure 3 of AdaReasoner.

The cold start works with Point and Draw2DPath alone, beside others of no use and in changing order. AStar helps in
navigation and is of no use in verification. Three things differ from the paper, whose model has the skill of a large
one. Definitions are randomised everywhere: a small model that has only ever written two names writes no third one.
Demonstrations of navigation end when everything has been looked at, with no answer, and made-up errands about three
things are mixed in: what comes after the looks is open, and copying what was found into another tool's parameters is
kept in use. The reward is the answer's alone: first tries of a new tool fail more often than not, and the score of
calls, of which the looks have all there is, ends them before one succeeds.

Example: python examples/ablations/new_tool.py --json new_tool.json --figure docs/ablation-new-tool.png
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
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
from adagym.policies.pretraining import documents
from adagym.policies.tiny import load_tiny
from adagym.types import Trajectory

OLD = ("Point", "Draw2DPath")
ALL = ("Point", "AStar", "Draw2DPath")
USELESS = ("GetWeather", "Crop", "RotateImage")
"""One of them stands beside the others in half of the cold start."""
LINE_UPS = 24
"""Different orders of tools, and lots of names, per family in the cold start."""
SHOWN = {"navigation": Mix(careful=1, hasty=0, guess=0), "verification": Mix(careful=0, hasty=0, guess=1)}
LOOKS = 8
"""Messages of a demonstration of navigation: prompts, and three looks with their results."""
GENERAL = 0.5
"""Share of made-up errands in the cold start."""
SPEED = 2.0
"""Of learning: at 1 the calls of A* still rise after 80 steps."""
WORLD = {"adaptive": f"{RENAMED}0123456789", "tool_images": False, "max_turns": 8}
REWARD = "tool_grpo:lambda_tool=0,lambda_acc=1"
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
    shown = [t for family in FAMILIES for t in demonstrated(family, seed, options)]
    cold_start(policy, shown, options, seed, general=GENERAL, others=documents(seed + 500, {"relay": 1.0}))
    _test("tc", policy, options, outcome, OLD)
    _test("tc_inference", policy, options, outcome, ALL)
    for arm, tools in (("without", OLD), ("rl", ALL)):
        trained = copy.deepcopy(policy)
        sources = [source(env, seed + 1000, tools=tools, **WORLD) for env in FAMILIES.values()]
        outcome.curves[arm] = curves(improve(trained, sources, options, seed, REWARD, SPEED))
        _test(arm, trained, options, outcome, tools)
        if arm == "without":
            _test("inference", trained, options, outcome, ALL)
    return outcome


def demonstrated(family: str, seed: int, options: Options) -> Iterator[Trajectory]:
    """Demonstrations of a family, among tools in many orders; those of navigation end after the looks."""
    rng = np.random.default_rng(seed)
    fewer = replace(options, lessons=max(1, options.lessons // LINE_UPS))
    for number in range(LINE_UPS):
        useless = rng.choice(USELESS, size=int(rng.integers(0, 2)), replace=False)
        tools = [str(name) for name in rng.permutation([*OLD, *useless])]
        origin = source(FAMILIES[family], LINE_UPS * seed + number, tools=tools, **WORLD)
        for played in lessons(origin, ApprenticeAgent(SHOWN[family]), fewer, seed):
            yield replace(played, messages=played.messages[:LOOKS]) if family == "navigation" else played


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome, tools: tuple[str, ...]) -> None:
    for family, env in FAMILIES.items():
        outcome.figures.update(measure(f"{arm}_{family}", play(policy, held_out(env, options.n, tools=tools, **WORLD))))


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("new_tool", "A tool that the cold start never showed", arms, options)
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    wrapped = {label.replace(", ", ",\n").replace(" with", "\nwith"): arm for label, arm in ARMS.items()}
    bars(left, figures, wrapped, {family: f"{family}_success" for family in FAMILIES})
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
