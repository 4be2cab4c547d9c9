"""What tests of environments, tools, rewards, agents, task sources, dialects and adapters share."""

from __future__ import annotations

from adagym.testing.checks import (
    HOSTILE,
    INFO,
    PAGE,
    check_agent,
    check_dialect,
    check_env,
    check_pickle,
    check_reward,
    check_task_source,
    check_tool,
    digest,
)

__all__ = [
    "HOSTILE",
    "INFO",
    "PAGE",
    "check_agent",
    "check_dialect",
    "check_env",
    "check_pickle",
    "check_reward",
    "check_task_source",
    "check_tool",
    "digest",
]
