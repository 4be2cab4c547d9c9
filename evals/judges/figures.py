"""What judgements amount to: accuracy, failures, and how far rule and judge agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adagym.evals.statistics import wilson

By = Literal["rule", "judge"]


@dataclass(frozen=True)
class Judgement:
    """How one episode was judged."""

    task: str
    """The task's id."""
    seed: int | None
    """The episode's."""
    question: str
    references: tuple[str, ...]
    answer: str
    rule: float | None
    """The score of the task's own rule in [0, 1]; None if it cannot tell."""
    verdict: int | None = None
    """1 for right, 0 for wrong; None if nobody could tell."""
    by: By | None = None
    """Whose verdict it is."""
    judge: int | None = None
    """What the judge said, also where the rule's verdict stands."""
    asked: bool = False
    """Whether the judge was asked, or would have been but for the budget."""
    audited: bool = False
    """Whether the episode counts for the agreement of rule and judge."""
    failed: bool = False
    """Whether the judge was asked and gave no verdict."""
    reason: str = ""
    cached: bool = False
    """Whether the judge's verdict was known from before."""

    @property
    def group(self) -> str:
        """The task's id without its last part."""
        return self.task.rpartition("/")[0] or self.task

    def line(self) -> dict[str, Any]:
        """The judgement as a line of ``judgements.jsonl``; ``key`` is the task's id and the episode's seed."""
        names = ("verdict", "by", "rule", "judge", "failed", "audited", "reason", "cached")
        return {"key": [self.task, self.seed], **{name: getattr(self, name) for name in names}}


def summarise(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Figures of a run; they do not depend on the order.

    Returns:
        ``n`` episodes; ``judge_accuracy`` over those with a verdict, with its 95 % Wilson interval
        ``judge_accuracy_ci95``; how many verdicts are ``by_rule`` and ``by_judge``; ``judge_failures``; ``not_asked``
        (the budget was spent) and ``without_reference``; the figures of :func:`agreement`; and ``by_group``.
    """
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for item in judgements:
        groups[item.group].append(item)
    return {
        "n": len(judgements),
        **_accuracy(judgements),
        "by_rule": sum(item.by == "rule" for item in judgements),
        "by_judge": sum(item.by == "judge" for item in judgements),
        "judge_failures": sum(item.failed for item in judgements),
        "not_asked": sum(item.asked and item.judge is None and not item.failed for item in judgements),
        "without_reference": sum(item.verdict is None and not item.asked for item in judgements),
        **agreement((item.rule, item.judge) for item in judgements if item.audited),
        "by_group": {name: {"n": len(members), **_accuracy(members)} for name, members in sorted(groups.items())},
    }


def agreement(pairs: Iterable[tuple[float | None, int | None]]) -> dict[str, Any]:
    """How far two judge alike.

    Args:
        pairs: The rule's score and the judge's verdict; pairs in which either is None do not count. A score counts as
            right if it is 1.

    Returns:
        ``rule_judge_counts`` (``both_right``, ``rule_only``, ``judge_only``, ``both_wrong``); ``rule_judge_agreement``,
        the share of the first and the last, with its 95 % Wilson interval; and ``rule_judge_kappa``, Cohen's (1960).
        None without a case; kappa also where chance alone would agree always.
    """
    counts = Counter(
        (score == 1, verdict == 1) for score, verdict in pairs if score is not None and verdict is not None
    )
    named = {
        "both_right": counts[True, True],
        "rule_only": counts[True, False],
        "judge_only": counts[False, True],
        "both_wrong": counts[False, False],
    }
    n, same = counts.total(), counts[True, True] + counts[False, False]
    rule, judge = named["both_right"] + named["rule_only"], named["both_right"] + named["judge_only"]
    by_chance = rule * judge + (n - rule) * (n - judge)  # times n squared, so that it is exact
    return {
        "rule_judge_agreement": same / n if n else None,
        "rule_judge_agreement_ci95": list(wilson(same, n)) if n else None,
        "rule_judge_kappa": (same * n - by_chance) / (n * n - by_chance) if n * n != by_chance else None,
        "rule_judge_counts": named,
    }


def rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures as label and text, groups last, for a table."""
    plain = ("n", "by_rule", "by_judge", "judge_failures", "not_asked", "without_reference", "requests", "from_cache")
    table = [("judge_accuracy", _with_interval(figures, "judge_accuracy"))]
    table += [(name, str(figures[name])) for name in plain]
    if figures["rule_judge_agreement"] is not None:
        kappa = figures["rule_judge_kappa"]
        table.append(("rule_judge_agreement", _with_interval(figures, "rule_judge_agreement")))
        table.append(("rule_judge_kappa", "-" if kappa is None else f"{kappa:.3f}"))
        table += [(name.replace("_", " "), str(count)) for name, count in figures["rule_judge_counts"].items()]
    groups = figures["by_group"].items()
    return table + [(f"judge_accuracy {name}", _with_interval(group, "judge_accuracy")) for name, group in groups]


def _accuracy(judgements: Sequence[Judgement]) -> dict[str, Any]:
    known = [item.verdict for item in judgements if item.verdict is not None]
    if not known:
        return {"judge_accuracy": None, "judge_accuracy_ci95": None}
    return {
        "judge_accuracy": sum(known) / len(known),
        "judge_accuracy_ci95": list(wilson(sum(known), len(known))),
    }


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    value, interval = figures[name], figures[f"{name}_ci95"]
    return "-" if value is None else f"{value:.3f}  [{interval[0]:.3f}, {interval[1]:.3f}]"
