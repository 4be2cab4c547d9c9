"""Train the embedded model: a cold start from demonstrations, then Tool-GRPO. `adagym demo` is the same, longer.

Run: python examples/07_train.py   (needs the extra `train`; about two minutes)
"""

import argparse
import functools

import gymnasium as gym
import torch

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.apprentice import ApprenticeAgent
from adagym.algos.coldstart import demonstrations, examples
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.sft import SFTConfig, train
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny

parser = argparse.ArgumentParser()
parser.add_argument("--demonstrations", type=int, default=400, help="episodes to imitate")
parser.add_argument("--sft-steps", type=int, default=200, help="batches of 8 demonstrations")
parser.add_argument("--grpo-steps", type=int, default=6, help="steps of 4 tasks, 8 episodes each")
options = parser.parse_args()

torch.set_num_threads(1)
ENV = "adagym/VSPNavigation-v0"
SETTINGS = {
    "tasks": "vsp-generated:sides=4,split=train,n=1000",
    "prompt": "brief",
    "max_turns": 6,
    "tool_images": False,
}

# Cold start: demonstrations of mixed quality, played through the real tools.
make_env = functools.partial(gym.make, ENV, **SETTINGS)
shown = demonstrations(make_env, ApprenticeAgent(), options.demonstrations, seed=0)
policy = load_tiny()
losses = []
config = SFTConfig(steps=options.sft_steps, seed=0)
train(policy, examples(policy.encoder, shown, seed=0), config, lambda step, loss: losses.append(loss))
print(f"cold start on {len(shown)} demonstrations: loss {losses[0]:.2f} to {losses[-1]:.2f}")

# Tool-GRPO: the model plays groups of episodes, and what paid within a group becomes more likely.
learner = GRPO(
    policy,
    ENV,
    GRPOConfig(
        steps=options.grpo_steps,
        prompts=4,
        group_size=8,
        env=SETTINGS,
        sampler=SamplerConfig(slots=32, max_tokens=1024, max_new_tokens=160),
        tensorboard=False,
    ),
)
for number, metrics in enumerate(learner.learn().history, 1):
    print(f"step {number}: reward {metrics['reward']:.2f}, accuracy {metrics['part_accuracy']:.2f}")
