"""Wrappers around an environment's parts; here, tool definitions that change with every episode."""

from __future__ import annotations

from adagym.envs.wrappers.adaptive import AdaptiveExecutor, draw_for
from adagym.envs.wrappers.config import AdaptiveConfig
from adagym.envs.wrappers.disguise import Disguise, draw

__all__ = ["AdaptiveConfig", "AdaptiveExecutor", "Disguise", "draw", "draw_for"]
