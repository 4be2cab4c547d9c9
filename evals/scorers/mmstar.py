"""MMStar: over all questions, by category, and as lmms-eval has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, mean, means_by


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """Accuracy, and means of categories.

    Returns:
        ``micro`` (the benchmark's own figure), ``mean_of_fine_categories`` (that of lmms-eval, over the second level),
        and ``category NAME`` for each of the first level.
    """
    fine = means_by(episodes, lambda episode: f"{episode.meta['kind']}/{episode.meta['fine']}")
    coarse = means_by(episodes, lambda episode: str(episode.meta["kind"]))
    return {
        "micro": mean(episode.accuracy for episode in episodes),
        "mean_of_fine_categories": mean(fine.values()),
        **{f"category {name}": value for name, value in coarse.items()},
    }
