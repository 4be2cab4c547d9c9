"""``adagym train grpo``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from adagym.cli.ray_options import Ray
from adagym.cli.sources import evaluation_sources, one_source, plain, read_sources
from adagym.cli.train_options import (
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

    from adagym.algos.learner import GRPO as Learner
    from adagym.algos.learner import GRPOConfig
    from adagym.algos.mixture import Source

CURVES = "curves.png"


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
class Engine:
    """Who samples the episodes."""

    rollout: Literal["sampler", "vllm"] = "sampler"
    """Our own sampler, or vLLM in this process; with vllm give --tis-cap too."""
    vllm_memory: float = 0.4
    """Share of the device's memory for vLLM."""


@dataclass(frozen=True)
class Objective:
    """The objective; see docs/training.md."""

    clip: float = 0.2
    """How far the importance ratio may leave 1 (epsilon of Eq. 4)."""
    clip_high: float | None = None
    """How far it may rise above 1, if not as far as it may fall below (DAPO takes 0.28)."""
    dual_clip: float | None = None
    """Bounds the loss of a negative advantage at so many times the advantage (verl takes 3)."""
    aggregate: Literal["sequence-mean", "token-mean", "dr-grpo"] = "sequence-mean"
    """How tokens are averaged: over each episode (Eq. 4), over the batch, or by max-tokens."""
    tis_cap: float | None = None
    """Weigh tokens by how much likelier training finds them than sampling did, at most by this."""
    kl: float = 0.0
    """Weight of the divergence from the starting model (beta of Eq. 4)."""
    std: bool = True
    """Divide advantages by the group's standard deviation (Eq. 3)."""
    mask_truncated: bool = False
    """Overlong filtering: truncated episodes count in their group but carry no loss."""
    micro_batch: int = 16
    """Episodes per forward pass; changes memory, not the result."""
    minibatches: int = 1
    """Optimiser steps per collected batch."""


@dataclass(frozen=True)
class Evaluating:
    """Evaluation during training: greedy play of fixed tasks. It does not change the training."""

    eval_every: int = 0
    """Steps between evaluations; 0 is none. There is one before the first step and one after the last, too."""
    eval_tasks: tuple[str, ...] = ()
    """Task source to evaluate on; with --sources one for all or one for each. Default: the environment's."""
    eval_n: int = 100
    """The first so many tasks of each source."""


@dataclass(frozen=True)
class Stopping:
    """When to stop a run that learns no more. Off by default."""

    stop_entropy_below: float | None = None
    """Stop when the entropy, in nats per token, stays below this."""
    stop_entropy_above: float | None = None
    """Stop when the entropy stays above this."""
    stop_patience: int = 5
    """Updates in a row that make it stay."""
    stop_constant: int = 0
    """Stop when the reward, or each of its parts, is the same in so many steps; 0 is never."""


