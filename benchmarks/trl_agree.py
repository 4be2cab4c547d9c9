"""Advantages and loss of one fixed batch, by our learner and by TRL's trainer; for ``grpo_vs_trl.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from trl_sides import CLIP, Settings, make_trainer

from adagym.agents.policy import PolicyAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.grpo import LossConfig, advantages, update
from adagym.algos.optim import OptimConfig, Optimiser
from adagym.policies.batch import TokenBatch, collate
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny

TRL_EPS = 1e-4
"""What TRL adds to a group's standard deviation; ours adds 1e-6 unless told otherwise."""


@dataclass(frozen=True)
class Fixed:
    """One batch for both losses: what was sampled, with rewards and old log-probabilities made up to be uneven."""

    batch: TokenBatch
    rewards: tuple[float, ...]
    groups: tuple[str, ...]
    prompts: tuple[int, ...]
    """Tokens of each prompt."""


def fixed_batch(rollouts: Sequence[Rollout], encoder: Encoder, seed: int) -> Fixed:
    """Take sampled episodes; shift their log-probabilities so that some ratios are clipped; draw their rewards."""
    rng = np.random.default_rng(seed)
    batch = collate([rollout.tokens for rollout in rollouts if rollout.tokens is not None])
    shift = torch.from_numpy(rng.normal(0, 0.2, batch.logprobs.shape)).float() * batch.sampled
    batch = TokenBatch(batch.ids, batch.sampled, batch.logprobs + shift, batch.images, batch.lengths)
    prompts = tuple(len(encoder.prompt(rollout.trajectory.messages[:2]).ids) for rollout in rollouts)
    scores = tuple(rng.uniform(0, 8, len(rollouts)).round(2).tolist())
    return Fixed(batch, scores, tuple(str(rollout.job.group) for rollout in rollouts), prompts)


def our_loss(policy: HFPolicy, fixed: Fixed) -> tuple[NDArray[np.float64], float]:
    """Our advantages and loss of the batch, with TRL's addition to the deviation; the weights stay as they are."""
    values = advantages(fixed.rewards, fixed.groups, eps=TRL_EPS).values
    frozen = OptimConfig(lr=0.0, muon_lr=0.0)
    config = LossConfig(clip=CLIP, micro_batch=4, optim=frozen)
    stats = update(policy, Optimiser(policy.model, frozen, 1), fixed.batch, torch.from_numpy(values).float(), config)
    return values, stats.loss


def trl_loss(trainer: Any, fixed: Fixed) -> tuple[NDArray[np.float64], float]:
    """TRL's advantages and loss of the batch, computed by its trainer after a rollout that returns the batch."""
    batch = fixed.batch
    rows = range(len(batch.lengths))
    ids = [batch.ids[row, : batch.lengths[row]].tolist() for row in rows]
    masks = [batch.sampled[row, : batch.lengths[row]].int().tolist() for row in rows]
    split = list(zip(ids, masks, fixed.prompts, strict=True))
    prompt_ids = [tokens[:start] for tokens, _, start in split]
    completion_ids = [tokens[start:] for tokens, _, start in split]
    tool_mask = [mask[start:] for _, mask, start in split]
    pictures = [[Image.fromarray(image) for image in images] for images in batch.images]
    said = [[{"role": "assistant", "content": ""}] for _ in rows]
    later = [images[1:] for images in pictures]
    trainer._generate = lambda prompts: (prompt_ids, completion_ids, tool_mask, said, None, {}, pictures, later)
    trainer._calculate_rewards = lambda *args: torch.tensor(fixed.rewards).unsqueeze(1)
    trainer.model.eval()  # outside of training the loss is not divided by the accumulation steps
    with torch.no_grad():
        inputs = trainer._generate_and_score_completions([trainer.train_dataset[0] for _ in rows])
        old = torch.zeros(inputs["completion_ids"].shape)
        for row, start in enumerate(fixed.prompts):
            old[row, : batch.lengths[row] - start] = batch.logprobs[row, start : batch.lengths[row]]
        inputs["old_per_token_logps"] = old
        loss = trainer._compute_loss(trainer.model, inputs)
    return inputs["advantages"].numpy(), float(loss)


def agree(connection: Connection, settings: Settings) -> None:
    """Compare advantages and loss of two groups; sends the differences and the values."""
    torch.set_num_threads(settings.threads)
    policy = load_tiny(settings.model)
    sampler = SamplerConfig(slots=8, max_tokens=settings.max_tokens, max_new_tokens=settings.max_new_tokens)
    collector = Collector(settings.make_env, PolicyAgent(policy, sampler), 8)
    jobs = [Job(group, settings.seed, f"group-{group}") for group in range(2) for _ in range(settings.group_size)]
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    fixed = fixed_batch(rollouts, policy.encoder, settings.seed)
    policy.banned = policy.banned[:0]  # TRL does not rule control tokens out
    ours, loss = our_loss(policy, fixed)
    theirs, their_loss = trl_loss(make_trainer(settings), fixed)
    connection.send(
        {
            "advantage_difference": float(np.abs(ours - theirs).max()),
            "loss_difference": abs(loss - their_loss),
            "loss": loss,
            "trl_loss": their_loss,
        }
    )
