"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the times of calls, in seconds."""
PREFIX = "adagym_tools_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts calls by tool and status, and their times. Belongs to one event loop.

    Args:
        tools: The tools served. Others are counted together: their names are the clients' words.
    """

    def __init__(self, tools: Sequence[str]) -> None:
        self._tools = frozenset(tools)
        self.calls: Counter[tuple[str, str]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._timed: Counter[str] = Counter()

    def count(self, tool: str, status: str, seconds: float) -> None:
        """Count one call.

        Args:
            tool: The name as the client wrote it.
            status: Of the answer.
            seconds: From its arrival to its answer, waiting included.
        """
        tool = tool if tool in self._tools else "unknown"
        self.calls[tool, status] += 1
        self._seconds[tool] += seconds  # type: ignore[assignment]  # a Counter of floats adds as one of ints
        self._timed[tool] += 1
        self._buckets[tool, next((bound for bound in BUCKETS if seconds <= bound), float("inf"))] += 1

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Write everything in Prometheus' text format.

        Args:
            gauges: Values of this moment by name, each with its help.
        """
        lines = [*_head("calls_total", "counter", "Calls by tool and status.")]
        for (tool, status), count in sorted(self.calls.items()):
            lines.append(f'{PREFIX}calls_total{{tool="{tool}",status="{status}"}} {count}')
        lines += _head("call_seconds", "histogram", "Seconds from a call's arrival to its answer.")
        for tool in sorted(self._timed):
            lines += self._histogram(tool)
        for name, (meaning, value) in gauges.items():
            lines += [*_head(name, "gauge", meaning), f"{PREFIX}{name} {value}"]
        return "\n".join(lines) + "\n"

    def _histogram(self, tool: str) -> Iterator[str]:
        below = 0
        for bound in (*BUCKETS, float("inf")):
            below += self._buckets[tool, bound]
            shown = "+Inf" if bound == float("inf") else bound
            yield f'{PREFIX}call_seconds_bucket{{tool="{tool}",le="{shown}"}} {below}'
        yield f'{PREFIX}call_seconds_sum{{tool="{tool}"}} {self._seconds[tool]:.6f}'
        yield f'{PREFIX}call_seconds_count{{tool="{tool}"}} {self._timed[tool]}'


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}"
