"""``adagym eval``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import tyro

from adagym.cli.ray_options import Ray
from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.envs.base import ToolEnv
    from adagym.evals.budget import Budget
    from adagym.evals.runner import EvalConfig

DEFAULTS = {"dialect": "adareasoner", "prompt": "full", "max_turns": 10, "reward": "tool_grpo"}
"""What holds without a protocol."""


@dataclass(frozen=True)
class Eval:
    """Play tasks with an agent, keep every episode, and report accuracy with its confidence interval.

    Plays one environment, or with --suite every benchmark of a suite.

    Example: adagym eval adagym/VSPNavigation-v0 --tasks vsp:DIR --agent expert --out runs/expert
    """

    agent: str
    """Who plays: random, expert, human, replay:FILE, tiny, hf:PATH, openai:MODEL@URL, ...; see `adagym list agents`."""
    out: Path
    """Folder for config.json, episodes.jsonl, usage.jsonl and summary.json; a folder of such for a suite."""
    env: tyro.conf.Positional[str | None] = None
    """Environment id; `adagym list envs` shows them. Left out with --suite."""
    suite: str | None = None
    """Play a suite instead: adareasoner-8, adatooler-12, adagym-procedural, or a file; see `adagym list suites`."""
    data: Path | None = None
    """Folder that holds a suite's benchmarks, in any arrangement that `adagym doctor --data` recognises."""
    tasks: str | None = None
    """Task source, for example vsp:DIR or vsp-generated:sides=5-7,split=test,n=100. Default: the environment's."""
    n: int | None = None
    """Play only the first N tasks; with --suite, of each benchmark."""
    seed: int = 0
    """Seeds the episodes and the agent's sampling."""
    repeats: int = 1
    """Play each task so often, with other seeds: avg@k and pass@k."""
    resume: bool = False
    """Go on with the run in the folder: what is already played is kept."""
    retries: int = 2
    """Play an episode that infrastructure voided so often again before it counts as an infrastructure failure."""
    n_envs: int | None = None
    """How many episodes run at a time; with --ray, of each worker. Default: what suits the agent."""
    protocol: str | None = None
    """Set the next six options as a paper does: adareasoner, adatooler-v or direct; those given change it."""
    dialect: str | None = None
    """How calls and answers are written; `adagym list dialects` shows them. Default: adareasoner."""
    prompt: Literal["full", "brief"] | None = None
    """full explains tools with their schemas, brief in a line each. Default: full."""
    max_turns: int | None = None
    """An episode is cut after so many turns without an answer. Default: 10."""
    reward: str | None = None
    """Preset that scores the episodes; `adagym list presets` shows them. Default: tool_grpo."""
    tools: str | None = None
    """Tools offered, joined by commas, or none; or where they run, such as workers (docs/executors.md). Default: the
    environment's, run in this process."""
    frames: str | None = None
    """Frames shown of a video, such as 8, fps=1 or most=32,pixels=100000. Default: the environment's."""
    adaptive: str | None = None
    """names, or names,fields,errors: tools under other names in every episode. Default: their own names."""
    max_cost: float | None = None
    """Stop before the next episode once so much is spent; needs both prices. --resume goes on."""
    max_tokens: int | None = None
    """Stop before the next episode after so many tokens, of prompts and replies."""
    max_minutes: float | None = None
    """Stop before the next episode after so many minutes."""
    price_in: float | None = None
    """Price of a million tokens of prompts, for the cost in the summary."""
    price_out: float | None = None
    """Price of a million tokens of replies."""
    judge: str | None = None
    """Judge the answers that no rule settles: openai:MODEL@URL; `adagym judge` has more options."""
    ray: Ray = field(default_factory=Ray)

    def run(self) -> int:
        """Evaluate with a progress bar and print the summary."""
        if self.judge is not None:
            from adagym.evals.judges.config import JudgeConfig

            JudgeConfig(self.judge)  # a mistake shows before anything is played
        if self.suite is not None:
            if self.ray != Ray():
                raise UsageError("A suite is played on one machine; play its benchmarks one by one with --ray.")
            from adagym.cli.suite import run_suite

            return run_suite(self)
        if self.env is None:
            raise UsageError("Give an environment id (`adagym list envs`), or a suite with --suite.")
        if self.data is not None:
            raise UsageError("--data is for --suite; name one benchmark's folder with --tasks, such as vsp:DIR.")
        return self._one()

    def _one(self) -> int:
        from rich.console import Console
        from rich.table import Table

        from adagym.cli.tally import Tally, judge_run, say, tell_stop
        from adagym.evals.runner import evaluate
        from adagym.evals.table import rows

        config, cluster, console = self.config(), self.ray.cluster(), Console()
        with Tally(console) as tally:
            summary = evaluate(
                config,
                self.out,
                resume=self.resume,
                n_envs=self.n_envs,
                retries=self.retries,
                budget=self.budget(),
                cluster=cluster,
                on_episode=tally.add,
            )
        table = Table("figure", "value", title=f"{self.agent} on {self.env}")
        for label, value in rows(summary):
            table.add_row(label, value)
        console.print(table)
        tell_stop(console, summary)
        if self.judge is not None:
            judge_run(console, self.out, self.judge)
        say(console, f"Written to {self.out}")
        return 0

    def config(self) -> EvalConfig:
        """What the options ask for.

        Raises:
            UsageError: They do not fit each other.
        """
        from adagym.envs import ENVS
        from adagym.evals.protocols import arranged, check_frames
        from adagym.evals.runner import EvalConfig

        env = self.env or ""
        env_class = cast("type[ToolEnv]", ENVS.load(env))
        if self.frames is not None:
            check_frames(env_class)
        given = self.given()
        if self.protocol is None:
            label, env_kwargs = None, {**DEFAULTS, **given}
        else:
            label, env_kwargs = arranged(self.protocol, env_class, given)
        env_kwargs = {"adaptive": None, **env_kwargs}
        return EvalConfig(env, self.agent, self.tasks, self.n, self.seed, env_kwargs, self.repeats, label)

    def given(self) -> dict[str, Any]:
        """Arguments of the environment that were given, as JSON values."""
        names = ("dialect", "prompt", "max_turns", "reward", "frames", "adaptive")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.tools is not None:
            from adagym.cli.sources import tools_argument

            given["tools"] = tools_argument(self.tools)
        return given

    def budget(self) -> Budget:
        """The limits of cost, tokens and minutes, with the prices.

        Raises:
            UsageError: A value cannot be used, or one price is missing.
        """
        from adagym.evals.budget import Budget, Limits
        from adagym.evals.usage import Prices

        if (self.price_in is None) != (self.price_out is None):
            raise UsageError("Give both --price-in and --price-out, or neither.")
        prices = None
        if self.price_in is not None and self.price_out is not None:
            prices = Prices(self.price_in, self.price_out)
        return Budget(Limits(self.max_cost, self.max_tokens, self.max_minutes), prices)
