"""Video-MMMU: the accuracy over its three configurations, each one's, and the knowledge gained from the lectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, mean, means_by, task_of

BEFORE, AFTER = "question_only", "adaptation"


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """``overall`` over all but ``question_only``, the accuracy of each configuration, and ``knowledge_gain``.

    The gain is ``(after - before) / (1 - before)``, with ``adaptation`` after and ``question_only`` before the lecture;
    it is given if both were played, and None if nothing was left to gain.
    """
    configs = means_by(episodes, task_of)
    figures: dict[str, float | None] = {
        "overall": mean(episode.accuracy for episode in episodes if task_of(episode) != BEFORE),
        **configs,
    }
    if BEFORE in configs and AFTER in configs:
        before, after = configs[BEFORE], configs[AFTER]
        figures["knowledge_gain"] = (after - before) / (1 - before) if before < 1 else None
    return figures
