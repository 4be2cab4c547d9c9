"""Tools whose results are read from a saved episode: nothing is run, and nothing has to be there."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from adagym.errors import InfraError
from adagym.store import replay
from adagym.tools import TOOLS
from adagym.tools.backends.base import Backend, Runner
from adagym.types import Array, CallCheck, Step, ToolCall, ToolResult, ToolSpec, Trajectory
from adagym.video import ShownVideo


def replay_from_record(trajectory: Trajectory) -> Trajectory:
    """Play a saved episode again without its tools: what they returned is taken from the record.

    Everything else happens anew: reading the actions, what is shown, the outcome and the reward. What cannot is the
    system prompt of tools that are not registered here; it is taken from the record too.

    Raises:
        UsageError: See :func:`adagym.store.replay`.
    """
    backend = RecordedBackend(trajectory)
    played = replay(trajectory, tools=backend)
    if all(name in TOOLS for name in backend.names or ()):
        return played
    return replace(played, messages=(*trajectory.messages[:1], *played.messages[1:]))


class RecordedBackend(Backend):
    """The results of one episode, in order. It is given to an environment as it is: no text names it.

    Args:
        trajectory: The episode.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        super().__init__("recorded")
        self._steps = trajectory.steps
        self.names = _offered(trajectory)
        """The tools the episode offered; None: those of its task or family."""

    def runner(self, names: Sequence[str]) -> Runner:
        """See :meth:`Backend.runner`."""
        specs = [TOOLS.load(name).spec if name in TOOLS else _unknown(name) for name in names]
        return _Recorded(tuple(specs), self._steps)

    def close(self) -> None:
        """See :meth:`Backend.close`: there is nothing to end."""


class _Recorded:
    def __init__(self, specs: tuple[ToolSpec, ...], steps: Sequence[Step]) -> None:
        self.specs = specs
        self._results = deque(step.result for step in steps if step.result is not None)

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        if not self._results:
            raise InfraError(f"The record holds no (further) result, and `{call.name[:80]}` was called.")
        return self._results.popleft()

    def check(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> CallCheck:
        # The record tells what became of its own calls and knows nothing of others.
        known, given = call.name in (spec.name for spec in self.specs), tuple(call.arguments)
        return CallCheck(known=known, given=given, valid=given if known else ())

    def cancel(self) -> None:
        """Nothing runs."""


def _offered(trajectory: Trajectory) -> tuple[str, ...] | None:
    tools = trajectory.env_kwargs.get("tools")
    if not isinstance(tools, str):
        return None if tools is None else tuple(tools)
    _, mark, names = tools.rpartition("#")
    if not mark:
        return None
    if names.strip() != "*":
        return tuple(name.strip() for name in names.split(","))
    # Which tools a server listed is not written down; those that were called are.
    return tuple(dict.fromkeys(result.tool for result in trajectory.calls if result.check.known))


def _unknown(name: str) -> ToolSpec:
    return ToolSpec(name, "", {"type": "object", "properties": {}, "required": []})
