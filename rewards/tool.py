"""The tool reward, 0 to 4 per call: AdaReasoner Eq. 7 and 8, and the rule of its released code.

Both climb a ladder: 1 for a call that can be read, 2 for a known tool, up to 3 for the parameters' names, up to 4
for their values; a step counts only when the one below it is complete. A value is right when it is of the right
type, in range and, for a picture, loadable; whether it is sensible is for the accuracy to tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from adagym.types import CallCheck, Step, Task, Trajectory

FULL = 4.0
"""Score of a call without fault."""


def tool_reward(task: Task, trajectory: Trajectory) -> float | None:
    """Mean score of the turns before the answer; turns that hold no usable call count 0.

    Returns:
        0 to 4, and 0 without any turn before the answer; None after an infrastructure failure.
    """
    if trajectory.outcome == "infra_failure":
        return None
    scores = [turn_score(step) for step in trajectory.steps if step.parsed.answer is None]
    return sum(scores) / len(scores) if scores else 0.0


def turn_score(step: Step) -> float:
    """Score of one turn, 0 to 4."""
    if step.parsed.call is None:
        return 0.0
    return 1.0 if step.result is None else call_score(step.result.check)


def call_score(check: CallCheck) -> float:
    """Score of one readable call, 1 to 4 (Eq. 7 and 8).

    "Total" parameters in Eq. 7 are those given or required, so a missing and an unknown one cost the same and an
    optional one costs nothing; in Eq. 8 they are those given.
    """
    if not check.known:
        return 1.0
    given = set(check.given)
    names = _share(len(given & set(check.allowed)), len(given | set(check.required)))
    if names < 1:
        return 2.0 + names
    return 3.0 + _share(len(given & set(check.valid)), len(given))


def released_tool_reward(trajectory: Trajectory) -> float:
    """The mean of the released code: trailing zeros are dropped, zeros in the middle count.

    Source: ``average_before_first_negative_one`` in ``AdaTG/verl/utils/reward_score/unified_tool.py``.
    """
    return mean_without_tail([_released_turn(step) for step in trajectory.steps])


def mean_without_tail(scores: Sequence[float]) -> float:
    """Mean after dropping zeros at the end; 0 if nothing is left."""
    kept = list(scores)
    while kept and kept[-1] == 0:
        kept.pop()
    return sum(kept) / len(kept) if kept else 0.0


def released_call_score(check: CallCheck) -> float:
    """Score of one readable call, 1 to 4, as the released code counts.

    For tools it ran in-process extra parameters cost nothing and the values are right or wrong as a whole; for tools
    it ran as servers extra parameters count as wrong names, and values count one after another up to the first bad
    one. Source: ``AdaTG/verl/workers/agent/parallel_env.py``, ``base_offline_worker.py`` and the online workers.
    """
    if not check.known:
        return 1.0
    given, required = set(check.given), set(check.required)
    names = _share(len(given & required), len(given | required if check.online else required))
    if names < 1:
        return 2.0 + names
    if not check.online:
        return 3.0 + float(given & set(check.allowed) <= set(check.valid))
    good = 0
    for name in check.required:
        if name not in check.valid:
            break
        good += 1
    return 3.0 + _share(good, len(required))


def _released_turn(step: Step) -> float:
    if step.parsed.call is None:
        return 0.0
    return 1.0 if step.result is None else released_call_score(step.result.check)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
