"""Sampling an action looks at what could be called, and calls nothing."""

from __future__ import annotations

import pytest

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.protocol import DIALECTS
from adagym.tools.executor import Executor


@pytest.mark.parametrize("adaptive", [None, "names"])
@pytest.mark.parametrize("tools", [None, "workers", "faulty:drop=1"])
def test_sampling_a_call_runs_no_tool(tools: str | None, adaptive: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    env = VSPNavigation("vsp-generated:sides=4,n=2", tools=tools, adaptive=adaptive)
    env.reset(seed=0)
    monkeypatch.setattr(Executor, "run", None)
    calls = [DIALECTS.load("adareasoner").parse(env.action_space.sample_call()).call for _ in range(30)]
    assert {call.name for call in calls if call is not None} == {tool.name for tool in env.action_space.tools}
    env.close()
