"""What an episode was worth: pure functions of (task, trajectory), one per file, and presets composed of them.

A reward is a float, or None where the episode cannot be scored; an infrastructure failure is never scored.
"""

from __future__ import annotations

from collections.abc import Callable

from adagym.registry import Registry
from adagym.rewards.compose import PRESETS, Preset, Score, load_preset, score
from adagym.types import Task, Trajectory

Reward = Callable[[Task, Trajectory], float | None]
"""A reward. Picklable: a module-level function, or an instance of a module-level class."""

REWARDS: Registry[Reward] = Registry("reward")
REWARDS.register("format", "adagym.rewards.format:format_reward", summary="1 if every turn is strictly well-formed")
REWARDS.register("tool", "adagym.rewards.tool:tool_reward", summary="0 to 4: how right the tool calls are, on average")
REWARDS.register("accuracy", "adagym.rewards.accuracy:accuracy_reward", summary="0 to 1: how right the final answer is")
REWARDS.register("mra", "adagym.rewards.numbers:mean_relative_accuracy", summary="0 to 1: how near a numeric answer is")

__all__ = ["PRESETS", "REWARDS", "Preset", "Reward", "Score", "load_preset", "score"]
