"""The parity kit: the same episodes through everything that can play them, compared turn by turn.

A :class:`Script` is an episode written out: a task, a seed and the texts of its actions, among them malformed calls,
calls that fail, and too many turns. A *player* takes scripts and returns what came back. :func:`play_env` is the one
that the others are measured by, plain ``env.step``.

.. code-block:: python

    from adagym.testing.parity import compare, scripts

    def test_my_adapter():
        report = compare("mine", my_player, scripts(per_family=20))
        assert not report.differences, report.differences[0]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from adagym.digest import observation_digest

if TYPE_CHECKING:
    from rich.table import Table

    from adagym.envs.base import ToolEnv

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "adagym/VSPNavigation-v0": {"tasks": "vsp-generated:n=50,sides=3-5,seed=7"},
    "adagym/VSPVerification-v0": {"tasks": "vsp-generated:n=50,sides=3-5,seed=7"},
    "adagym/Jigsaw-v0": {},
    "adagym/VStar-v0": {"tasks": "vstar:n=20,difficulty=easy,side=1280,seed=7", "tools": ["Crop", "HighlightBox"]},
    "adagym/GUIQA-v0": {"tools": ["Crop", "MaskBox"]},
    "adagym/VideoQA-v0": {"tasks": "video:n=10,seed=7", "frames": "4", "tools": ["FrameAt", "VideoClip"]},
}
"""Environment to its arguments: small worlds, and no tool that reads text, which takes a second per call."""

MAX_TURNS = 4
"""Episodes of scripts are cut after so many actions."""

MALFORMED = (
    "",
    "I am not sure what to do.",
    "<tool_call></tool_call>",
    "<tool_call>{not json}</tool_call>",
    '<tool_call>{"name": "NoSuchTool", "parameters": {}}</tool_call>',
    '<tool_call>{"name": 5, "parameters": []}</tool_call>',
    '<tool_call>{"name": "Crop", "parameters": {"image": "img_99"}}</tool_call>',
    "<response>\\boxed{unclosed",
    "\u202enothing \x00 \U0001f9ca",
)
"""Actions that are no usable call and no answer, or a call that fails."""

_CALLS, _FAILS = 0.6, 0.3
"""Shares of sampled actions that are drawn from the action space, and of malformed ones; the rest are answers."""


@dataclass(frozen=True)
class Script:
    """One episode, written out."""

    env_id: str
    env: Mapping[str, Any]
    """Arguments of the environment."""
    task: str
    """Id of the task."""
    index: int
    """Place of the task in the source."""
    seed: int
    actions: tuple[str, ...]
    """The last one ends the episode."""


@dataclass(frozen=True)
class Shown:
    """What came back from a reset or a step. None: an adapter does not pass it on."""

    observation: str | None
    """:func:`adagym.digest.observation_digest` of the new text and pictures."""
    reward: float | None = 0.0
    terminated: bool | None = False
    truncated: bool | None = False


Player = Callable[[Sequence[Script]], Sequence[Sequence[Shown]]]
"""Plays scripts; for each, what the reset showed and what every action did, until the episode's end."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not equal."""

    script: Script
    turn: int
    """0: the reset."""
    what: str
    """``length``, or a field of :class:`Shown`."""
    expected: Any
    got: Any

    def __str__(self) -> str:
        return (
            f"{self.script.env_id}, task {self.script.task!r}, seed {self.script.seed}, turn {self.turn}: "
            f"{self.what} is {self.got!r} and not {self.expected!r}"
        )


@dataclass(frozen=True)
class Report:
    """What a comparison came to."""

    name: str
    episodes: int
    turns: int
    differences: tuple[Difference, ...] = ()
    excepted: Mapping[str, str] = field(default_factory=dict)
    """Field of :class:`Shown` that is not compared, and why."""


def scripts(per_family: int = 20, seed: int = 0, families: Sequence[str] = tuple(FAMILIES)) -> list[Script]:
    """Draw episodes.

    Args:
        per_family: Episodes per family.
        seed: Seeds every draw.
        families: Names of :data:`FAMILIES`.
    """
    drawn = []
    for number, env_id in enumerate(families):
        rng = np.random.default_rng([seed, number])
        env = _make(env_id, {**FAMILIES[env_id], "max_turns": MAX_TURNS})
        drawn += [_draw(env_id, env, rng) for _ in range(per_family)]
        env.close()
    return drawn


