"""Grow a tree of episodes: each turn is branched from a snapshot, so that what was played before is not played again.

Run: python examples/04_tree_rollouts.py
"""

from typing import Any

import gymnasium as gym
import numpy as np

import adagym  # noqa: F401  (registers the environments)

WIDTH, TURNS = 4, 4

env: Any = gym.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=3,n=10", max_turns=TURNS).unwrapped
env.reset(seed=0, options={"task": 4})
env.action_space.seed(1)

leaves, open_nodes, steps = [], [env.snapshot()], 0
while open_nodes:
    node = open_nodes.pop()
    for _ in range(WIDTH):
        env.restore(node)  # every child goes on from the same state: pictures, transcript, random numbers
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        steps += 1
        if terminated or truncated:
            leaves.append(env.trajectory())
        else:
            open_nodes.append(env.snapshot())

rewards = np.array([leaf.reward for leaf in leaves])
whole = sum(len(leaf.steps) for leaf in leaves)
print(f"{len(leaves)} episodes in {steps} steps; played one by one they take {whole}")

# The value of a first action is the mean over everything that grew from it.
for first in dict.fromkeys(leaf.actions[0] for leaf in leaves):
    below = rewards[[leaf.actions[0] == first for leaf in leaves]]
    made = leaves[[leaf.actions[0] for leaf in leaves].index(first)].steps[0].parsed
    what = f"calls {made.call.name}" if made.call else f"answers {made.answer}"
    print(f"first action {what:<24.24}  {len(below):2} episodes  mean reward {below.mean():.2f}")
