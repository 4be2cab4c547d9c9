"""The figures that benchmarks report, where these are not the plain accuracy; each under its task source's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, Scorer
from adagym.registry import Registry

SCORERS: Registry[Scorer] = Registry("scorer")
SCORERS.register("mvbench", "adagym.evals.scorers.mvbench:score", summary="mean of the tasks")
SCORERS.register("vsi-bench", "adagym.evals.scorers.vsi_bench:score", summary="mean of eight tasks")
SCORERS.register("video-mmmu", "adagym.evals.scorers.video_mmmu:score", summary="each configuration, knowledge gain")
SCORERS.register("mmbench", "adagym.evals.scorers.mmbench:score", summary="CircularEval, and first copies alone")
SCORERS.register("mme", "adagym.evals.scorers.mme:score", summary="points of perception and cognition")
SCORERS.register("mmstar", "adagym.evals.scorers.mmstar:score", summary="over all, and means of categories")
SCORERS.register("spar-bench", "adagym.evals.scorers.spar_bench:score", summary="mean of the tasks and levels")


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
