"""Agents by name: ``random``, ``expert``, ``human``, ``replay:FILE``, ``tiny:DIR``, ``hf:PATH``, ...."""

from __future__ import annotations

from adagym.agents import AGENTS, Agent
from adagym.errors import UsageError


def make_agent(spec: str) -> Agent:
    """Build the agent that a spec ``name[:argument]`` describes.

    Args:
        spec: A registered agent name, and for some agents what to load, for example ``replay:runs/a``.

    Raises:
        UsageError: The name is unknown, or the argument is missing, superfluous or unusable.
    """
    name, colon, argument = spec.partition(":")
    if colon and not argument:
        raise UsageError(f"The agent spec `{spec}` ends in a colon; write `{name}` or `{name}:ARGUMENT`.")
    return AGENTS.load(name).from_spec(argument or None)
