"""Whatever an agent writes becomes an observation; nothing raises."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.protocol import DIALECTS
from adagym.testing import HOSTILE
from adagym.tools.executor import Executor

TASKS = "vsp-generated:sides=3,n=2,seed=3"


@pytest.mark.parametrize("action", HOSTILE, ids=lambda action: repr(action)[:30])
@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_whatever_is_written_becomes_an_observation(action: Any, dialect: str) -> None:
    env = VSPNavigation(TASKS, dialect=dialect)
    env.reset(seed=0)
    observation, reward, _, truncated, info = env.step(action)
    assert observation in env.observation_space
    assert np.isfinite(reward)
    assert not truncated
    assert info["turn"] == 1
    pickle.dumps(env.trajectory())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
PARAMETERS = sorted({name for spec in Executor(VSPNavigation.default_tools).specs for name in spec.properties})
PLAUSIBLE = st.sampled_from(["img_1", "img_2", "gift", "R,R", "[32, 32]", [32, 32], [[32, 96]], {"x": 1, "y": 2}, 64])


@given(
    name=st.sampled_from(["Point", "AStar", "Draw2DPath"]) | st.text(min_size=1, max_size=10),
    arguments=st.dictionaries(st.sampled_from([*PARAMETERS, "else"]), JSON | PLAUSIBLE),
)
@settings(max_examples=300, deadline=None)
def test_no_arguments_break_a_tool(name: str, arguments: dict[str, Any]) -> None:
    env = VSPNavigation(TASKS)
    env.reset(seed=0)
    body = json.dumps({"name": name, "parameters": arguments})
    observation, _, _, truncated, info = env.step(f"<think>x</think><tool_call>{body}</tool_call>")
    assert observation in env.observation_space
    assert not truncated
    assert info["outcome"] == "running", env.trajectory().error


@given(st.text() | st.binary() | JSON)
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_a_dialect(action: Any) -> None:
    for dialect in DIALECTS.names():
        env = VSPNavigation(TASKS, dialect=dialect)
        env.reset(seed=0)
        observation, *_ = env.step(action)
        assert observation in env.observation_space
        assert env.trajectory().outcome in ("running", "answered")
