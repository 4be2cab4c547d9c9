"""What the re-enactments share: arms that are trained per seed, kept, and summed up with intervals.

Every training is one process with one thread, so that two seeds run side by side on two cores. What a seed came to
is kept under ``--work``; a stopped command goes on with the seeds that are missing.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import statistics
import string
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from rich.console import Console

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.base import Agent
from adagym.agents.policy import PolicyAgent
from adagym.algos.coldstart import demonstrations, examples
from adagym.algos.collect import Collector, Job
from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.mixture import Source
from adagym.algos.optim import OptimConfig
from adagym.algos.pretrain import STOP
from adagym.algos.sft import SFTConfig, tokenise, train
from adagym.evals.figures import publish, write_json
from adagym.policies.base import TokenTrace
from adagym.policies.hf import HFPolicy
from adagym.policies.pretraining import Document
from adagym.policies.sampler import SamplerConfig
from adagym.types import Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
VERIFICATION = "adagym/VSPVerification-v0"
FAMILIES = {"navigation": NAVIGATION, "verification": VERIFICATION}
WORLD: Mapping[str, Any] = {"prompt": "brief", "tool_images": "named", "max_turns": 7}
"""Of the pictures that tools make only the names are shown: the embedded model cannot read pictures, but tools can."""
RENAMED = f"names,length=1,alphabet={string.ascii_letters}"
"""Random names of one letter: the embedded model's tokenizer spends a token on every character of a meaningless name,
and copying several of them in a row is beyond it."""
DENSITY = "0-0.3"
TEST_SEED = 90_000
"""Source of the test tasks; no training seed comes near it."""
MAX_NEW_TOKENS = 200
T_QUANTILE = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Student's t at 97.5 % by number of seeds."""

Figures = dict[str, float]
Curves = dict[str, list[float]]


@dataclass(frozen=True)
class Options:
    """How much is trained and tested."""

    seeds: int = 3
    """Repetitions; two or more."""
    work: Path = Path("runs/ablations")
    """Folder for what each seed came to."""
    json: Path | None = None
    """Write the figures here as one flat JSON object."""
    figure: Path | None = None
    """Draw the figure here (PNG)."""
    jobs: int = 2
    """Seeds that run side by side."""
    n: int = 120
    """Test tasks per test."""
    lessons: int = 1000
    """Demonstrations per family in a cold start."""
    sft_steps: int = 320
    """Batches of a cold start."""
    grpo_steps: int = 40
    """Steps of reinforcement learning."""
    prompts: int = 8
    """Tasks per step, in groups of 8 episodes."""


@dataclass(frozen=True)
class Outcome:
    """What one seed came to."""

    figures: Figures
    """``ARM_METRIC`` to value."""
    curves: dict[str, Curves] = field(default_factory=dict)
    """Arm to metric to its value at each step of reinforcement learning."""


def source(env_id: str, seed: int, n: int = 5000, **arguments: Any) -> Source:
    """Training tasks of an environment: sides 4, 6 and 8."""
    extra = arguments.pop("extra", "")
    tasks = f"vsp-generated:split=train,seed={seed},n={n},density={DENSITY}{extra}"
    return Source(env_id, {**WORLD, "tasks": tasks, **arguments})


def held_out(env_id: str, n: int, **arguments: Any) -> Source:
    """Test tasks of an environment: sides 3, 5, 7 and 9."""
    extra = arguments.pop("extra", "")
    return Source(env_id, {**WORLD, "tasks": f"vsp-generated:split=test,seed={TEST_SEED},n={n}{extra}", **arguments})


def lessons(origin: Source, agent: Agent, options: Options, seed: int) -> list[Trajectory]:
    """Demonstrations on the first tasks of a source."""
    return demonstrations(maker(origin), agent, options.lessons, seed)


def cold_start(
    policy: HFPolicy,
    shown: Sequence[Trajectory],
    options: Options,
    seed: int,
    general: float = 0.0,
    others: Iterator[Document] = iter(()),  # noqa: B008  (an empty iterator has no state to share)
) -> None:
    """Imitate demonstrations.

    Args:
        policy: Trained in place.
        shown: The demonstrations.
        options: Says how long.
        seed: Of the order.
        general: Share of made-up conversations about other tools, of the kinds that the base model has seen, mixed in
            so that it does not forget that tools are to be taken from the prompt.
        others: Where those come from; needed if there are any.
    """
    optim = OptimConfig(lr=1.2e-3, muon_lr=2e-3, final=0.0)
    config = SFTConfig(steps=options.sft_steps, batch_size=8, seed=seed, optim=optim)
    train(policy, _mixed(policy, shown, seed, general, others), config, lambda step, loss: None)


def _mixed(
    policy: HFPolicy, shown: Sequence[Trajectory], seed: int, general: float, others: Iterator[Document]
) -> Iterator[TokenTrace]:
    rng = np.random.default_rng(seed)
    own = examples(policy.encoder, shown, seed)
    while True:
        if rng.random() < general:
            yield tokenise(policy.encoder, next(others).messages, STOP)
        else:
            yield next(own)