def play_env(played: Sequence[Script]) -> list[list[Shown]]:
    """Play by ``env.reset`` and ``env.step``: what everything else is compared with."""
    envs: dict[str, ToolEnv] = {}
    for script in played:
        if script.env_id not in envs:
            envs[script.env_id] = make(script)
    shown = [list(_played(envs[script.env_id], script)) for script in played]
    for env in envs.values():
        env.close()
    return shown


def compare(
    name: str,
    player: Player,
    played: Sequence[Script],
    excepted: Mapping[str, str] | None = None,
    expected: Sequence[Sequence[Shown]] | None = None,
) -> Report:
    """Compare a player with :func:`play_env`.

    Args:
        name: For the table.
        player: Plays the scripts.
        played: Them.
        excepted: Fields of :class:`Shown` that a library forces to be None, each with the reason. That they are None
            is checked.
        expected: What :func:`play_env` returned for the scripts, where it has played them already.
    """
    excepted = excepted or {}
    expected = play_env(played) if expected is None else expected
    differences: list[Difference] = []
    turns = 0
    for script, wanted, got in zip(played, expected, player(played), strict=True):
        turns += len(wanted)
        differences += _differences(script, wanted, got, excepted)
    return Report(name, len(played), turns, tuple(differences), excepted)


def table(reports: Sequence[Report]) -> Table:
    """Reports as a table."""
    from rich.table import Table

    shown = Table("played through", "episodes", "turns", "differences", "not compared", title="Parity with env.step")
    for report in reports:
        colour = "red" if report.differences else "green"
        count = f"[{colour}]{len(report.differences)}[/]"
        shown.add_row(report.name, str(report.episodes), str(report.turns), count, ", ".join(report.excepted) or "-")
    return shown


def make(script: Script) -> ToolEnv:
    """The environment that a script is played in."""
    return _make(script.env_id, script.env)


def _make(env_id: str, arguments: Mapping[str, Any]) -> ToolEnv:
    import gymnasium as gym

    import adagym  # noqa: F401  (registers the environments)
    from adagym.envs.base import ToolEnv

    env = gym.make(env_id, disable_env_checker=True, **arguments).unwrapped
    assert isinstance(env, ToolEnv)
    return env


def _draw(env_id: str, env: ToolEnv, rng: np.random.Generator) -> Script:
    index, seed = int(rng.integers(len(env.tasks))), int(rng.integers(2**31))
    env.action_space.seed(int(rng.integers(2**31)))
    env.reset(seed=seed, options={"task": index})
    task = env.task
    assert task is not None
    actions: list[str] = []
    over = False
    while not over:
        actions.append(_action(env, rng))
        _, _, terminated, truncated, _ = env.step(actions[-1])
        over = terminated or truncated
    return Script(env_id, {**FAMILIES[env_id], "max_turns": MAX_TURNS}, task.id, index, seed, tuple(actions))


def _action(env: ToolEnv, rng: np.random.Generator) -> str:
    drawn = rng.random()
    if drawn < _CALLS:
        return str(env.action_space.sample())
    if drawn < _CALLS + _FAILS:
        return str(MALFORMED[int(rng.integers(len(MALFORMED)))])
    answer = env.task.answer if env.task is not None else None
    return f"<think>Done.</think><response>\\boxed{{{answer}}}</response>"


def _played(env: ToolEnv, script: Script) -> Iterator[Shown]:
    observation, _ = env.reset(seed=script.seed, options={"task": script.task})
    yield Shown(observation_digest(observation))
    for action in script.actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        yield Shown(observation_digest(observation), float(reward), terminated, truncated)


def _differences(
    script: Script, expected: Sequence[Shown], got: Sequence[Shown], excepted: Mapping[str, str]
) -> Iterator[Difference]:
    if len(expected) != len(got):
        yield Difference(script, min(len(expected), len(got)), "length", len(expected), len(got))
    for turn, (wanted, found) in enumerate(zip(expected, got, strict=False)):
        for each in fields(Shown):
            want = None if each.name in excepted else getattr(wanted, each.name)
            have = getattr(found, each.name)
            if want != have:
                yield Difference(script, turn, each.name, want, have)
