"""``adagym benefit``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import tyro

from adagym.cli.ray_options import Ray
from adagym.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.agents.base import Agent
    from adagym.algos.benefit import TaskBenefit
    from adagym.algos.cluster import Cluster
    from adagym.envs.base import ToolEnv
    from adagym.types import Task

ROLLOUTS = "rollouts.jsonl"
BENEFITS = "benefit.jsonl"
SUMMARY = "summary.json"


@dataclass(frozen=True)
class Benefit:
    """Compute the Tool Benefit Score of each task: the mean score of K episodes with tools minus K without.

    Example: adagym benefit adagym/VSPNavigation-v0 --tasks vsp-generated:split=train,n=200 --agent tiny --out runs/b
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    agent: str
    """Who plays, with and without tools: tiny[:DIR], hf:PATH, ...; see `adagym list agents`."""
    out: Path
    """Folder for config.json, rollouts.jsonl, benefit.jsonl and summary.json; a task source as scored:DIR."""
    tasks: str | None = None
    """Task source, for example vsp-generated:split=train,n=1000. Default: the environment's."""
    n: int | None = None
    """Score only the first N tasks."""
    k: int = 8
    """Episodes per task with tools, and as many without."""
    seed: int = 0
    """Seeds the episodes and the agent's sampling."""
    resume: bool = False
    """Go on with the run in the folder: what is already played is kept."""
    n_envs: int | None = None
    """How many episodes run at a time; with --ray, of each worker. Default: what suits the agent."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "full"
    """full explains tools with their schemas, brief in a line each."""
    max_turns: int = 10
    """An episode is cut after so many turns without an answer."""
    ray: Ray = field(default_factory=Ray)

    def run(self) -> int:
        """Play, compare, print the summary."""
        from rich.console import Console
        from rich.table import Table

        from adagym.algos.benefit import summarise, write_benefits
        from adagym.evals.figures import versions, write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        cluster = self.ray.cluster()
        tasks, envs, asked = self._prepare()
        check_folder(self.out, asked, ROLLOUTS, self.resume)
        console = Console()
        with self._player(cluster) as player:
            write_json(self.out / CONFIG, asked)
            benefits = self._measure(tasks, envs, player, cluster, console)
        write_benefits(self.out / BENEFITS, benefits)
        episodes = sum(item.n_with + item.n_without for item in benefits)
        summary = {**summarise(benefits), "episodes": episodes, "missing": 2 * self.k * len(tasks) - episodes}
        write_json(self.out / SUMMARY, {**summary, "config": asked, "versions": versions()})
        table = Table("figure", "value", title="Tool Benefit Score")
        for name, value in summary.items():
            table.add_row(name, _text(name, value))
        console.print(table)
        console.print(f"Train with them: --tasks scored:{self.out} --reward at_grpo", highlight=False, soft_wrap=True)
        return 0

    def _prepare(self) -> tuple[list[Task], dict[str, Callable[[], ToolEnv]], dict[str, Any]]:
        """Check the options; return the tasks, the environments by condition, and what config.json keeps."""
        from adagym.envs import ENVS
        from adagym.envs.tasks import load_tasks

        if self.k < 1 or self.seed < 0:
            raise UsageError(f"k must be at least 1 and the seed at least 0; they are {self.k} and {self.seed}.")
        env_class = cast("type[ToolEnv]", ENVS.load(self.env))
        spec = env_class.default_tasks if self.tasks is None else self.tasks
        source = load_tasks(spec, env_class.family)
        n = len(source) if self.n is None else self.n
        if not 1 <= n <= len(source):
            raise UsageError(f"`{spec}` has {len(source)} tasks, and n is {n}; choose n from 1 to {len(source)}.")
        tasks = [source[index] for index in range(n)]
        kwargs: dict[str, Any] = {
            "dialect": self.dialect,
            "prompt": self.prompt,
            "max_turns": self.max_turns,
            "reward": "accuracy",
        }
        envs: dict[str, Callable[[], ToolEnv]] = {
            "with": functools.partial(env_class, tasks, **kwargs),
            "without": functools.partial(env_class, tasks, tools=(), **kwargs),
        }
        for make_env in envs.values():
            make_env().close()  # wrong arguments show before the folder is made
        asked = {"env": self.env, "family": env_class.family, "tasks": spec, "n": n, "agent": self.agent}
        return tasks, envs, {**asked, "k": self.k, "seed": self.seed, "env_kwargs": kwargs}

    @contextmanager
    def _player(self, cluster: Cluster | None) -> Iterator[Agent | Callable[[], Agent]]:
        """The agent, or what makes one on a worker."""
        from adagym.evals.spec import make_agent

        if cluster is not None:
            yield functools.partial(make_agent, self.agent)
            return
        agent = make_agent(self.agent)
        try:
            yield agent
        finally:
            agent.close()

    def _measure(
        self,
        tasks: Sequence[Task],
        envs: Mapping[str, Callable[[], ToolEnv]],
        player: Agent | Callable[[], Agent],
        cluster: Cluster | None,
        console: Console,
    ) -> list[TaskBenefit]:
        """Play with a progress bar that shows the running means."""
        from adagym.algos.benefit import Attempt, measure
        from adagym.cli.progress import StepBar

        sums = {"with": [0.0, 0], "without": [0.0, 0]}
        with StepBar(console, "episodes", 2 * self.k * len(tasks)) as advance:

            def show(attempt: Attempt) -> None:
                if attempt.score is not None:
                    sums[attempt.condition][0] += attempt.score
                    sums[attempt.condition][1] += 1
                advance(", ".join(f"{total / count:.1%} {name}" for name, (total, count) in sums.items() if count))

            log = self.out / ROLLOUTS
            return measure(
                envs,
                tasks,
                player,
                log,
                k=self.k,
                seed=self.seed,
                n_envs=self.n_envs,
                cluster=cluster,
                on_attempt=show,
            )


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in ("helpful", "neutral", "unhelpful"):
        return f"{value:.1%}"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
