"""``adagym demo``: the whole way, from the shipped base model to one that plans through its tools."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adagym.errors import InfraError, UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.agents.base import Agent
    from adagym.policies.hf import HFPolicy
    from adagym.types import Trajectory

ENV = "adagym/VSPNavigation-v0"
DENSITY = "0-0.3"
"""Holes on the training maps, drawn per map; the held-out maps have the default 0.2."""
MAX_TURNS = 6
"""One more than the longest blueprint needs."""
MAX_NEW_TOKENS = 160
"""Enough for a call that names every hole of the largest map."""
TEST_SEED = 0
"""The held-out maps are the same for every training seed."""


@dataclass(frozen=True)
class Demo:
    """Cold-start the embedded model on maps of side 4, 6, 8, improve it by Tool-GRPO, test it on sides 3, 5, 7, 9.

    Example: adagym demo --seed 1 --out runs/demo-1 --json runs/demo-1.json
    """

    out: Path = Path("adagym-demo")
    """Folder for curves.png, transcripts, metrics and the trained model."""
    seed: int = 0
    """Seeds demonstrations, training maps and sampling."""
    n: int = 200
    """Held-out maps to test on."""
    demonstrations: int = 1200
    """Episodes to imitate in the cold start."""
    sft_steps: int = 320
    """Steps of the cold start."""
    grpo_steps: int = 64
    """Steps of Tool-GRPO, each of 64 episodes."""
    tool_images: bool = False
    """Also show the model the pictures that tools return: more to look at, and slower."""
    threads: int = 2
    """Processor threads for the model. Use 1 on a busy machine: contended threads are slower than one."""
    json: Path | None = None
    """Also write the figures to this file."""

    def run(self) -> int:
        """Train, test, and say what came of it."""
        if min(self.n, self.demonstrations, self.sft_steps, self.grpo_steps, self.threads) < 1 or self.seed < 0:
            raise UsageError("n, demonstrations, sft_steps, grpo_steps and threads are at least 1, seed at least 0.")
        torch = require("torch", "train")
        from adagym.evals.run_folder import check_place

        for place in filter(None, (self.out, self.json)):
            check_place(place)
        from rich.console import Console

        from adagym.evals.figures import publish, usable_cores
        from adagym.policies.tiny import load_tiny

        torch.set_num_threads(min(self.threads, usable_cores()))
        console = Console()
        began = time.perf_counter()
        console.print(f"[bold]adagym demo[/]: {ENV}, seed {self.seed}, results in {self.out}")
        tested = {name: self._test(agent, console, name) for name, agent in self._baselines().items()}
        policy = load_tiny()
        self._cold_start(policy, console)
        tested["cold start"] = self._test(_player(policy), console, "cold start")
        history = self._improve(policy, console)
        tested["GRPO"] = self._test(_player(policy), console, "GRPO")
        policy.save(self.out / "model")
        self._write(tested, history, console)
        _table(tested, console)
        seconds = time.perf_counter() - began
        names = {"random": "random", "expert": "expert", "cold start": "cold_start", "GRPO": "grpo"}
        figures = {f"success_{key}": _success(tested[name]) for name, key in names.items()}
        publish("adagym demo", figures, seed=self.seed, seconds=seconds, path=self.json)
        console.print(f"{seconds:.0f} seconds. The trained model can be used anywhere as `tiny:{self.out / 'model'}`.")
        return 0

    def _baselines(self) -> dict[str, Agent]:
        from adagym.agents.random import RandomAgent
        from adagym.agents.scripted import ExpertAgent

        return {"random": RandomAgent(), "expert": ExpertAgent()}

    def _env(self) -> dict[str, Any]:
        return {"prompt": "brief", "max_turns": MAX_TURNS, "tool_images": self.tool_images}

    def _maker(self, tasks: str) -> Callable[[], Any]:
        import gymnasium as gym

        return functools.partial(gym.make, ENV, disable_env_checker=True, tasks=tasks, **self._env())

    def _test(self, agent: Agent, console: Console, name: str) -> list[Trajectory]:
        """Play the held-out maps."""
        from adagym.algos.collect import Collector, Job

        collector = Collector(self._maker(f"vsp-generated:split=test,seed={TEST_SEED},n={self.n}"), agent)
        with console.status(f"testing {name} on {self.n} unseen maps"):
            rollouts = sorted(collector.collect(Job(i, i) for i in range(self.n)), key=lambda rollout: rollout.index)
        collector.close()
        console.print(f"{name}: {_success([r.trajectory for r in rollouts]):.1%} of {self.n} unseen maps solved")
        return [rollout.trajectory for rollout in rollouts]

    def _cold_start(self, policy: HFPolicy, console: Console) -> None:
        """Imitate demonstrations of mixed quality on the training sides."""
        from adagym.agents.apprentice import ApprenticeAgent
        from adagym.algos.coldstart import demonstrations, examples
        from adagym.algos.optim import OptimConfig
        from adagym.algos.sft import SFTConfig, train
        from adagym.cli.progress import StepBar

        count = self.demonstrations
        with console.status(f"playing {count} demonstrations through the tools"):
            shown = demonstrations(self._maker(_training(self.seed, count)), ApprenticeAgent(), count, self.seed)
        optim = OptimConfig(lr=1.2e-3, muon_lr=2e-3, final=0.0)
        config = SFTConfig(steps=self.sft_steps, batch_size=8, seed=self.seed, optim=optim)
        with StepBar(console, "cold start", self.sft_steps) as report:
            lessons = examples(policy.encoder, shown, self.seed)
            train(policy, lessons, config, lambda step, loss: report(f"loss {loss:.3f}"))

    def _improve(self, policy: HFPolicy, console: Console) -> Sequence[Mapping[str, float]]:
        """Tool-GRPO on the training sides."""
        from adagym.algos.grpo import LossConfig
        from adagym.algos.learner import GRPO, GRPOConfig
        from adagym.algos.optim import OptimConfig
        from adagym.cli.progress import StepBar
        from adagym.policies.sampler import SamplerConfig

        config = GRPOConfig(
            steps=self.grpo_steps,
            seed=self.seed,
            env={"tasks": _training(self.seed + 1000, 5000), **self._env()},
            sampler=SamplerConfig(slots=64, max_tokens=1024, max_new_tokens=MAX_NEW_TOKENS),
            loss=LossConfig(optim=OptimConfig(lr=3e-4, muon_lr=5e-4, warmup=0.0, final=0.1)),
            out=self.out,
            save_every=self.grpo_steps,
        )
        learner = GRPO(policy, ENV, config)
        with StepBar(console, "Tool-GRPO", self.grpo_steps) as report:
            learner.learn(callbacks=[lambda step, metrics: report(_summary(metrics))])
        return learner.history

    def _write(
        self, tested: Mapping[str, Sequence[Trajectory]], history: Sequence[Mapping[str, float]], console: Console
    ) -> None:
        """Curves and two transcripts: the same map before and after."""
        from adagym.evals.plots import plot_curves
        from adagym.evals.transcript import write_transcript

        plot_curves(history, self.out / "curves.png", f"Tool-GRPO on {ENV}, sides 4, 6, 8, seed {self.seed}")
        before, after = tested["cold start"], tested["GRPO"]
        changed = (i for i in range(self.n) if _right(after[i]) and not _right(before[i]))
        chosen = next(changed, 0)
        for name, episodes in (("cold-start", before), ("grpo", after)):
            write_transcript(episodes[chosen], self.out / f"transcript-{name}.html")
        console.print(f"Written: {self.out}/curves.png, transcript-cold-start.html, transcript-grpo.html")


def _training(seed: int, count: int) -> str:
    return f"vsp-generated:split=train,seed={seed},n={count},density={DENSITY}"


def _player(policy: HFPolicy) -> Agent:
    """The policy, taking the most likely token."""
    from adagym.agents.policy import PolicyAgent
    from adagym.policies.sampler import SamplerConfig

    return PolicyAgent(policy, SamplerConfig(slots=64, max_tokens=1536, max_new_tokens=MAX_NEW_TOKENS, temperature=0.0))


def _right(trajectory: Trajectory) -> bool:
    return trajectory.reward_parts.get("accuracy") == 1.0


def _success(trajectories: Sequence[Trajectory]) -> float:
    """Share of right answers among the episodes that were scored; what infrastructure broke is not a wrong answer."""
    scored = [trajectory for trajectory in trajectories if trajectory.outcome != "infra_failure"]
    if not scored:
        raise InfraError("Every test episode was voided by an infrastructure failure: there is nothing to report.")
    return sum(map(_right, scored)) / len(scored)


def _summary(metrics: Mapping[str, float]) -> str:
    return f"success {metrics.get('part_accuracy', 0):.0%}, reward {metrics.get('reward', 0):.2f}"


def _table(tested: Mapping[str, Sequence[Trajectory]], console: Console) -> None:
    """Success by side of the map, and calls per episode."""
    from rich.table import Table

    sides = sorted({int(t.task.meta["side"]) for episodes in tested.values() for t in episodes})
    table = Table("", "all", *(f"side {side}" for side in sides), "calls", title="success on unseen sides")
    for name, episodes in tested.items():
        by_side = [[t for t in episodes if t.task.meta["side"] == side] for side in sides]
        calls = sum(len(t.calls) for t in episodes) / len(episodes)
        shares = [f"{_success(group):.1%}" for group in by_side]
        table.add_row(name, f"{_success(episodes):.1%}", *shares, f"{calls:.2f}")
    console.print(table)