def improve(
    policy: HFPolicy,
    sources: Sequence[Source],
    options: Options,
    seed: int,
    reward: str = "tool_grpo",
    speed: float = 1.0,
    kl: float = 0.0,
) -> list[dict[str, float]]:
    """Reinforcement learning on a mixture.

    Args:
        policy: Trained in place.
        sources: What to train on, by weight.
        options: Says how long.
        seed: Of tasks and sampling.
        reward: The preset.
        speed: Scales the learning rates.
        kl: Weight of the divergence from the policy as it was given.

    Returns:
        The metrics of every step.
    """
    rewarded = [Source(each.env_id, {**each.env, "reward": reward}, each.weight) for each in sources]
    config = GRPOConfig(
        steps=options.grpo_steps,
        prompts=options.prompts,
        seed=seed,
        sampler=SamplerConfig(slots=64, max_tokens=1200, max_new_tokens=MAX_NEW_TOKENS),
        loss=LossConfig(kl=kl, optim=OptimConfig(lr=3e-4 * speed, muon_lr=5e-4 * speed, warmup=0.0, final=0.1)),
        tensorboard=False,
    )
    return GRPO(policy, rewarded, config).learn().history


def curves(history: Sequence[Mapping[str, float]]) -> Curves:
    """Success and calls per sample at every step, for each source; calls that did not occur are 0."""
    names = {
        name for metrics in history for name in metrics if name.rpartition("/")[2].startswith(("part_acc", "calls_"))
    }
    return {name: [metrics.get(name, 0.0) for metrics in history] for name in sorted(names)}


def play(policy: HFPolicy, tested: Source) -> list[Trajectory]:
    """Play all tasks of a source once, taking the most likely token."""
    sampler = SamplerConfig(slots=64, max_tokens=1600, max_new_tokens=MAX_NEW_TOKENS, temperature=0.0)
    agent = PolicyAgent(policy, sampler)
    make = maker(tested)
    collector = Collector(make, agent)
    count = len(make().unwrapped.tasks)
    rollouts = sorted(collector.collect(Job(i, i) for i in range(count)), key=lambda rollout: rollout.index)
    collector.close()
    agent.close()
    return [rollout.trajectory for rollout in rollouts]


def measure(arm: str, played: Sequence[Trajectory]) -> Figures:
    """Success and calls per sample, by tool, under the arm's name."""
    scored = [t for t in played if t.outcome != "infra_failure"]
    calls = Counter(call.tool for t in scored for call in t.calls if call.check.known)
    figures = {f"{arm}_success": sum(t.reward_parts.get("accuracy") == 1 for t in scored) / len(scored)}
    figures[f"{arm}_calls"] = calls.total() / len(scored)
    return figures | {f"{arm}_calls_{tool}": calls[tool] / len(scored) for tool in ("Point", "Draw2DPath", "AStar")}


def maker(origin: Source) -> Callable[[], Any]:
    """Makes a source's environment."""
    return functools.partial(gym.make, origin.env_id, disable_env_checker=True, **origin.env)


def run(name: str, title: str, arms: Callable[[int, Options], Outcome], options: Options) -> dict[str, Any]:
    """Run every seed, sum up, print a table, and write what was asked for.

    Args:
        name: Names the kept files.
        title: Heads the table.
        arms: Trains and tests all arms for one seed. A module-level function: it runs in a process of its own.
        options: See :class:`Options`.

    Returns:
        The figures, and the curves of every seed under ``curves``.
    """
    began = time.perf_counter()
    console = Console()
    outcomes: dict[int, Outcome] = {}
    folder = options.work / name
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool, console.status(f"{title}: training"):
        running = {pool.submit(_one_seed, arms, folder, seed, options): seed for seed in range(options.seeds)}
        for done in as_completed(running):
            outcomes[running[done]] = done.result()
            console.print(f"seed {running[done]} done after {time.perf_counter() - began:.0f} s", highlight=False)
    kept = [outcomes[seed] for seed in sorted(outcomes)]
    figures = intervals([outcome.figures for outcome in kept])
    publish(title, figures, seed=0, seconds=time.perf_counter() - began, path=options.json)
    return {**figures, "curves": [outcome.curves for outcome in kept]}


def intervals(seeds: Sequence[Figures]) -> Figures:
    """Mean over seeds of every figure, with the 95 % interval of Student's t as ``_lo`` and ``_hi``."""
    figures: Figures = {}
    for key in seeds[0]:
        values = [each[key] for each in seeds]
        mean = statistics.fmean(values)
        half = T_QUANTILE[len(values)] * statistics.stdev(values) / len(values) ** 0.5
        share = key.endswith("_success")
        figures[key] = mean
        figures[f"{key}_lo"] = max(0.0, mean - half) if share else mean - half
        figures[f"{key}_hi"] = min(1.0, mean + half) if share else mean + half
    return figures


def _one_seed(arms: Callable[[int, Options], Outcome], folder: Path, seed: int, options: Options) -> Outcome:
    """Train one seed, or take what was kept of it."""
    torch.set_num_threads(1)
    asked = {key: value for key, value in asdict(options).items() if key in _DECIDING}
    path = folder / f"seed-{seed}.json"
    if path.is_file():
        kept = json.loads(path.read_text("utf-8"))
        if kept["asked"] == asked:
            return Outcome(kept["figures"], kept["curves"])
    outcome = arms(seed, options)
    write_json(path, {"asked": asked, "figures": outcome.figures, "curves": outcome.curves})
    return outcome


_DECIDING = ("n", "lessons", "sft_steps", "grpo_steps", "prompts")
"""Options that decide what a seed comes to."""
