"""A page for every reward and preset: its documentation, and what it says of the same few episodes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
from made import Made, row, table
from worlds import MAP, SEED, play

from adagym.agents.seat import bare
from adagym.protocol import DIALECTS, Dialect
from adagym.registry import Registry
from adagym.rewards import PRESETS, REWARDS, Score
from adagym.types import ToolCall, Trajectory

TASKS = "vsp-generated:sides=4,split=test,n=20"
OPTIONS = """\
    options:
      show_root_heading: false
      show_root_toc_entry: false
      heading_level: 3
"""
"""How the docstring is shown: the page has its heading already."""
BENEFIT = 0.5
"""Tool Benefit Score that the task of the examples is given, so that rewards which need one have one."""


def pages() -> Iterator[Made]:
    """The pages of all rewards and presets, and the page that lists them."""
    yield Made("reward/index.md", _overview(), "All rewards")
    episodes = examples()
    for entry in REWARDS:
        yield _page(REWARDS, entry.name, "reward", episodes)
    for entry in PRESETS:
        yield _page(PRESETS, entry.name, "preset", episodes)


def examples() -> dict[str, Trajectory]:
    """Episodes of one task of navigation, from good to bad."""
    expert = play(MAP, {"tasks": TASKS})
    dialect = DIALECTS.load(expert.dialect)
    failing = ToolCall("Point", {"image": "img_9", "description": "Ice Holes"})
    return {
        f"right, after {len(expert.calls)} calls": _with_benefit(expert),
        "right, without a call": _played([_answer(dialect, expert.answer or "")]),
        "wrong, after a failed call": _played([dialect.write_call(failing, "Look."), _answer(dialect, "L")]),
        "wrong, without a call": _played([_answer(dialect, "L")]),
        "right, after a malformed turn": _played(["Hm.", _answer(dialect, expert.answer or "")]),
    }


def _answer(dialect: Dialect, answer: str) -> str:
    return dialect.write_answer(answer, "I answer.")


def _played(actions: Sequence[str]) -> Trajectory:
    env = gym.make(MAP, tasks=TASKS)
    env.reset(seed=SEED)
    for action in actions:
        env.step(action)
    return _with_benefit(bare(env).trajectory())


def _with_benefit(trajectory: Trajectory) -> Trajectory:
    return replace(trajectory, task=replace(trajectory.task, tool_benefit=BENEFIT))


def _page(registry: Registry[Any], name: str, kind: str, episodes: dict[str, Trajectory]) -> Made:
    reward = registry.load(name)
    plain = reward if inspect.isfunction(reward) else type(reward)
    use = f'`gym.make(..., reward="{name}")`' if kind == "preset" else f'`REWARDS.load("{name}")`'
    text = "\n\n".join(
        [
            f"# {name}",
            f"A {kind}: {registry.entry(name).summary}. Use: {use}.",
            f"::: {plain.__module__}.{plain.__qualname__}\n{OPTIONS}",
            "## What it says",
            f"Five episodes of one task of navigation, whose Tool Benefit Score is set to {BENEFIT}:",
            _table(reward, episodes),
        ]
    )
    return Made(f"{kind}/{name}.md", text, name)


def _table(reward: Callable[..., float | Score | None], episodes: dict[str, Trajectory]) -> str:
    said = {title: reward(trajectory.task, trajectory) for title, trajectory in episodes.items()}
    first = next(iter(said.values()))
    if not any(value is not None for value in said.values()):
        return "None, of all five: it has nothing to say of answers of this kind."
    if not isinstance(first, Score):
        return table(row("Episode", "Value"), *(row(title, _number(value)) for title, value in said.items()))
    rows = [
        row(title, _number(score.total), *(_number(score.parts.get(part)) for part in first.parts))
        for title, score in said.items()
        if isinstance(score, Score)
    ]
    return table(row("Episode", "Total", *(f"`{part}`" for part in first.parts)), *rows)


def _number(value: float | Score | None) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "none"


def _overview() -> str:
    rewards = [row(f"[`{entry.name}`]({entry.name}.md)", entry.summary) for entry in REWARDS]
    presets = [row(f"[`{entry.name}`](../preset/{entry.name}.md)", entry.summary) for entry in PRESETS]
    return "\n\n".join(
        [
            "# All rewards",
            "A reward is a pure function of a task and a finished episode. It returns a number, or None where nothing "
            "can be said; an infrastructure failure is never scored.",
            table(row("Reward", "Says"), *rewards),
            "A preset combines rewards to a total, and keeps each part by name. Environments take the name of one.",
            table(row("Preset", "Total"), *presets),
        ]
    )