@dataclass(frozen=True)
class GRPO:
    """Tool-GRPO: improve a model by playing tasks in groups. Stopped runs go on exactly with --resume.

    Several environments, or several task sources, are mixed with --sources: a JSON list such as
    [{"env_id": "adagym/VSPNavigation-v0", "weight": 2}, {"env_id": "adagym/VSPVerification-v0", "weight": 1}].
    A source may also have a "weight_end" (weights move there step by step, a curriculum), a "name" that heads its
    metrics, and "env", arguments that replace the options below for it alone.

    Example: adagym train grpo adagym/VSPNavigation-v0 --model tiny:runs/sft/model --out runs/grpo
    """

    out: Path
    """Folder for config.json, metrics.jsonl, tensorboard/, curves.png, checkpoints and model/."""
    env: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ENV")] = ""
    """Environment id; `adagym list envs` shows them."""
    sources: Path | None = None
    """JSON file of environments to mix, instead of ENV."""
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
    engine: Engine = field(default_factory=Engine)
    ray: Ray = field(default_factory=Ray)
    objective: Objective = field(default_factory=Objective)
    evaluating: Evaluating = field(default_factory=Evaluating)
    stopping: Stopping = field(default_factory=Stopping)
    rates: Rates = field(default_factory=Rates)
    machine: Machine = field(default_factory=Machine)

    def run(self) -> int:
        """Train with a live table, save, draw the curves."""
        check_seed(self.seed)
        sources = self._sources()
        for package in ("torch", "tensorboard", "matplotlib"):
            require(package, "train")
        from rich.console import Console

        from adagym.algos.devices import connect
        from adagym.algos.learner import GRPO as Learner
        from adagym.algos.metrics import METRICS
        from adagym.algos.mixture import Mixture
        from adagym.evals.figures import write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        config = self._config(sources)
        asked = self._asked(sources)
        check_folder(self.out, asked, METRICS, self.resume)
        names = Mixture(sources).names  # wrong arguments show before the model is loaded
        policy = load_policy(self.model, self.machine)
        saved = any(self.out.glob("checkpoint-*"))
        devices = connect(self.machine.device)
        devices.wait()  # all have looked at the folder before the first of them writes
        if devices.main and not saved:  # a run stopped before its first checkpoint starts again
            (self.out / METRICS).unlink(missing_ok=True)
        learner = Learner(policy, sources, config)
        if devices.main:
            write_json(self.out / CONFIG, asked)
        if saved:
            learner.load(self.out)
        console = Console(quiet=not devices.main)
        self._learn(learner, console)
        if devices.main:
            save_model(policy, self.out)
            self._report(console, f"Tool-GRPO on {self.env or ' + '.join(names)}, seed {self.seed}")
        say_where(console, sources[0].env_id, self.model, self.out, self.environment.prompt)
        if learner.stopped is not None:
            told = f"Stopped early, after step {learner.step} of {self.steps}: {learner.stopped}"
            console.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)
        return 0 if learner.stopped is None else 1

    def _sources(self) -> list[Source]:
        if bool(self.env) == (self.sources is not None):
            raise UsageError("Say what to train on: either ENV for one environment, or --sources FILE for a mixture.")
        arguments = asdict(self.environment)
        return one_source(self.env, arguments) if self.sources is None else read_sources(self.sources, arguments)

    def _asked(self, sources: Sequence[Source]) -> dict[str, Any]:
        """What config.json keeps: all that decides the result, and nothing about this attempt or machine."""
        options = asdict(self)
        del options["out"], options["resume"], options["machine"]["threads"], options["ray"]
        # What the file says now, so that a changed file is another run.
        return {**options, "sources": plain(sources)}

    def _learn(self, learner: Learner, console: Console) -> None:
        from adagym.cli.progress import TrainingTable

        with TrainingTable(console, self.steps, learner.step) as table:
            try:
                learner.learn(callbacks=[table.add])
            except KeyboardInterrupt:
                console.print(f"Stopped after step {learner.step}; repeat the command with --resume to go on.")
                raise

    def _report(self, console: Console, title: str) -> None:
        """The curves, and how the run began and ended; steps before a resume included."""
        from adagym.algos.metrics import METRICS, read_metrics
        from adagym.cli.progress import before_and_after
        from adagym.evals.plots import plot_curves

        history = read_metrics(self.out / METRICS)
        plot_curves(history, self.out / CURVES, title)
        console.print(before_and_after(history))
        console.print(f"Curves: {self.out / CURVES}; tensorboard --logdir {self.out}", highlight=False, soft_wrap=True)

    def _config(self, sources: Sequence[Source]) -> GRPOConfig:
        from adagym.algos.collapse import CollapseConfig
        from adagym.algos.evaluation import Evaluation
        from adagym.algos.learner import GRPOConfig
        from adagym.policies.sampler import SamplerConfig
        from adagym.policies.vllm import VLLMConfig

        asked, stopping = self.evaluating, self.stopping
        evaluation = None
        if asked.eval_every:
            evaluation = Evaluation(evaluation_sources(sources, asked.eval_tasks), asked.eval_n, asked.eval_every)
        return GRPOConfig(
            steps=self.steps,
            prompts=self.prompts,
            group_size=self.group_size,
            seed=self.seed,
            sampler=SamplerConfig(**asdict(self.sampling)),
            rollout=self.engine.rollout,
            vllm=VLLMConfig(memory=self.engine.vllm_memory),
            cluster=self.ray.cluster(),
            loss=self._loss(),
            mask_truncated=self.objective.mask_truncated,
            evaluation=evaluation,
            collapse=CollapseConfig(
                stopping.stop_entropy_below, stopping.stop_entropy_above, stopping.stop_patience, stopping.stop_constant
            ),
            out=self.out,
            save_every=self.save_every,
        )

    def _loss(self) -> Any:
        from adagym.algos.grpo import LossConfig

        objective = self.objective
        return LossConfig(
            clip=objective.clip,
            clip_high=objective.clip_high,
            dual_clip=objective.dual_clip,
            aggregate=objective.aggregate,
            max_tokens=self.sampling.max_tokens,
            tis_cap=objective.tis_cap,
            kl=objective.kl,
            std_normalise=objective.std,
            temperature=self.sampling.temperature,
            micro_batch=objective.micro_batch,
            minibatches=objective.minibatches,
            optim=optim(self.rates),
        )
