"""The figures that benchmarks report, where these are not the plain accuracy; each under its task source's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, Scorer
from adagym.registry import Registry

SCORERS: Registry[Scorer] = Registry("scorer")


def benchmark_figures(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """The figures of the benchmark that all the episodes are from, whatever their order.

    Returns:
        Empty if they are from several, or from one whose figure is the plain accuracy.
    """
    sources = {episode.id.partition("/")[0] for episode in episodes}
    if len(sources) != 1 or not sources <= set(SCORERS.names()):
        return {}
    return SCORERS.load(sources.pop())(sorted(episodes, key=lambda episode: (episode.id, episode.answer)))


__all__ = ["SCORERS", "Scored", "Scorer", "benchmark_figures"]
