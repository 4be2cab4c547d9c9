"""Digests of what a run was: system prompt, tools and tasks. Equal digests mean that two runs asked the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adagym.digest import DIGEST_CHARS
from adagym.envs.base import ToolEnv
from adagym.protocol import DIALECTS
from adagym.protocol.base import function_schema
from adagym.tools.backends.offer import Offer
from adagym.types import Task


def run_hashes(env: ToolEnv, env_kwargs: Mapping[str, Any], tasks: Sequence[Task]) -> dict[str, str]:
    """Digests of a run, before it is played.

    Args:
        env: An environment made with the arguments, for its dialect and its family's tools.
        env_kwargs: The arguments.
        tasks: What is played.

    Returns:
        ``system_prompt`` and ``tools``: of the texts and the schemas for every set of tools that occurs, under the
        tools' own names (adaptive names follow from these and the seed). ``tasks``: of ids, prompts, options and
        answers, in order; pictures and videos are not in it.
    """
    offer = Offer.of(env_kwargs.get("tools"))
    sets = {_own(env, task) if offer.names is None else offer.names for task in tasks}
    specs = [offer.backend.runner(names).specs for names in sorted(sets)]
    dialect = DIALECTS.load(env.action_space.dialect)
    prompts = [dialect.system_prompt(tools, env_kwargs.get("prompt", "full")) for tools in specs]
    return {
        "system_prompt": digest(prompts),
        "tools": digest([function_schema(tool) for tool in tools] for tools in specs),
        "tasks": digest([task.id, task.prompt, list(task.choices), task.answer] for task in tasks),
    }


def digest(values: Iterable[Any]) -> str:
    """Hash JSON values in order, one after the other."""
    content = hashlib.sha256()
    for value in values:
        content.update(json.dumps(value, sort_keys=True).encode() + b"\n")
    return content.hexdigest()[:DIGEST_CHARS]


def _own(env: ToolEnv, task: Task) -> tuple[str, ...]:
    return tuple(env.default_tools if task.tool_names is None else task.tool_names)
