"""The ``adagym`` command line."""

from __future__ import annotations

from adagym.cli.commands import COMMANDS, Command, main

__all__ = ["COMMANDS", "Command", "main"]
