"""``adagym list``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import tyro

from adagym.registry import Registry

Kind = Literal[
    "all",
    "envs",
    "tasks",
    "tools",
    "rewards",
    "presets",
    "agents",
    "dialects",
    "readers",
    "pointers",
    "backends",
    "scorers",
    "protocols",
    "suites",
    "videos",
]

REGISTRIES: dict[str, str] = {
    "envs": "adagym.envs:ENVS",
    "tasks": "adagym.envs.tasks:SOURCES",
    "tools": "adagym.tools:TOOLS",
    "rewards": "adagym.rewards:REWARDS",
    "presets": "adagym.rewards:PRESETS",
    "agents": "adagym.agents:AGENTS",
    "dialects": "adagym.protocol:DIALECTS",
    "readers": "adagym.tools.reading:READERS",
    "pointers": "adagym.tools.pointing:POINTERS",
    "backends": "adagym.tools.backends:BACKENDS",
    "scorers": "adagym.evals.scorers:SCORERS",
    "protocols": "adagym.evals.protocols:PROTOCOLS",
    "suites": "adagym.evals.suites:SUITES",
    "videos": "adagym.video:KINDS",
}
"""Where each kind's registry is."""


@dataclass(frozen=True)
class List:
    """Show what is registered, plugins included; nothing of it is loaded.

    Example: adagym list tools
    """

    kind: tyro.conf.Positional[Kind] = "all"
    """Which kind to show."""

    def run(self) -> int:
        """Print one table."""
        from rich.console import Console
        from rich.table import Table

        table = Table("kind", "name", "summary")
        for kind in REGISTRIES if self.kind == "all" else (self.kind,):
            for entry in registry_of(kind):
                table.add_row(kind, entry.name, entry.summary)
            table.add_section()
        Console().print(table)
        return 0


def registry_of(kind: str) -> Registry[Any]:
    """Import the registry of a kind, a key of ``REGISTRIES``."""
    module, _, attribute = REGISTRIES[kind].partition(":")
    registry: Registry[Any] = getattr(importlib.import_module(module), attribute)
    return registry
