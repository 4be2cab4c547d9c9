"""A fixed table of turns as a discrete action space, for learners that choose among numbers and write no text.

An entry is a call, an answer, or a text that is sent as it stands. What a call needs to know and only the episode can
tell, such as where the player stands, is taken from the result of an earlier entry (:class:`Found`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from adagym.envs.base import ToolEnv
from adagym.errors import InfraError, UsageError
from adagym.protocol import DIALECTS
from adagym.types import Observation, ToolCall

NOTHING = "unknown"
"""The answer where an entry refers to a result that the episode does not hold."""

_MISSING = object()


@dataclass(frozen=True)
class Found:
    """A value in the last successful result of another entry."""

    entry: int
    """Position of that entry in the table."""
    keys: tuple[str | int, ...]
    """Where the value is in ``ToolResult.data``, for example ``("points", 0)``."""


@dataclass(frozen=True)
class Call:
    """An entry that calls a tool."""

    tool: str
    arguments: Mapping[str, Any]
    """By original names, also where the episode disguises them. An argument :class:`Found` nowhere is left out."""
    think: str = "I use a tool."


@dataclass(frozen=True)
class Answer:
    """An entry that ends the episode."""

    answer: str | Found
    think: str = "I answer."


Entry = Call | Answer | str

_ELF, _GIFT, _HOLES, _PLAN = range(4)
NAVIGATION: tuple[Entry, ...] = (
    Call("Point", {"image": "img_1", "description": "Elf"}),
    Call("Point", {"image": "img_1", "description": "Gift"}),
    Call("Point", {"image": "img_1", "description": "Ice Holes"}),
    Call(
        "AStar",
        {
            "start": Found(_ELF, ("points", 0)),
            "goal": Found(_GIFT, ("points", 0)),
            "obstacles": Found(_HOLES, ("points",)),
        },
    ),
    Call(
        "Draw2DPath",
        {"image": "img_1", "start_point": Found(_ELF, ("points", 0)), "directions": Found(_PLAN, ("path",))},
    ),
    Answer(Found(_PLAN, ("path",))),
)
"""The tools of ``vsp_navigation``, and the planned path as the answer."""

TABLES: Mapping[str, tuple[Entry, ...]] = {"vsp_navigation": NAVIGATION}
"""Tables by task family."""


class TableActions(gym.Wrapper[Observation, Any, Observation, str]):
    """A tool environment whose actions are the positions of a table.

    Args:
        env: A tool environment, bare or in wrappers that leave its actions alone.
        table: The entries; None takes the one of the environment's family.

    Raises:
        UsageError: There is no table for the family, or an entry refers outside the table.
    """

    def __init__(self, env: gym.Env[Observation, str], table: Sequence[Entry] | None = None) -> None:
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, ToolEnv):
            raise UsageError(f"TableActions wraps a tool environment, not {type(inner).__name__}.")
        self._inner = inner
        self.table = _table_of(inner.family) if table is None else tuple(table)
        if not self.table:
            raise UsageError("The table has no entries; give at least one call or answer.")
        for found in (found for entry in self.table for found in _references(entry)):
            if not 0 <= found.entry < len(self.table):
                raise UsageError(
                    f"An entry refers to {found}, and the table's positions are 0 to {len(self.table) - 1}."
                )
        self.action_space = gym.spaces.Discrete(len(self.table))
        self._results: dict[int, Mapping[str, Any]] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; see :meth:`adagym.envs.base.ToolEnv.reset`."""
        self._results = {}
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Send an entry's text.

        Args:
            action: Position of the entry.

        Raises:
            UsageError: There is no such position.
            InfraError: The infrastructure failed. Learners of numbers have no word for an episode that does not
                count, and a reward of 0 would be wrong.
        """
        observation, reward, terminated, truncated, info = self.env.step(self.text(action))
        if info["outcome"] == "infra_failure":
            raise InfraError(self._inner.trajectory().error or "The environment failed.")
        if info["result"] is not None and info["result"].ok:
            self._results[int(action)] = info["result"].data
        return observation, float(reward), terminated, truncated, info

    def text(self, action: Any) -> str:
        """What an entry says at this point of the episode, in the environment's dialect.

        Raises:
            UsageError: There is no such position.
            ResetNeeded: No episode was started.
        """
        if not self.action_space.contains(np.int64(action)):
            raise UsageError(f"Actions are the table's positions, 0 to {len(self.table) - 1}, not {action}.")
        if self._inner.task is None:
            raise ResetNeeded("No episode is running: call `reset()` before `step()`.")
        entry = self.table[int(action)]
        if isinstance(entry, str):
            return entry
        dialect = DIALECTS.load(self._inner.action_space.dialect)
        if isinstance(entry, Answer):
            found = self._value(entry.answer)
            return dialect.write_answer(NOTHING if found is _MISSING else str(found), entry.think)
        values = {name: self._value(value) for name, value in entry.arguments.items()}
        call = ToolCall(entry.tool, {name: value for name, value in values.items() if value is not _MISSING})
        disguise = self._inner.disguise
        return dialect.write_call(call if disguise is None else disguise.mask_call(call), entry.think)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which entries find all they refer to, ``(n,)``; the name is the one that sb3-contrib looks for."""
        known = [all(self._value(found) is not _MISSING for found in _references(entry)) for entry in self.table]
        return np.array(known, np.bool_)

    def _value(self, value: Any) -> Any:
        if not isinstance(value, Found):
            return value
        found: Any = self._results.get(value.entry, _MISSING)
        for key in value.keys:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return _MISSING
        return found


def _table_of(family: str) -> tuple[Entry, ...]:
    if family not in TABLES:
        known = ", ".join(TABLES)
        raise UsageError(f"There is no table for the family `{family}`, only for {known}; give one as `table`.")
    return TABLES[family]


def _references(entry: Entry) -> list[Found]:
    if isinstance(entry, str):
        return []
    values = [entry.answer] if isinstance(entry, Answer) else entry.arguments.values()
    return [value for value in values if isinstance(value, Found)]
