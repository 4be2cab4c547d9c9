"""``adagym eval``."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    from adagym.evals.summary import EpisodeFacts


@dataclass(frozen=True)
class Eval:
    """Play tasks with an agent, keep every episode, and report accuracy with its confidence interval.

    Example: adagym eval adagym/VSPNavigation-v0 --tasks vsp:DIR --agent expert --out runs/expert
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    agent: str
    """Who plays: random, expert, human, replay:FILE, tiny[:DIR], hf:PATH; see `adagym list agents`."""
    out: Path
    """Folder for config.json, episodes.jsonl and summary.json."""
    tasks: str | None = None
    """Task source, for example vsp:DIR or vsp-generated:sides=5-7,split=test,n=100. Default: the environment's."""
    n: int | None = None
    """Play only the first N tasks."""
    seed: int = 0
    """Seeds the episodes and the agent's sampling."""
    resume: bool = False
    """Go on with the run in the folder: what is already played is kept."""
    n_envs: int | None = None
    """How many episodes run at a time. Default: what suits the agent."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "full"
    """full explains tools with their schemas, brief in a line each."""
    max_turns: int = 10
    """An episode is cut after so many turns without an answer."""
    reward: str = "tool_grpo"
    """Preset that scores the episodes; `adagym list presets` shows them."""
    tools: str | None = None
    """Tools offered, joined by commas; none for no tools. Default: the environment's."""
    frames: str | None = None
    """Frames shown of a video, such as 8, fps=1 or most=32,pixels=100000. Default: the environment's."""
    adaptive: str | None = None
    """names, or names,fields,errors: tools under other names in every episode. Default: their own names."""

    def run(self) -> int:
        """Evaluate with a progress bar and print the summary."""
        from rich.console import Console
        from rich.table import Table

        from adagym.envs import ENVS
        from adagym.errors import UsageError
        from adagym.evals.runner import EvalConfig, evaluate
        from adagym.evals.summary import rows

        env_kwargs: dict[str, Any] = {
            "dialect": self.dialect,
            "prompt": self.prompt,
            "max_turns": self.max_turns,
            "reward": self.reward,
            "adaptive": self.adaptive,
        }
        if self.tools is not None:
            env_kwargs["tools"] = [] if self.tools == "none" else self.tools.split(",")
        if self.frames is not None:
            if "frames" not in inspect.signature(ENVS.load(self.env)).parameters:
                raise UsageError(f"`--frames` is for videos, and `{self.env}` shows none. Leave it out.")
            env_kwargs["frames"] = self.frames
        config = EvalConfig(self.env, self.agent, self.tasks, self.n, self.seed, env_kwargs)
        console = Console()
        with _Tally(console) as tally:
            summary = evaluate(config, self.out, resume=self.resume, n_envs=self.n_envs, on_episode=tally.add)
        table = Table("figure", "value", title=f"{self.agent} on {self.env}")
        for label, value in rows(summary):
            table.add_row(label, value)
        console.print(table)
        console.print(f"Written to {self.out}", markup=False, highlight=False, soft_wrap=True)
        return 0


class _Tally:
    """A progress line with the running accuracy."""

    def __init__(self, console: Any) -> None:
        from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*self._columns, console=console, transient=True)
        self._task = self._progress.add_task("episodes", total=None)
        self._right = 0.0
        self._scored = 0

    def __enter__(self) -> _Tally:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, episode: EpisodeFacts, total: int) -> None:
        """Count one more episode of ``total``."""
        if episode.right is not None:
            self._scored += 1
            self._right += episode.right
        share = f", {self._right / self._scored:.1%} right" if self._scored else ""
        self._progress.update(self._task, advance=1, total=total, description=f"episodes{share}")
