"""Every registered name loads and passes the contract kit."""

from __future__ import annotations

import importlib
import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from adagym import envs
from adagym.agents import AGENTS, Agent
from adagym.agents.human import HumanAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.cli import COMMANDS
from adagym.cli.list import REGISTRIES, registry_of
from adagym.envs import ENVS
from adagym.envs.tasks import SOURCES, load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.evals.protocols import PROTOCOLS
from adagym.evals.scorers import SCORERS
from adagym.evals.spec import make_agent
from adagym.evals.suites import SUITES
from adagym.protocol import DIALECTS
from adagym.registry import Registry
from adagym.rewards import PRESETS, REWARDS
from adagym.store import Store
from adagym.testing import check_agent, check_dialect, check_env, check_reward, check_tool
from adagym.tools import TOOLS
from adagym.tools.backends import BACKENDS
from adagym.tools.pointing import POINTERS
from adagym.tools.reading import READERS
from adagym.types import Trajectory
from adagym.video import KINDS

QUICK = {
    "adagym/ImageQA-v0": "images:side=320,n=20",
    "adagym/VStar-v0": "vstar:side=320,difficulty=easy,n=20",
    "adagym/VideoQA-v0": "video:side=640,seconds=13,events=5,n=20",
}
"""Environment to a task source of small pictures, where its own are large."""


@pytest.fixture(scope="module")
def expert_episodes() -> list[Trajectory]:
    """Six finished episodes; the tasks are the first of the seeds that ``check_agent`` uses, twice."""
    collector = Collector(VSPNavigation, ExpertAgent())
    tasks = []
    env = VSPNavigation()
    for seed in range(3):
        env.reset(seed=seed)
        assert env.task is not None
        tasks.append((env.task, seed))
    return [rollout.trajectory for rollout in collector.collect([Job(task, seed) for task, seed in [*tasks, *tasks]])]


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_name_of_a_kind_loads_and_is_summarised(kind: str) -> None:
    for entry in registry_of(kind):
        assert entry.summary, f"{kind}: `{entry.name}` has no summary"
        assert registry_of(kind).load(entry.name) is not None


def test_every_registry_is_listed() -> None:
    registered = {id(registry_of(kind)) for kind in REGISTRIES}
    own = (
        ENVS,
        SOURCES,
        TOOLS,
        BACKENDS,
        REWARDS,
        PRESETS,
        AGENTS,
        DIALECTS,
        READERS,
        POINTERS,
        SCORERS,
        PROTOCOLS,
        SUITES,
        KINDS,
    )
    assert registered == {id(registry) for registry in own}


@pytest.mark.parametrize("name", ENVS.names())
def test_environments(name: str) -> None:
    check_env(gym.make(name, tasks=QUICK.get(name)))


@pytest.mark.parametrize("name", TOOLS.names())
def test_tools(name: str) -> None:
    map_image = load_tasks("vsp-generated:sides=4,n=1", "vsp_navigation")[0].images[0].load()
    check_tool(name, (map_image,))
    check_tool(name, (np.zeros((40, 60, 3), np.uint8),))


@pytest.mark.parametrize("name", REWARDS.names())
def test_rewards(name: str, expert_episodes: list[Trajectory]) -> None:
    check_reward(name)
    check_reward(name, expert_episodes)


@pytest.mark.parametrize("name", PRESETS.names())
def test_presets(name: str, expert_episodes: list[Trajectory]) -> None:
    preset = PRESETS.load(name)
    copy = pickle.loads(pickle.dumps(preset))
    for trajectory in expert_episodes:
        score = preset(trajectory.task, trajectory)
        assert score == preset(trajectory.task, trajectory) == copy(trajectory.task, trajectory)
        assert score.total is not None
        assert 0 <= score.total <= 8
        assert {"format", "tool", "accuracy"} <= set(score.parts)
        void = replace(trajectory, outcome="infra_failure")
        assert preset(trajectory.task, void).total is None


@pytest.mark.parametrize("name", DIALECTS.names())
def test_dialects(name: str) -> None:
    check_dialect(name)
    assert DIALECTS.load(name).name == name


def saved(folder: Path, episodes: list[Trajectory]) -> Path:
    with Store(folder / "episodes.jsonl") as store:
        for trajectory in episodes:
            store.append(trajectory)
    return store.path


def vllm_agent() -> Agent:
    """An engine that says the same few words, whatever it is asked."""
    from adagym.agents.vllm import VLLMAgent
    from adagym.policies.sampler import SamplerConfig
    from adagym.policies.tiny import BASE
    from adagym.policies.vllm import Coder, Request, Sampled, VLLMConfig

    class Parrot:
        coder, config = Coder.from_folder(BASE), VLLMConfig()
        asked: ClassVar[list[Request]] = []

        def submit(self, request: Request) -> None:
            self.asked.append(request)

        def step(self) -> list[Sampled]:
            ids = tuple(self.coder.encoder.text("<think></think>").tolist())
            asked, self.asked[:] = list(self.asked), []
            return [Sampled(request.key, ids, (0.0,) * len(ids)) for request in asked]

        def abort(self, key: str) -> None:
            self.asked[:] = [request for request in self.asked if request.key != key]

    return VLLMAgent(Parrot(), SamplerConfig(max_tokens=4096))


def openai_agent() -> Agent:
    """One whose endpoint has nothing to say."""
    from adagym.agents.endpoint import Completion, Endpoint
    from adagym.agents.openai import OpenAIAgent

    class Parrot(Endpoint):
        def chat(self, messages: Sequence[Mapping[str, Any]], **fields: Any) -> Completion:
            return Completion("<think></think>")

    return OpenAIAgent(Parrot("m", "http://localhost/v1"))


AGENT_MAKERS: dict[str, Callable[[Path, list[Trajectory]], Agent]] = {
    "random": lambda folder, episodes: make_agent("random"),
    "expert": lambda folder, episodes: make_agent("expert"),
    "human": lambda folder, episodes: HumanAgent(input_fn=lambda prompt: "R,R,D"),
    "replay": lambda folder, episodes: make_agent(f"replay:{saved(folder, episodes)}"),
    "tiny": lambda folder, episodes: make_agent("tiny"),
    # The embedded model is one of transformers' image-text models.
    "hf": lambda folder, episodes: make_agent(f"hf:{importlib.import_module('adagym.policies.tiny').BASE}"),
    "vllm": lambda folder, episodes: vllm_agent(),
    "openai": lambda folder, episodes: openai_agent(),
}
"""How each agent is made for the contract kit."""


@pytest.mark.parametrize("name", AGENTS.names())
def test_agents(name: str, tmp_path: Path, expert_episodes: list[Trajectory]) -> None:
    agent = AGENT_MAKERS[name](tmp_path, expert_episodes)
    assert isinstance(agent, AGENTS.load(name))
    assert agent.name == name
    check_agent(agent)


@pytest.mark.parametrize("name", COMMANDS.names())
def test_commands(name: str) -> None:
    command = COMMANDS.load(name)
    assert is_dataclass(command)
    assert f"Example: adagym {name}" in (inspect.getdoc(command) or "")
    assert callable(command.run)


def test_a_package_with_an_unusable_environment_does_not_break_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    ours: Registry[Any] = Registry("env")
    ours.register("no spaces allowed-v0", "nowhere:Env", summary="x")
    monkeypatch.setattr(envs, "ENVS", ours)
    with pytest.warns(UserWarning, match="`no spaces allowed-v0` of an installed package is left out"):
        envs._tell_of_packages()
