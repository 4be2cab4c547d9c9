"""The two sides of ``grpo_vs_trl.py``, each played in a process of its own."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PrinterCallback, TrainerCallback

from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations
from adagym.algos.collect import Job, Rollout
from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, tokenise, train
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import require
from adagym.integrations.blocks import content
from adagym.integrations.trl import prepare, rewards, rows, trl_environment
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.types import Message

ENV = "adagym/VSPNavigation-v0"
SIDE = 6
"""All maps have one side, so that all prompts have one length and both token budgets are the same."""
CLIP = 0.2
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What both sides share."""

    model: Path
    """Folder of the cold-started model."""
    steps: int
    """Steps, those that only warm up included."""
    prompts: int
    """Tasks per step."""
    group_size: int
    """Episodes per task."""
    max_tokens: int
    """Tokens of a whole conversation."""
    max_new_tokens: int
    """Tokens of one turn."""
    max_turns: int
    micro_batch: int
    """Episodes per forward pass of the update."""
    tool_images: bool
    lr: float
    threads: int
    seed: int

    @property
    def episodes(self) -> int:
        """Episodes per step."""
        return self.prompts * self.group_size

    def env(self) -> dict[str, Any]:
        """Arguments of the environment; its source holds the tasks of all steps in order."""
        count = self.steps * self.prompts
        return {
            "tasks": f"vsp-generated:sides={SIDE},split=train,seed={self.seed},n={count}",
            "dialect": "hermes",
            "prompt": "brief",
            "max_turns": self.max_turns,
            "tool_images": self.tool_images,
        }

    def make_env(self) -> VSPNavigation:
        """Make the environment."""
        return VSPNavigation(**self.env())

    def optim(self) -> OptimConfig:
        """AdamW for every parameter at a constant rate, as TRL is told to do."""
        return OptimConfig(lr=self.lr, muon_lr=0.0, warmup=0.0, final=1.0)


@dataclass(frozen=True)
class Figures:
    """One step of one side."""

    rollout_seconds: float
    update_seconds: float
    rollout_cpu_seconds: float
    """Processor time, which a busy machine changes less than the wall's."""
    update_cpu_seconds: float
    sampled_tokens: int
    trained_tokens: int
    turns: float
    """Sampled turns per episode."""
    reward: float


def memory_mb(field: str) -> float:
    """A line of this process's memory status: ``VmHWM`` is the peak, ``VmRSS`` the present resident size."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1]) / 1024
    raise RuntimeError(f"This system does not report {field}; the benchmark needs Linux.")


def cold_start(connection: Connection, settings: Settings, steps: int) -> None:
    """Teach the embedded model the form both sides use, and write it to ``settings.model``.

    Unlike in :func:`adagym.algos.coldstart.examples` every turn ends with the end token, which is all that ends one
    in TRL.
    """
    torch.set_num_threads(settings.threads)
    policy = load_tiny()
    source = f"vsp-generated:sides={SIDE},split=train,seed={settings.seed + 1},n=200"
    shown = demonstrations(
        lambda: VSPNavigation(**{**settings.env(), "tasks": source}), ExpertAgent(draw=True), 200, settings.seed
    )
    traces = itertools.cycle([tokenise(policy.encoder, episode.messages) for episode in shown])
    optim = OptimConfig(lr=1.5e-3, muon_lr=3e-3, final=0.05)
    train(policy, traces, SFTConfig(steps, batch_size=4, seed=settings.seed, optim=optim), lambda step, loss: None)
    policy.save(settings.model)
    connection.send("done")


class _Ours(GRPO):
    """Our learner on the tasks of the source in order, so that both sides play the same ones in the same step."""

    spent_at_update = 0.0
    """Processor time when the last update began."""

    def _update(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        self.spent_at_update = time.process_time()
        return super()._update(rollouts)

    def _jobs(self) -> list[Job]:
        size = self.config.group_size
        first = self.step * self.config.prompts
        drawn = enumerate(super()._jobs())
        return [replace(job, task=first + number // size, seed=first + number // size) for number, job in drawn]


def play_ours(connection: Connection, settings: Settings) -> None:
    """Our side: a step for every message, then the peak of memory."""
    torch.set_num_threads(settings.threads)
    policy = load_tiny(settings.model)
    sampler = SamplerConfig(
        slots=settings.episodes, max_tokens=settings.max_tokens, max_new_tokens=settings.max_new_tokens
    )
    config = GRPOConfig(
        steps=settings.steps,
        prompts=settings.prompts,
        group_size=settings.group_size,
        seed=settings.seed,
        env=settings.env(),
        sampler=sampler,
        loss=LossConfig(clip=CLIP, micro_batch=settings.micro_batch, optim=settings.optim()),
    )
    learner = _Ours(policy, ENV, config)
    connection.send(memory_mb("VmRSS"))
    for step in range(1, settings.steps + 1):
        connection.recv()
        spent = time.process_time()
        learner.learn(step)
        metrics = learner.history[-1]
        connection.send(
            Figures(
                metrics["seconds_rollout"],
                metrics["seconds_update"],
                learner.spent_at_update - spent,
                time.process_time() - learner.spent_at_update,
                round(metrics["sampled_tokens"] * settings.episodes),
                int(metrics.get("trained_tokens", 0)),
                metrics["turns"],
                metrics["reward"],
            )
        )
    connection.send(memory_mb("VmHWM"))


def play_trl(connection: Connection, settings: Settings) -> None:
    """TRL's side: a step for every message, then the peak of memory."""
    torch.set_num_threads(settings.threads)
    trainer = make_trainer(settings)
    clock = _Clock(trainer)

    class Steps(TrainerCallback):
        """Waits before each step and reports after it."""

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            connection.recv()
            clock.begin()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            connection.send(clock.end())

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Steps())
    connection.send(memory_mb("VmRSS"))
    trainer.train()
    connection.send(memory_mb("VmHWM"))


