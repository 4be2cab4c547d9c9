"""``adagym train sft``."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from adagym.cli.sources import env_class
from adagym.cli.train_options import (
    MODEL,
    Environment,
    Machine,
    Rates,
    check_seed,
    load_policy,
    optim,
    save_model,
    say_where,
)
from adagym.errors import UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.agents.base import Agent
    from adagym.algos.coldstart import Shown
    from adagym.envs.base import ToolEnv
    from adagym.policies.base import TokenTrace
    from adagym.policies.hf import HFPolicy
    from adagym.types import Trajectory

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class SFT:
    """Cold start: collect demonstrations through the real tools, and imitate them.

    Example: adagym train sft adagym/VSPNavigation-v0 --agent expert --n 800 --out runs/sft
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    out: Path
    """Folder for config.json, metrics.jsonl and model/."""
    model: str = "tiny"
    """tiny, tiny:DIR, or the folder of a transformers image-text model."""
    agent: Literal["expert", "apprentice"] = "expert"
    """Who demonstrates; the apprentice is not always right, so that something is left to learn."""
    data: Path | None = None
    """Learn from saved episodes instead: a folder that `adagym curate` or `eval` wrote, or its episodes.jsonl. Or from
    ShareGPT conversations (LLaMA-Factory, AdaTooler-V) in a JSON file, written in --dialect."""
    media: Path | None = None
    """Where the pictures of conversations are. Default: beside their file."""
    n: int = 800
    """Demonstrations, on the first tasks of the source."""
    steps: int = 240
    """Batches to learn from."""
    batch_size: int = 8
    """Demonstrations per batch."""
    max_tokens: int = 1024
    """Longer demonstrations are left out."""
    seed: int = 0
    """Seeds the demonstrations and their order."""
    environment: Environment = field(default_factory=Environment)
    rates: Rates = field(default_factory=lambda: Rates(lr=1.5e-3, muon_lr=3e-3, final=0.05))
    machine: Machine = field(default_factory=Machine)

    def run(self) -> int:
        """Collect, train, save."""
        check_seed(self.seed)
        environment = env_class(self.env)
        if self.n < 1:
            raise UsageError(f"n is {self.n}; give at least one demonstration.")
        require("torch", "train")
        from rich.console import Console

        from adagym.algos.devices import connect
        from adagym.algos.sft import SFTConfig, train
        from adagym.cli.progress import StepBar
        from adagym.evals.figures import write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        config = SFTConfig(self.steps, self.batch_size, self.max_tokens, self.seed, optim=optim(self.rates))
        asked = asdict(self)
        del asked["out"], asked["machine"]["threads"]  # neither decides the result
        asked |= {name: None if asked[name] is None else str(asked[name]) for name in ("data", "media")}
        check_folder(self.out, asked, MODEL, resume=False)
        devices = connect(self.machine.device)
        devices.wait()  # all have looked at the folder before the first of them writes
        console = Console(quiet=not devices.main)
        shown = self._demonstrate(environment, console) if self.data is None else self._saved(self.data, console)
        policy = load_policy(self.model, self.machine)
        examples, kept = _fitting(policy, shown, self.max_tokens, self.seed)
        console.print(f"{kept} of {len(shown)} demonstrations to learn from", highlight=False)
        losses: list[float] = []
        with StepBar(console, "cold start", self.steps) as advance:

            def on_step(step: int, loss: float) -> None:
                losses.append(loss)
                advance(f"loss {loss:.3f}")

            train(policy, examples, config, on_step, devices)
        if not devices.main:
            return 0
        write_json(self.out / CONFIG, asked)
        lines = (json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in enumerate(losses, 1))
        (self.out / METRICS).write_text("".join(lines), encoding="utf-8")
        save_model(policy, self.out)
        tail = losses[-20:]
        console.print(f"loss {losses[0]:.3f} at first, {sum(tail) / len(tail):.3f} at the end", highlight=False)
        say_where(console, self.env, self.model, self.out, self.environment.prompt)
        return 0

    def _saved(self, data: Path, console: Console) -> Sequence[Shown]:
        """Episodes or conversations, and a line about what cannot be learnt from."""
        from adagym.algos.sharegpt import ShareGPT, holds_conversations

        if not holds_conversations(data):
            return _episodes(data)
        conversations = ShareGPT(data, self.environment.dialect, self.media)
        for reason, count in conversations.left_out.most_common():
            console.print(f"{count} conversations left out: {reason}", markup=False, highlight=False)
        return conversations

    def _demonstrate(self, environment: type[ToolEnv], console: Console) -> list[Trajectory]:
        from adagym.agents.apprentice import ApprenticeAgent
        from adagym.agents.scripted import ExpertAgent
        from adagym.algos.coldstart import demonstrations

        first = environment(**asdict(self.environment))
        available = len(first.tasks)
        if available < self.n:
            raise UsageError(f"`{self.environment.tasks}` has {available} tasks, and n is {self.n}; ask for fewer.")
        agent: Agent = ExpertAgent() if self.agent == "expert" else ApprenticeAgent()
        with console.status(f"playing {self.n} demonstrations through the tools"):
            # One source serves all environments: reading a folder once is enough.
            make_env = functools.partial(environment, **{**asdict(self.environment), "tasks": first.tasks})
            shown = demonstrations(make_env, agent, self.n, self.seed)
        if not shown:
            raise UsageError(f"No demonstration of `{self.agent}` ended in an answer; allow more with --max-turns.")
        return shown


def _episodes(path: Path) -> list[Trajectory]:
    """The episodes of a run that came to an answer.

    Raises:
        UsageError: There is none.
    """
    from adagym.store import read_trajectories

    file = path / "episodes.jsonl" if path.is_dir() else path
    found = [trajectory for trajectory in read_trajectories(file) if trajectory.outcome == "answered"]
    if not found:
        raise UsageError(f"`{file}` holds no episode with an answer; give a folder that `adagym curate` wrote.")
    return found


def _fitting(policy: HFPolicy, shown: Sequence[Shown], limit: int, seed: int) -> tuple[Any, int]:
    """An endless stream of the demonstrations, and how many are short enough to be learnt from.

    Raises:
        UsageError: None is.
    """
    from adagym.algos.coldstart import examples

    stream = examples(policy.encoder, shown, seed)
    # The first epoch holds each of them. A list of them is in memory, all others are read again when they are learnt.
    once: list[TokenTrace] = []
    lengths = []
    for trace in itertools.islice(stream, len(shown)):
        lengths.append(len(trace.ids))
        once += [trace] if isinstance(shown, list) else []
    kept = sum(length <= limit for length in lengths)
    if not kept:
        raise UsageError(f"The shortest demonstration has {min(lengths)} tokens; raise --max-tokens from {limit}.")
    return itertools.chain(once, stream), kept
