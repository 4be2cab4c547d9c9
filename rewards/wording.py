"""Answers that are texts: the better the nearer their words are to the reference's."""

from __future__ import annotations

import functools
import math
from statistics import fmean
from typing import Any

from adagym.errors import require
from adagym.types import Task

LONGEST = 4096
"""An answer of more words scores 0: comparing takes time in proportion."""


def ocr_score(task: Task, answer: str) -> float | None:
    """Score of a transcription: ``max(0, 1 - WER)``.

    Returns:
        0 to 1; None if the task has no reference.

    Raises:
        MissingExtra: ``jiwer`` is not installed.
    """
    rate = _word_errors(task, answer)
    return None if rate is None else max(0.0, 1.0 - rate)


def released_ocr_score(task: Task, answer: str) -> float | None:
    """Score of a transcription in AdaTooler-V's released code: ``exp(-WER)``, above 0 even without a right word.

    Returns:
        0 to 1; None if the task has no reference.

    Raises:
        MissingExtra: ``jiwer`` is not installed.
    """
    rate = _word_errors(task, answer)
    return None if rate is None else math.exp(-rate)


def free_form_score(task: Task, answer: str) -> float | None:
    """Mean of the F1 of ROUGE-1, ROUGE-2 and ROUGE-L, with stemming, as in AdaTooler-V's released code.

    Returns:
        0 to 1; None if the task has no reference.

    Raises:
        MissingExtra: ``rouge-score`` is not installed.
    """
    gold, given = _words(task.answer), _words(answer)
    if not gold:
        return None
    if len(given) > LONGEST:
        return 0.0
    scores = _rouge().score(" ".join(gold), " ".join(given))
    return fmean(float(score.fmeasure) for score in scores.values())


def _word_errors(task: Task, answer: str) -> float | None:
    """Word error rate: insertions, deletions and substitutions per word of the reference; case matters."""
    gold, given = _words(task.answer), _words(answer)
    if not gold:
        return None
    if not given:
        return 1.0
    if len(given) > LONGEST:
        return math.inf
    return float(require("jiwer", "answers").wer(" ".join(gold), " ".join(given)))


def _words(text: str) -> list[str]:
    return text.split()


@functools.cache
def _rouge() -> Any:
    scorer = require("rouge_score.rouge_scorer", "answers")
    return scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
