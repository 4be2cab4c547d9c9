"""The seven ways of going about a question about pictures, made of what differs between families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from adagym.agents.blueprints.base import Case, Desk, Plan, ToolsFailed, Variant
from adagym.agents.experts.base import Move

D = TypeVar("D", bound=Desk)


@dataclass(frozen=True)
class Way(Generic[D]):
    """How a family of questions is answered."""

    desk: Callable[[Case], D]
    """Makes the moves."""
    solve: Callable[[D, int], Plan]
    """The whole plan, with so many wrong parts looked at first."""
    sight: Callable[[D, str], Move]
    """The answer without tools, in a thought of a purpose."""
    steps: Callable[[D], Sequence[str]]
    """The steps at which calls may fail, in order."""

    def direct(self, case: Case) -> Plan:
        """Go straight to what matters."""
        yield from self.solve(self.desk(case), 0)

    def reflect1(self, case: Case) -> Plan:
        """Look at a wrong part first."""
        yield from self.solve(self.desk(case), 1)

    def reflect2(self, case: Case) -> Plan:
        """Look at two wrong parts first."""
        yield from self.solve(self.desk(case), 2)

    def tool_failure(self, case: Case) -> Plan:
        """One call fails and is mended."""
        desk = self.desk(case)
        desk.stumble = str(case.rng.choice(list(self.steps(desk))))
        yield from self.solve(desk, 0)

    def fallback(self, case: Case) -> Plan:
        """The first call fails twice; the answer is found by sight."""
        desk = self.desk(case)
        desk.stumble, desk.fallback = self.steps(desk)[0], True
        try:
            yield from self.solve(desk, 0)
        except ToolsFailed:
            yield self.sight(desk, "give_up")

    def no_tool(self, case: Case) -> Plan:
        """The answer is found by sight at once."""
        yield self.sight(self.desk(case), "by_sight")

    def variants(self, direct: str, sight: str = "calls fail, answered by sight") -> Mapping[str, Variant]:
        """All seven.

        Args:
            direct: What the straight way is, in a few words.
            sight: What is done where calls fail.
        """
        return {
            "direct": Variant(self.direct, direct),
            "reflect1": Variant(self.reflect1, "a wrong part first, noticed and corrected"),
            "reflect2": Variant(self.reflect2, "two wrong parts first, noticed and corrected"),
            "tool_failure": Variant(self.tool_failure, "one call fails and is mended", failures=1),
            "fallback": Variant(self.fallback, sight, failures=2),
            "no_tool": Variant(self.no_tool, "tools are offered and not used"),
            "toolless": Variant(self.no_tool, "no tools are offered", equipped=False),
        }
