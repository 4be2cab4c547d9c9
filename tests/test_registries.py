"""Every registered name loads and passes the contract kit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from adagym.agents import AGENTS, Agent
from adagym.algos.collect import Collector, Job
from adagym.cli import COMMANDS
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import SOURCES, load_tasks
from adagym.evals.spec import make_agent
from adagym.protocol import DIALECTS
from adagym.rewards import PRESETS, REWARDS
from adagym.store import Store
from adagym.testing import check_agent, check_dialect, check_env, check_reward, check_task_source, check_tool
from adagym.tools import TOOLS

ROOT = Path(__file__).resolve().parents[1]
NAVIGATION = "adagym/VSPNavigation-v0"


@pytest.mark.parametrize("name", ENVS.names())
def test_environments(name: str) -> None:
    check_env(name)


@pytest.mark.parametrize("name", TOOLS.names())
def test_tools(name: str) -> None:
    maps = load_tasks("vsp-generated:sides=4,n=1", "vsp_navigation")[0].images[0].load()
    check_tool(name, (maps,))
    check_tool(name, (np.zeros((40, 60, 3), np.uint8),))


@pytest.mark.parametrize("name", REWARDS.names())
def test_rewards(name: str) -> None:
    check_reward(name)


@pytest.mark.parametrize("name", PRESETS.names())
def test_presets(name: str) -> None:
    preset = PRESETS.load(name)
    check_reward(lambda_free_total(name))
    assert callable(preset)


@pytest.mark.parametrize("name", DIALECTS.names())
def test_dialects(name: str) -> None:
    check_dialect(name)
    assert DIALECTS.load(name).name == name
