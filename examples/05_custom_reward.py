"""Write a reward and a preset that adds it to the accuracy, play with it, and score saved episodes by it.

Run: python examples/05_custom_reward.py

A package would name them in the entry-point groups `adagym.rewards` and `adagym.presets` instead of registering here.
"""

from dataclasses import dataclass

import gymnasium as gym

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.rewards import PRESETS, REWARDS, Score, score
from adagym.rewards.compose import episode_parts
from adagym.types import Task, Trajectory


def thrift(task: Task, trajectory: Trajectory) -> float | None:
    """1 without a call, 1/2 after one, 1/3 after two, ...; an episode that infrastructure broke has no score."""
    return None if trajectory.outcome == "infra_failure" else 1 / (1 + len(trajectory.calls))


@dataclass(frozen=True)
class Thrifty:
    """The accuracy; a right answer earns a bonus for thrift."""

    bonus: float = 0.5  # fields are the options of a preset: `thrifty:bonus=2`

    def __call__(self, task: Task, trajectory: Trajectory) -> Score:
        """Score a finished episode, and keep every part by name."""
        parts = {**episode_parts(task, trajectory), "thrift": thrift(task, trajectory)}
        if parts["accuracy"] is None or parts["thrift"] is None:
            return Score(None, parts)
        return Score(parts["accuracy"] * (1 + self.bonus * parts["thrift"]), parts)


THRIFTY = Thrifty()
REWARDS.register("thrift", f"{__name__}:thrift", summary="fewer calls are better")
PRESETS.register("thrifty", f"{__name__}:THRIFTY", summary="accuracy, and a bonus for few calls")


def make_env() -> gym.Env:
    """The environment names the preset that scores its episodes."""
    return gym.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=4,n=1", reward="thrifty")


for agent in (ExpertAgent(), ExpertAgent(draw=True)):
    collector = Collector(make_env, agent, n_envs=1)
    (rollout,) = collector.collect([Job(0, seed=0)])
    collector.close()
    episode = rollout.trajectory
    print(f"{len(episode.calls)} calls: reward {episode.reward:.3f}, parts {dict(episode.reward_parts)}")
    # Rewards are pure functions, so an episode can be scored again by another preset.
    for preset in ("thrifty:bonus=2", "tool_grpo"):
        print(f"  by {preset}: {score(preset, episode.task, episode).total:.3f}")