def make_trainer(settings: Settings) -> Any:
    """TRL's trainer with the settings that mean the same as ours."""
    trl, datasets = require("trl", "trl"), require("datasets", "trl")

    policy = load_tiny(settings.model)  # freezes the vision tower as on our side
    environment = trl_environment(ENV, turns="calls", **settings.env())
    processor = prepare(policy.processor, environment)
    probe = settings.make_env()
    probe.reset(options={"task": 0})
    accumulation = settings.episodes // settings.micro_batch
    args = trl.GRPOConfig(
        output_dir=str(Path(tempfile.gettempdir()) / "grpo_vs_trl"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation,
        num_generations=settings.group_size,
        max_completion_length=settings.max_tokens - _prompt_length(processor, probe.messages),
        # Neither side samples control tokens; TRL fails on a video pad that it sampled itself.
        generation_kwargs={"max_new_tokens": settings.max_new_tokens, "suppress_tokens": policy.banned.tolist()},
        max_tool_calling_iterations=settings.max_turns - 1,
        max_steps=settings.steps,
        learning_rate=settings.lr,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        adam_beta2=0.95,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        loss_type="grpo",
        beta=0.0,
        epsilon=CLIP,
        shuffle_dataset=False,
        seed=settings.seed,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    return trl.GRPOTrainer(
        model=policy.model,
        reward_funcs=rewards,
        args=args,
        train_dataset=datasets.Dataset.from_list(rows(environment)),
        processing_class=processor,
        environment_factory=environment,
    )


class _Clock:
    """Times TRL's step from outside. The rollout ends when the episodes and their rewards are known.

    What TRL does between the two (padding, and the pixels of all pictures) serves the update and counts there,
    as it does on our side. Times are pairs of wall and processor seconds.
    """

    def __init__(self, trainer: Any) -> None:
        self._rollout = self._began = np.zeros(2)
        self._output: tuple[Any, ...] = ()
        self._rewards: Any = None
        self._wrap(trainer, "_generate", self._generated)
        self._wrap(trainer, "_calculate_rewards", self._scored)

    def begin(self) -> None:
        """A step starts; until the end of ``_generate`` everything is rollout, the resets included."""
        self._began = _now()

    def end(self) -> Figures:
        """The step is over."""
        update = _now() - self._began - self._rollout
        masks, completions = self._output[2], self._output[3]
        tokens = sum(sum(mask) for mask in masks)
        turns = [sum(message["role"] == "assistant" for message in completion) for completion in completions]
        reward = float(self._rewards.nansum(dim=1).mean())
        (rollout, rollout_cpu), (rest, rest_cpu) = self._rollout.tolist(), update.tolist()
        return Figures(rollout, rest, rollout_cpu, rest_cpu, tokens, tokens, float(np.mean(turns)), reward)

    def _generated(self, began: Times, output: Any) -> None:
        self._rollout = _now() - self._began
        self._output = output

    def _scored(self, began: Times, output: Any) -> None:
        self._rollout = self._rollout + _now() - began
        self._rewards = output

    @staticmethod
    def _wrap(owner: Any, name: str, after: Callable[[Times, Any], None]) -> None:
        method = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = _now()
            output = method(*args, **kwargs)
            after(began, output)
            return output

        setattr(owner, name, timed)


def _now() -> Times:
    return np.array([time.perf_counter(), time.process_time()])


def _prompt_length(processor: Any, messages: Sequence[Message]) -> int:
    conversation = [{"role": message.role, "content": content(message.content)} for message in messages]
    encoded = processor.apply_chat_template([conversation], add_generation_prompt=True, tokenize=True, return_dict=True)
    return len(encoded["input_ids"][0])


def medians(steps: Sequence[Figures], prefix: str) -> Mapping[str, float]:
    """The middle value of every figure over the steps, by name."""
    rows = [asdict(step) for step in steps]
    return {f"{prefix}_{name}": float(np.median([row[name] for row in rows])) for name in rows[0]}
