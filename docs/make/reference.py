"""Pages of reference: the registered names, the commands and the public modules."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Iterator

from made import Made, row, table, verbatim

from adagym.cli import commands
from adagym.cli.commands import COMMANDS
from adagym.cli.list import REGISTRIES, registry_of

MODULES: dict[str, tuple[str, ...]] = {
    "Values": ("types", "errors", "registry", "spaces", "store", "digest", "pictures", "divergence", "hostile"),
    "Protocol": ("protocol.base", "protocol.tags"),
    "Video": ("video", "video.base", "video.budget"),
    "Testing": ("testing.checks", "testing.parity"),
    "Tools": ("tools.base", "tools.values", "tools.executor"),
    "Tool backends": ("tools.backends", "tools.backends.base", "tools.backends.workers", "tools.backends.mcp"),
    "Tool server": ("tools.server.settings", "tools.server.service", "tools.server.http"),
    "Rewards": ("rewards", "rewards.compose", "rewards.accuracy", "rewards.benefit"),
    "Environments": ("envs.base", "envs.vector", "envs.workers", "envs.lake"),
    "Wrappers": ("envs.wrappers.adaptive", "envs.wrappers.config", "envs.wrappers.numeric", "envs.wrappers.table"),
    "Task sources": ("envs.tasks", "envs.tasks.records", "envs.tasks.lazy", "envs.tasks.scored"),
    "Agents": ("agents.base", "agents.seat", "agents.scripted", "agents.policy", "agents.openai", "agents.replay"),
    "Policies": ("policies.base", "policies.hf", "policies.tiny", "policies.sampler", "policies.lora"),
    "Collecting": ("algos.collect", "algos.mixture", "algos.cluster", "algos.curate", "algos.benefit"),
    "Training": ("algos.sft", "algos.grpo", "algos.learner", "algos.losses", "algos.checkpoint"),
    "Evaluation": ("evals.spec", "evals.protocols", "evals.runner", "evals.suite", "evals.compare", "evals.statistics"),
    "Judges and report": ("evals.judging", "evals.judges.verdicts", "evals.scorers.base", "evals.report"),
    "Adapters": (
        "integrations.sb3",
        "integrations.rllib",
        "integrations.trl",
        "integrations.verl",
        "integrations.verifiers",
        "integrations.openenv",
        "integrations.inspect_ai",
        "integrations.openai_run",
    ),
}
"""Page to the modules on it, below ``adagym``."""


def pages() -> Iterator[Made]:
    """The pages of reference."""
    yield Made("reference/names.md", _names(), "Registered names")
    yield Made("reference/commands.md", _commands(), "Commands")
    for title, modules in MODULES.items():
        text = f"# {title}\n\n" + "\n\n".join(f"::: adagym.{name}" for name in modules)
        yield Made(f"api/{title.lower().replace(' ', '-')}.md", text, title)


def _names() -> str:
    parts = ["# Registered names", "What `adagym list` shows in a checkout without plugins."]
    for kind in REGISTRIES:
        rows = [row(f"`{entry.name}`", entry.summary, f"`{entry.target}`") for entry in registry_of(kind)]
        parts += [f"## {kind.capitalize()}", table(row("Name", "Summary", "Where"), *rows)]
    return "\n\n".join(parts)


def _commands() -> str:
    said = inspect.cleandoc(commands.__doc__ or "").partition("\n\n")[2]
    parts = ["# Commands", "Each command as `--help` shows it.", said]
    for entry in COMMANDS:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            commands.main([*entry.name.split(), "--help"])
        parts += [f"## {entry.name}", entry.summary.capitalize() + ".", verbatim(shown.getvalue(), "help")]
    return "\n\n".join(parts)
