"""``adagym train sft`` and ``adagym train grpo``."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import tyro

from adagym.errors import UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.agents.base import Agent
    from adagym.algos.optim import OptimConfig
    from adagym.envs.base import ToolEnv
    from adagym.policies.base import TokenTrace
    from adagym.policies.hf import HFPolicy
    from adagym.types import Trajectory

METRICS = "metrics.jsonl"
MODEL = "model"
CURVES = "curves.png"


@dataclass(frozen=True)
class Environment:
    """The environment's arguments."""

    tasks: str = "vsp-generated:split=train,n=5000"
    """Task source to train on."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "brief"
    """brief explains tools in a line each and suits the embedded model, full with their schemas. Evaluate alike."""
    max_turns: int = 10
    """An episode is cut after so many turns without an answer."""
    reward: str = "tool_grpo"
    """Preset that scores the episodes; `adagym list presets` shows them."""


@dataclass(frozen=True)
class Rates:
    """Learning rates. The defaults suit the embedded model; 7 B parameters want about 1e-6 and no Muon."""

    lr: float = 2e-4
    """AdamW's rate: embeddings, norms and biases, and everything if muon-lr is 0."""
    muon_lr: float = 3e-4
    """Muon's rate for the matrices inside blocks."""
    final: float = 0.1
    """Share of the rates left at the last step; cosine in between."""


@dataclass(frozen=True)
class Machine:
    """Where and in which precision the model runs."""

    device: str = "cpu"
    """A torch device."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the weights."""
    threads: int | None = None
    """Processor threads for the model. Default: torch's choice. On a busy machine 1 is fastest."""
    train_vision: bool = False
    """Train the vision tower too."""


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
        _check_seed(self.seed)
        env_class = _env_class(self.env)
        if self.n < 1:
            raise UsageError(f"n is {self.n}; give at least one demonstration.")
        if self.agent == "apprentice" and env_class.family != "vsp_navigation":
            raise UsageError(f"The apprentice plays vsp_navigation, not {env_class.family}; use --agent expert.")
        require("torch", "train")
        from rich.console import Console

        from adagym.algos.sft import SFTConfig, train
        from adagym.cli.progress import StepBar
        from adagym.evals.figures import write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        config = SFTConfig(self.steps, self.batch_size, self.max_tokens, self.seed, optim=_optim(self.rates))
        asked = _asked(self)
        check_folder(self.out, asked, MODEL, resume=False)
        console = Console()
        shown = self._demonstrate(env_class, console)
        policy = _load(self.model, self.machine)
        examples, kept = _fitting(policy, shown, self.max_tokens, self.seed)
        console.print(f"{kept} of {self.n} demonstrations to learn from", highlight=False)
        losses: list[float] = []
        with StepBar(console, "cold start", self.steps) as advance:

            def on_step(step: int, loss: float) -> None:
                losses.append(loss)
                advance(f"loss {loss:.3f}")

            train(policy, examples, config, on_step)
        write_json(self.out / CONFIG, asked)
        lines = (json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in enumerate(losses, 1))
        (self.out / METRICS).write_text("".join(lines), encoding="utf-8")
        _save(policy, self.out)
        tail = losses[-20:]
        console.print(f"loss {losses[0]:.3f} at first, {sum(tail) / len(tail):.3f} at the end", highlight=False)
        _say_where(console, self.env, self.model, self.out, self.environment.prompt)
        return 0

    def _demonstrate(self, env_class: type[ToolEnv], console: Console) -> list[Trajectory]:
        from adagym.agents.apprentice import ApprenticeAgent
        from adagym.agents.scripted import ExpertAgent
        from adagym.algos.coldstart import demonstrations

        first = env_class(**asdict(self.environment))
        available = len(first.tasks)
        if available < self.n:
            raise UsageError(f"`{self.environment.tasks}` has {available} tasks, and n is {self.n}; ask for fewer.")
        agent: Agent = ExpertAgent() if self.agent == "expert" else ApprenticeAgent()
        with console.status(f"playing {self.n} demonstrations through the tools"):
            # One source serves all environments: reading a folder once is enough.
            make_env = _maker(env_class, {**asdict(self.environment), "tasks": first.tasks})
            shown = demonstrations(make_env, agent, self.n, self.seed)
        if not shown:
            raise UsageError(f"No demonstration of `{self.agent}` ended in an answer; allow more with --max-turns.")
        return shown


