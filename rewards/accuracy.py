"""The accuracy reward: one rule per answer type; those of plans and of yes and no are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from adagym.rewards.boxes import box_is_right
from adagym.rewards.choices import choice_is_right
from adagym.rewards.moves import moves_score
from adagym.rewards.numbers import mra_score, number_is_right, regression_score
from adagym.rewards.texts import anls_score, text_is_right
from adagym.rewards.wording import free_form_score, ocr_score
from adagym.types import Task, Trajectory

Rule = Callable[[Task, str], float | None]
"""Judges an answer: True or False where it is right or wrong, 0 to 1 where it can be right in part. None if the task's
reference cannot be used, which is not the agent's doing."""

MOVES_PER_SIDE = 4
"""A plan may have this many moves per cell of the map's side (see :func:`plan_cap`)."""

_PLAN = re.compile(r"[LDRU](?:[\s,]*[LDRU])*,?", re.IGNORECASE)
_STEPS = {"L": (0, -1), "D": (1, 0), "R": (0, 1), "U": (-1, 0)}


def accuracy_reward(task: Task, trajectory: Trajectory, rules: Mapping[str, Rule] | None = None) -> float | None:
    """How right the final answer is, by the rule of its type; an episode without an answer is wrong.

    Answers of the types ``anls``, ``ocr``, ``free_form``, ``regression``, ``mra`` and ``moves`` can be right in part.
    Wherever right and wrong are told apart, an answer is right if it scores 1; AdaTooler-V's released code counts every
    score above 0.

    Args:
        task: What was asked.
        trajectory: The episode.
        rules: Rule by answer type; None uses ``RULES``.

    Returns:
        0 to 1; None after an infrastructure failure, or if the task's answer cannot be judged by rule.

    Raises:
        MissingExtra: The rule needs a package that is not installed.
    """
    rule = (RULES if rules is None else rules).get(task.answer_type)
    if trajectory.outcome == "infra_failure" or rule is None:
        return None
    score = rule(task, trajectory.answer or "")
    return None if score is None else float(score) if trajectory.answer is not None else 0.0


def plan_is_right(task: Task, answer: str) -> bool:
    """Whether a plan reaches the goal before it ends, as the VSP benchmark judges navigation.

    Moving off the edge has no effect, a hole ends the walk, moves after the goal are ignored, and the plan need not
    be the shortest. Two things are stricter than the benchmark: the answer must be a plan and nothing else, and it
    may not be longer than :func:`plan_cap`, because moves after the goal are free and long random plans succeed.
    """
    rows: Sequence[str] = task.meta["rows"]
    plan = read_plan(answer)
    return plan is not None and len(plan) <= plan_cap(task) and arrives(rows, plan)


def plan_cap(task: Task) -> int:
    """Most moves a plan may have: four per cell of the longer side, or the shortest plan's if that is more."""
    rows: Sequence[str] = task.meta["rows"]
    return max(MOVES_PER_SIDE * max(len(rows), len(rows[0])), int(task.meta.get("shortest", 0)))


def read_plan(answer: str) -> str | None:
    """Read ``R,R,D``, ``R, R, D``, ``R R D`` or ``RRD`` as ``RRD``; None if it is anything else."""
    text = answer.strip()
    return re.sub(r"[\s,]", "", text).upper() if _PLAN.fullmatch(text) else None


def arrives(rows: Sequence[str], plan: str) -> bool:
    """Whether a plan leads from ``S`` to ``G`` without entering ``H``."""
    row = next(index for index, line in enumerate(rows) if "S" in line)
    col = rows[row].index("S")
    for move in plan:
        down, right = _STEPS[move]
        row = min(max(row + down, 0), len(rows) - 1)
        col = min(max(col + right, 0), len(rows[0]) - 1)
        if rows[row][col] in "GH":
            return rows[row][col] == "G"
    return False


def yes_no_is_right(task: Task, answer: str) -> bool:
    """Whether the answer is the right one of ``yes`` and ``no``, and no other word ("not", "know" are wrong)."""
    return answer.strip(" \t\n.!\"'").casefold() == task.answer.casefold()


RULES: Mapping[str, Rule] = {
    "plan": plan_is_right,
    "yes_no": yes_no_is_right,
    "text": text_is_right,
    "anls": anls_score,
    "choice": choice_is_right,
    "number": number_is_right,
    "regression": regression_score,
    "mra": mra_score,
    "moves": moves_score,
    "ocr": ocr_score,
    "free_form": free_form_score,
    "box": box_is_right,
}
"""Answer type to rule."""
