"""PPO of Stable-Baselines3 learns which tool to call when: 4x4 navigation from a table of six turns.

Run: python examples/sb3_ppo.py  (needs adagym[sb3]; a few minutes)
"""

import argparse
import time

from stable_baselines3 import PPO

from adagym.envs.wrappers.numeric import numeric_env
from adagym.integrations.sb3 import play, tool_vec_env
from adagym.policies.sb3 import PictureAndState
from adagym.rewards import REWARDS

ENV = "adagym/VSPNavigation-v0"
SHARED = {"size": 32, "reward": "accuracy", "prompt": "brief"}

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=20_480, help="steps of training, over all environments")
parser.add_argument("--maps", type=int, default=200, help="unseen maps to play")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

began = time.perf_counter()
envs = tool_vec_env(ENV, 8, seed=options.seed, tasks="vsp-generated:sides=4,split=train", **SHARED)
model = PPO(
    "MultiInputPolicy",
    envs,
    n_steps=128,
    batch_size=256,
    n_epochs=6,
    learning_rate=1e-3,
    gamma=0.9,  # needless turns cost something
    ent_coef=0.005,
    normalize_advantage=False,  # at first most batches hold no success, and would be noise made large
    seed=options.seed,
    device="cpu",
    policy_kwargs={"features_extractor_class": PictureAndState},
)
unseen = numeric_env(ENV, tasks=f"vsp-generated:sides=4,split=test,n={options.maps}", **SHARED)


def accuracy() -> float:
    """Share of the unseen maps that the model solves."""
    right = [REWARDS.load("accuracy")(episode.task, episode) for episode in play(model, unseen, range(options.maps))]
    return sum(value or 0.0 for value in right) / len(right)


print(f"before: {accuracy():.1%} of {options.maps} unseen maps")
model.learn(options.steps)
seconds = time.perf_counter() - began
print(f"after {options.steps} steps: {accuracy():.1%} of {options.maps} unseen maps")
print(f"trained in {seconds:.0f} s, {time.process_time():.0f} s of processor time")
envs.close()