@dataclass(frozen=True)
class Sampling:
    """How episodes are sampled."""

    slots: int = 64
    """Episodes in flight."""
    max_tokens: int = 1024
    """Tokens of a whole conversation; an episode that needs more is cut off."""
    max_new_tokens: int = 256
    """Tokens of one turn."""
    temperature: float = 1.0
    """Of sampling and of the loss alike."""


@dataclass(frozen=True)
class Objective:
    """The objective; see docs/training.md."""

    clip: float = 0.2
    """Half-width of the importance ratio's interval (epsilon of Eq. 4)."""
    kl: float = 0.0
    """Weight of the divergence from the starting model (beta of Eq. 4)."""
    std: bool = True
    """Divide advantages by the group's standard deviation (Eq. 3)."""
    micro_batch: int = 16
    """Episodes per forward pass; changes memory, not the result."""
    minibatches: int = 1
    """Optimiser steps per collected batch."""


@dataclass(frozen=True)
class GRPO:
    """Tool-GRPO: improve a model by playing tasks in groups. Stopped runs go on exactly with --resume.

    Example: adagym train grpo adagym/VSPNavigation-v0 --model tiny:runs/sft/model --out runs/grpo
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    out: Path
    """Folder for config.json, metrics.jsonl, tensorboard/, curves.png, checkpoints and model/."""
    model: str = "tiny"
    """tiny, tiny:DIR, or the folder of a transformers image-text model."""
    steps: int = 60
    """Batches to collect and learn from; the schedule's length."""
    prompts: int = 8
    """Tasks per step."""
    group_size: int = 8
    """Episodes per task."""
    seed: int = 0
    """Seeds the draw of tasks and the sampling."""
    save_every: int = 10
    """Steps between checkpoints."""
    resume: bool = False
    """Go on from the newest checkpoint in the folder."""
    environment: Environment = field(default_factory=Environment)
    sampling: Sampling = field(default_factory=Sampling)
    objective: Objective = field(default_factory=Objective)
    rates: Rates = field(default_factory=Rates)
    machine: Machine = field(default_factory=Machine)

    def run(self) -> int:
        """Train with a live table, save, draw the curves."""
        _check_seed(self.seed)
        env_class = _env_class(self.env)
        for package in ("torch", "tensorboard", "matplotlib"):
            require(package, "train")
        from rich.console import Console

        from adagym.algos.learner import GRPO as Learner
        from adagym.cli.progress import TrainingTable, before_and_after
        from adagym.evals.figures import write_json
        from adagym.evals.plots import plot_curves
        from adagym.evals.run_folder import CONFIG, check_folder

        config = self._config()
        asked = _asked(self)
        check_folder(self.out, asked, METRICS, self.resume)
        env_class(**asdict(self.environment)).close()  # wrong arguments show before the model is loaded
        policy = _load(self.model, self.machine)
        saved = any(self.out.glob("checkpoint-*"))
        if not saved:  # a run stopped before its first checkpoint starts again
            (self.out / METRICS).unlink(missing_ok=True)
        learner = Learner(policy, self.env, config)
        write_json(self.out / CONFIG, asked)
        if saved:
            learner.load(self.out)
        console = Console()
        with TrainingTable(console, self.steps, learner.step) as table:
            try:
                learner.learn(callbacks=[table.add])
            except KeyboardInterrupt:
                console.print(f"Stopped after step {learner.step}; repeat the command with --resume to go on.")
                raise
        _save(policy, self.out)
        history = _history(self.out / METRICS)
        plot_curves(history, self.out / CURVES, f"Tool-GRPO on {self.env}, seed {self.seed}")
        console.print(before_and_after(history))
        console.print(f"Curves: {self.out / CURVES}; tensorboard --logdir {self.out}", highlight=False, soft_wrap=True)
        _say_where(console, self.env, self.model, self.out, self.environment.prompt)
        return 0

    def _config(self) -> Any:
        from adagym.algos.grpo import LossConfig
        from adagym.algos.learner import GRPOConfig
        from adagym.policies.sampler import SamplerConfig

        objective = self.objective
        return GRPOConfig(
            steps=self.steps,
            prompts=self.prompts,
            group_size=self.group_size,
            seed=self.seed,
            env=asdict(self.environment),
            sampler=SamplerConfig(**asdict(self.sampling)),
            loss=LossConfig(
                clip=objective.clip,
                kl=objective.kl,
                std_normalise=objective.std,
                temperature=self.sampling.temperature,
                micro_batch=objective.micro_batch,
                minibatches=objective.minibatches,
                optim=_optim(self.rates),
            ),
            out=self.out,
            save_every=self.save_every,
        )


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UsageError(f"The seed is {seed}; it must not be negative.")


