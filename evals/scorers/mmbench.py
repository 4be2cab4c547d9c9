"""MMBench: with and without the copies of each question whose options are shifted (CircularEval)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, mean


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """Accuracy on first copies, and the share of questions all of whose copies were answered rightly.

    Returns:
        ``vanilla`` and ``circular``. A question of which only some copies were played counts with these.
    """
    questions: dict[int, list[float]] = defaultdict(list)
    for episode in episodes:
        if episode.accuracy is not None:
            questions[int(episode.meta["question"])].append(episode.accuracy)
    return {
        "vanilla": mean(episode.accuracy for episode in episodes if episode.meta["cycle"] == 0),
        "circular": mean(float(all(right == 1 for right in copies)) for copies in questions.values()),
    }
