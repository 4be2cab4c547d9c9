"""MME: accuracy by question and by picture, in points.

A sub-task has 100 times the share of right answers, and 100 times the share of pictures both questions of which are
answered rightly. Perception sums ten sub-tasks (2,000 points at most), cognition four (800). A picture of which only
one question was played counts for the first share alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from adagym.envs.tasks.mme import COGNITION, PERCEPTION
from adagym.evals.scorers.base import Scored, mean


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """The totals, and the points of each sub-task.

    Returns:
        ``mme_total``, ``perception``, ``cognition`` (None unless every sub-task of them was played), then
        ``points SUB-TASK``, 0 to 200.
    """
    kinds: dict[str, list[Scored]] = defaultdict(list)
    for episode in episodes:
        if episode.accuracy is not None:
            kinds[str(episode.meta["kind"])].append(episode)
    points = {kind: _points(members) for kind, members in sorted(kinds.items())}
    perception, cognition = _total(PERCEPTION, points), _total(COGNITION, points)
    whole = None if perception is None or cognition is None else perception + cognition
    return {
        "mme_total": whole,
        "perception": perception,
        "cognition": cognition,
        **{f"points {kind}": value for kind, value in points.items()},
    }


def _points(episodes: Sequence[Scored]) -> float | None:
    pairs: dict[str, list[Scored]] = defaultdict(list)
    for episode in episodes:
        pairs[str(episode.meta["pair"])].append(episode)
    whole = [pair for pair in pairs.values() if len({episode.id for episode in pair}) == 2]
    both = [float(all(episode.accuracy == 1 for episode in pair)) for pair in whole]
    single, paired = mean(episode.accuracy for episode in episodes), mean(both)
    return None if single is None or paired is None else 100 * single + 100 * paired


def _total(kinds: Iterable[str], points: Mapping[str, float | None]) -> float | None:
    known = [points.get(kind) for kind in kinds]
    found = [value for value in known if value is not None]
    return math.fsum(found) if len(found) == len(known) else None