def _env_class(env: str) -> type[ToolEnv]:
    from adagym.envs import ENVS

    return cast("type[ToolEnv]", ENVS.load(env))


def _maker(env_class: type[ToolEnv], arguments: Mapping[str, Any]) -> Callable[[], ToolEnv]:
    return lambda: env_class(**arguments)


def _optim(rates: Rates) -> OptimConfig:
    from adagym.algos.optim import OptimConfig

    return OptimConfig(lr=rates.lr, muon_lr=rates.muon_lr, final=rates.final)


def _asked(command: SFT | GRPO) -> dict[str, Any]:
    """What config.json keeps: everything that decides the result, and nothing about this attempt or machine."""
    options = asdict(command)
    for name in ("out", "resume"):
        options.pop(name, None)
    options["machine"].pop("threads")
    return options


def _load(model: str, machine: Machine) -> HFPolicy:
    """Load the model to train.

    Raises:
        UsageError: There is no such folder, device or model.
    """
    torch = require("torch", "train")
    from adagym.policies.hf import HFPolicy, PolicyConfig
    from adagym.policies.tiny import load_tiny

    try:
        torch.empty(0, device=machine.device)
        if machine.threads is not None:
            torch.set_num_threads(machine.threads)
    except (RuntimeError, AssertionError) as error:  # torch says both of what this machine does not have
        raise UsageError(f"The model cannot run with {machine}: {error}") from None
    config = PolicyConfig(freeze_vision=not machine.train_vision, dtype=machine.dtype, device=machine.device)
    if model == "tiny":
        return load_tiny(None, config)
    folder = Path(model.removeprefix("tiny:").removeprefix("hf:"))
    if not folder.is_dir():
        raise UsageError(f"There is no model folder `{folder}`; give `tiny`, `tiny:DIR` or a folder.")
    return HFPolicy.from_pretrained(folder, config)


def _fitting(policy: HFPolicy, shown: Sequence[Trajectory], limit: int, seed: int) -> tuple[Any, int]:
    """An endless stream of the demonstrations, and how many are short enough to be learnt from.

    Raises:
        UsageError: None is.
    """
    from adagym.algos.coldstart import examples

    stream = examples(policy.encoder, shown, seed)
    once: list[TokenTrace] = list(itertools.islice(stream, len(shown)))  # the first epoch holds each of them
    lengths = sorted(len(trace.ids) for trace in once)
    kept = sum(length <= limit for length in lengths)
    if not kept:
        raise UsageError(f"The shortest demonstration has {lengths[0]} tokens; raise --max-tokens from {limit}.")
    return itertools.chain(once, stream), kept


def _save(policy: HFPolicy, out: Path) -> None:
    """Write the model folder beside its name and rename it, so that it is complete or absent."""
    unfinished, final = out / f".{MODEL}", out / MODEL
    shutil.rmtree(unfinished, ignore_errors=True)
    policy.save(unfinished)
    shutil.rmtree(final, ignore_errors=True)
    unfinished.rename(final)


def _history(path: Path) -> list[dict[str, float]]:
    """The metrics of all steps, those before a resume included."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _say_where(console: Console, env: str, model: str, out: Path, prompt: str) -> None:
    kind = "tiny" if model.partition(":")[0] == "tiny" else "hf"
    console.print(f"Model: {out / MODEL}", markup=False, highlight=False, soft_wrap=True)
    command = f"adagym eval {env} --agent {kind}:{out / MODEL} --prompt {prompt} --out {out / 'eval'}"
    console.print(f"Evaluate it: {command}", markup=False, highlight=False, soft_wrap=True)
