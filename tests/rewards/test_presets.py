"""Preset specs."""

from __future__ import annotations

import pytest

from adagym.envs.lake import Lake
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import UnknownName, UsageError
from adagym.rewards import load_preset
from adagym.rewards.compose import TOOL_GRPO, ToolGRPO, accuracy


def test_a_name_alone_is_the_preset_as_registered() -> None:
    assert load_preset("tool_grpo") is TOOL_GRPO
    assert load_preset("accuracy") is accuracy


def test_options_are_read_by_the_type_of_their_default() -> None:
    assert load_preset("tool_grpo:lambda_tool=2,lambda_acc=0.5,adaptive=false") == ToolGRPO(2.0, 0.5, False)
    assert load_preset("tool_grpo: adaptive = true , lambda_acc=1e-1") == ToolGRPO(1.0, 0.1, True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tool_grpo:weight=1", "`weight=1` .* not one of its options.*lambda_tool=1.0, lambda_acc=1.0, adaptive=true"),
        ("tool_grpo:lambda_tool", "not of the form option=value"),
        ("tool_grpo:", "not of the form option=value"),
        ("tool_grpo:lambda_tool=1,lambda_tool=2", "is given twice"),
        ("tool_grpo:lambda_tool=much", "`lambda_tool` .* must be a finite number, not `much`"),
        ("tool_grpo:lambda_tool=nan", "must be a finite number"),
        ("tool_grpo:adaptive=1", "must be true or false, not `1`"),
        ("at_grpo:n_max=2.5", "must be an integer, not `2.5`"),
        ("accuracy:weight=1", "The preset `accuracy` has no options"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_preset(spec)


def test_an_unknown_preset_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="Did you mean `tool_grpo`"):
        load_preset("tool_gpro:lambda_tool=1")


def test_environments_take_specs() -> None:
    env = VSPNavigation("vsp-generated:n=1", reward="tool_grpo:lambda_acc=2")
    env.reset(seed=0)
    assert env.task is not None
    plan = Lake(tuple(env.task.meta["rows"])).shortest_plan()
    assert env.step(f"<think>Go.</think><response>\\boxed{{{plan}}}</response>")[1] == 12
    assert env.trajectory().env_kwargs["reward"] == "tool_grpo:lambda_acc=2"
    with pytest.raises(UsageError, match="not one of its options"):
        VSPNavigation("vsp-generated:n=1", reward="tool_grpo:acc=2")
