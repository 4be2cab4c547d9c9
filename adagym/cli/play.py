"""``adagym play``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tyro


@dataclass(frozen=True)
class Play:
    """Play an environment yourself: pictures in the terminal, tool forms or raw text, undo.

    Example: adagym play adagym/VSPNavigation-v0 --tasks vsp-generated:sides=4 --seed 1
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    tasks: str | None = None
    """Task source, for example vsp:DIR. Default: the environment's."""
    task: str | None = None
    """Id or index of the task to play. Default: one drawn by the seed."""
    seed: int | None = None
    """Seeds the draw of the task. Default: a new one each time."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    max_turns: int = 10
    """The episode is cut after so many turns without an answer."""
    reward: str = "tool_grpo"
    """Preset that scores the episode; `adagym list presets` shows them."""
    out: Path | None = None
    """Append the episode to this file, for `adagym replay` and the agent replay:FILE."""

    def run(self) -> int:
        """Play one episode; the exit code is 0 however it ends."""
        from rich.console import Console

        from adagym.envs import ENVS
        from adagym.envs.base import ToolEnv
        from adagym.play.plain import PlainGame
        from adagym.play.session import Session
        from adagym.store import Store

        console = Console()
        env_class = cast("type[ToolEnv]", ENVS.load(self.env))
        env = env_class(self.tasks, dialect=self.dialect, prompt="brief", max_turns=self.max_turns, reward=self.reward)
        task = int(self.task) if self.task is not None and self.task.isdecimal() else self.task
        trajectory = PlainGame(Session.start(lambda: env, task=task, seed=self.seed), console).play()
        env.close()
        if self.out is not None:
            with Store(self.out) as store:
                store.append(trajectory)
            console.print(f"Appended to {self.out}", markup=False, highlight=False, soft_wrap=True)
        return 0
