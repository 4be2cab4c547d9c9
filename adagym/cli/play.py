"""``adagym play``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import tyro

from adagym.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.agents import Agent
    from adagym.agents.human import Drawing
    from adagym.agents.seat import GymEnv
    from adagym.play.company import Companion, Hints
    from adagym.play.session import Session
    from adagym.types import Trajectory


@dataclass(frozen=True)
class Play:
    """Play an environment yourself, or step through a saved episode: pictures, forms, undo, branches, hints.

    Fills the screen where it can, and reads lines where it cannot (no terminal, TERM=dumb, or --plain).

    Example: adagym play adagym/VSPNavigation-v0 --tasks vsp-generated:sides=4 --seed 1
    """

    env: tyro.conf.Positional[str]
    """Environment id (`adagym list envs` shows them), or a file of saved episodes or the folder that holds one."""
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
    tools: str | None = None
    """Tools offered, joined by commas, or none; or where they run (docs/executors.md). Default: the environment's."""
    adaptive: str | None = None
    """names, or names,fields,errors: tools under other names. Default: their own names."""
    episode: int = 0
    """Which episode of a file to open; 0 is the first."""
    against: str | None = None
    """An agent that plays the same task beside you, such as expert or random; `adagym list agents` shows them."""
    hints: str = "expert"
    """Whose next move a hint is; none for no hints."""
    out: Path | None = None
    """Append the episode to this file when you leave, for `adagym replay` and the agent replay:FILE."""
    plain: bool = False
    """Lines of text instead of a full screen: for screen readers (with --picture none), logs and scripts."""
    picture: Literal["auto", "kitty", "sixel", "blocks", "grey", "none"] = "auto"
    """How pictures are shown; auto asks the terminal. grey needs no colour; none tells their sizes only."""

    def run(self) -> int:
        """Play one episode; the exit code is 0 however it ends."""
        from rich.console import Console

        from adagym.play.company import Companion
        from adagym.play.saving import save_episode

        self._check()
        console = Console()
        session = self._session()
        rival = None
        if self.against is not None:
            rival = Companion(_agent(self.against), session.factory, session.nodes[0].trajectory)
        trajectory = self._play(session, rival, console)
        session.close()
        if rival is not None:
            rival.close()
            rival.agent.close()
        if self.out is not None:
            told = save_episode(trajectory, self.out)
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        return 0

    def _check(self) -> None:
        """Find mistakes before the game that would lose it afterwards."""
        from adagym.cli.train_options import check_seed
        from adagym.evals.run_folder import check_place

        if self.seed is not None:
            check_seed(self.seed)
        if self.out is not None:
            if self.out.is_dir():
                raise UsageError(f"{self.out} is a folder; name a file for the episode, such as {self.out}/mine.jsonl.")
            check_place(self.out)

    def _session(self) -> Session:
        from adagym.cli.sources import env_class, tools_argument
        from adagym.evals.run_folder import EPISODES
        from adagym.play.saving import env_of, open_episode
        from adagym.play.session import Session

        path = Path(self.env)
        if path.is_dir() or path.suffix == ".jsonl":
            saved = open_episode(path / EPISODES if path.is_dir() else path, self.episode)
            return Session.recorded(saved, env_of(saved))

        def make() -> GymEnv:
            env = env_class(self.env)(
                self.tasks,
                tools=None if self.tools is None else tools_argument(self.tools),
                dialect=self.dialect,
                prompt="brief",
                max_turns=self.max_turns,
                reward=self.reward,
                adaptive=self.adaptive,
            )
            return cast("GymEnv", env)

        task = int(self.task) if self.task is not None and self.task.isdecimal() else self.task
        return Session.start(make, task=task, seed=self.seed)

    def _play(self, session: Session, rival: Companion | None, console: Console) -> Trajectory:
        hints = None if self.hints == "none" else _hints(self.hints)
        if self._plainly(console):
            from adagym.play.plain import PlainGame

            return PlainGame(session, console, draw=self._drawing(console), hints=hints, rival=rival).play()
        from adagym.play.app import PlayApp
        from adagym.play.protocols import pick_mode

        app = PlayApp(session, pick_mode(self.picture), hints=hints, rival=rival, out=self.out)
        return app.run() or session.here.trajectory

    def _plainly(self, console: Console) -> bool:
        if self.plain or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
            return True
        if find_spec("textual") is None or find_spec("textual_image") is None:
            console.print(
                "Playing in lines. For the full screen: pip install 'adagym[play]'", markup=False, highlight=False
            )
            return True
        return False

    def _drawing(self, console: Console) -> Drawing | None:
        from adagym.play.protocols import is_colourless
        from adagym.show.blocks import grey_levels, half_blocks

        if self.picture in ("kitty", "sixel"):
            raise UsageError(f"--picture {self.picture} needs the full screen; with --plain give blocks, grey or none.")
        if self.picture == "none":
            return None
        grey = self.picture == "grey" or (self.picture == "auto" and is_colourless())
        return grey_levels if grey else half_blocks


def _hints(spec: str) -> Hints:
    from adagym.play.company import Hints

    return Hints(_agent(spec))


def _agent(spec: str) -> Agent:
    from adagym.evals.spec import make_agent

    return make_agent(spec)
