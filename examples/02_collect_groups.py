"""Collect groups of episodes of equal tasks, and turn their rewards into GRPO's advantages.

Run: python examples/02_collect_groups.py   (needs the extra `train`)
"""

import functools

import gymnasium as gym

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.apprentice import ApprenticeAgent
from adagym.algos.collect import Collector, Job
from adagym.algos.grpo import advantages

TASKS, GROUP_SIZE = 3, 6

make_env = functools.partial(gym.make, "adagym/VSPNavigation-v0", tasks="vsp-generated:split=train,n=100")

# The apprentice works carefully, hastily or not at all, so members of a group differ as a policy's samples do.
collector = Collector(make_env, ApprenticeAgent(), n_envs=8)
jobs = [Job(task, seed=task, group=f"task-{task}") for task in range(TASKS) for _ in range(GROUP_SIZE)]

rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
collector.close()

rewards = [rollout.trajectory.reward for rollout in rollouts]
relative = advantages(rewards, [str(rollout.job.group) for rollout in rollouts])

for rollout, value, kept in zip(rollouts, relative.values, relative.kept, strict=True):
    trajectory = rollout.trajectory
    calls = ", ".join(call.tool for call in trajectory.calls) or "no call"
    weight = f"{value:+.2f}" if kept else "dropped"
    print(f"{rollout.job.group}  reward {trajectory.reward:.2f}  advantage {weight:>7}  {calls}")
print(f"{relative.zero_variance_groups} of {TASKS} groups have equal rewards and teach nothing")
