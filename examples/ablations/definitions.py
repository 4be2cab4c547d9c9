"""Do randomised tool definitions generalise? Cold start and Tool-GRPO with and without them (AdaReasoner, Table 4).

All arms see navigation only. They are tested on it with the real tool definitions and with renamed ones, and on
verification, which none of them has seen.

Example: python examples/ablations/definitions.py --json definitions.json --figure docs/ablation-definitions.png
"""

from __future__ import annotations

import copy

import tyro
from common import (
    NAVIGATION,
    RENAMED,
    VERIFICATION,
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
from pictures import bars, save

from adagym.agents.apprentice import ApprenticeAgent
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny

KINDS: dict[str, str | None] = {"fixed": None, "random": RENAMED}
"""Name to the environment's ``adaptive``."""
ARMS = {
    "TC": "fixed",
    "Rnd TC": "random",
    "TC + TG": "fixed_fixed",
    "TC + Rnd TG": "fixed_random",
    "Rnd TC + TG": "random_fixed",
    "Rnd TC + Rnd TG": "random_random",
}
"""Label to name: cold start, then reinforcement learning."""


def arms(seed: int, options: Options) -> Outcome:
    """Train and test all arms."""
    outcome = Outcome({}, {})
    for cold, adaptive in KINDS.items():
        policy = load_tiny()
        shown = lessons(source(NAVIGATION, seed, adaptive=adaptive), ApprenticeAgent(), options, seed)
        cold_start(policy, shown, options, seed)
        _test(cold, policy, options, outcome)
        for learning, later in KINDS.items():
            trained = copy.deepcopy(policy)
            arm = f"{cold}_{learning}"
            sources = [source(NAVIGATION, seed + 1000, adaptive=later)]
            outcome.curves[arm] = curves(improve(trained, sources, options, seed))
            _test(arm, trained, options, outcome)
    return outcome


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome) -> None:
    tests = {
        "same": held_out(NAVIGATION, options.n),
        "renamed": held_out(NAVIGATION, options.n, adaptive=RENAMED),
        "unseen": held_out(VERIFICATION, options.n),
    }
    for name, tested in tests.items():
        outcome.figures.update(measure(f"{arm}_{name}", play(policy, tested)))


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("definitions", "Randomised tool definitions", arms, options)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    tests = {"same tools": "same", "renamed tools": "renamed", "unseen task": "unseen"}
    bars(axes, figures, ARMS, {label: f"{key}_success" for label, key in tests.items()})
    axes.set_title(f"Unseen sides 3, 5, 7, 9: {options.seeds} seeds, 95 % intervals")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
