"""Which weights for tool and accuracy reward? lambda_tool : lambda_acc of 0:1, 1:2, 1:1, 2:1 (AdaReasoner, Table 9).

Example: python examples/ablations/weights.py --json weights.json --figure docs/ablation-weights.png
"""

from __future__ import annotations

import copy

import tyro
from common import (
    NAVIGATION,
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

from adagym.agents.apprentice import ApprenticeAgent
from adagym.policies.tiny import load_tiny

ARMS = {"0 : 1": "w01", "1 : 2": "w12", "1 : 1": "w11", "2 : 1": "w21"}
"""lambda_tool : lambda_acc to name."""


def arms(seed: int, options: Options) -> Outcome:
    """Train and test all arms from one cold start."""
    outcome = Outcome({}, {})
    policy = load_tiny()
    cold_start(policy, lessons(source(NAVIGATION, seed), ApprenticeAgent(), options, seed), options, seed)
    outcome.figures.update(measure("tc", play(policy, held_out(NAVIGATION, options.n))))
    for label, arm in ARMS.items():
        tool, right = label.split(" : ")
        trained = copy.deepcopy(policy)
        reward = f"tool_grpo:lambda_tool={tool},lambda_acc={right}"
        outcome.curves[arm] = curves(improve(trained, [source(NAVIGATION, seed + 1000)], options, seed, reward))
        outcome.figures.update(measure(arm, play(trained, held_out(NAVIGATION, options.n))))
    return outcome


def main(options: Options) -> None:
    """Run, print, draw."""
    figures = run("weights", "Weights of the tool and the accuracy reward", arms, options)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    bars(left, figures, {"TC": "tc", **ARMS}, {"navigation": "success"})
    left.set_title(f"Unseen sides 3, 5, 7, 9: {options.seeds} seeds, 95 % intervals")
    lines(right, figures["curves"], {label: (arm, "part_accuracy") for label, arm in ARMS.items()})
    right.set_ylabel("right answers in training (share)")
    right.set_title("lambda_tool : lambda_acc")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
