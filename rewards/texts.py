"""Answers that are short texts: equal to a reference when both are normalised, or near to it (ANLS)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from adagym.rewards.extraction import final_answer
from adagym.types import Task

ANLS_THRESHOLD = 0.5
"""From this normalised distance on an answer scores 0."""
LONGEST = 10_000
"""A longer answer has an ANLS of 0: comparing takes time in proportion to the square of the length."""

_EDGES = ".,;:!?\"'`()[]{}*_\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_EDGES += "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{IDEOGRAPHIC FULL STOP}"
_DASH = re.compile(r"(?<=[^\W\d_])[-\N{HYPHEN}\N{EN DASH}](?=[^\W\d_])")
_ARTICLES = frozenset({"a", "an", "the"})


def text_is_right(task: Task, answer: str) -> bool | None:
    """Whether the final answer equals a reference, both as :func:`normalised`.

    Returns:
        None if the task has no reference.
    """
    wanted = {normalised(reference) for reference in references(task)}
    if not wanted:
        return None
    return bool(answer.strip()) and not wanted.isdisjoint({normalised(answer), normalised(final_answer(answer))})


def anls_score(task: Task, answer: str) -> float | None:
    """Average normalised Levenshtein similarity of one answer (Biten et al., Scene Text Visual Question Answering).

    ``1 - d`` for the nearest reference, where ``d`` is the edit distance over the longer length, and 0 where ``d`` is
    0.5 or more. Case and runs of white space do not count. (The code of lmms-eval still gives 0.5 where ``d`` is 0.5.)

    Returns:
        0 to 1; None if the task has no reference.
    """
    wanted = references(task)
    if not wanted:
        return None
    # The whole as well: a reference may itself be a sentence with "answer is" in it.
    given = {_folded(answer), _folded(final_answer(answer))}
    return max(_similarity(_folded(reference), text) for reference in wanted for text in given)


def references(task: Task) -> tuple[str, ...]:
    """The task's answer and the other accepted ones, ``task.meta["answers"]``, without empty ones."""
    others = task.meta.get("answers", ())
    return tuple(text for text in (task.answer, *others) if isinstance(text, str) and text.strip())


def normalised(text: str) -> str:
    """A text without what does not change its meaning: case, white space, articles, punctuation around words.

    Signs, decimal points and what stands inside a word stay, so ``-3``, ``.5``, ``C++`` and ``3.5`` differ from ``3``,
    ``5``, ``C`` and ``35``; a hyphen between letters is a space. A text of nothing else is left as it is.
    """
    plain = _folded(unicodedata.normalize("NFKC", text))
    words = [bare for word in _DASH.sub(" ", plain).split() if (bare := _bare(word))]
    told = [word for word in words if word not in _ARTICLES] or words
    return " ".join(told) or plain


def _bare(word: str) -> str:
    """A word without punctuation around it."""
    inner = word.strip(_EDGES)
    at = word.find(inner)
    return f".{inner}" if inner[:1].isdigit() and word[:at].endswith(".") else inner


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _similarity(wanted: str, given: str) -> float:
    longer, shorter = max(len(wanted), len(given)), min(len(wanted), len(given))
    if longer > LONGEST or (longer - shorter) / longer >= ANLS_THRESHOLD:
        return float(wanted == given)
    distance = edit_distance(wanted, given) / longer
    return 1.0 - distance if distance < ANLS_THRESHOLD else 0.0


def edit_distance(left: str, right: str) -> int:
    """Fewest insertions, deletions and substitutions of characters between two texts.

    A column of the table is one integer of as many bits as ``left`` has characters (Hyyrö 2001, after Myers 1999).
    """
    if not left:
        return len(right)
    full, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    where = _positions(left)
    up, down, distance = full, 0, len(left)
    for character in right:
        same = where.get(character, 0)
        vertical = same | down
        horizontal = (((same & up) + up) ^ up) | same
        more, less = down | (full & ~(horizontal | up)), up & horizontal
        distance += bool(more & last) - bool(less & last)
        more, less = more << 1 | 1, less << 1
        up, down = (less | ~(vertical | more)) & full, more & vertical & full
    return distance


def _positions(text: str) -> Mapping[str, int]:
    """For each character the positions where it stands, as bits."""
    where: dict[str, int] = {}
    for index, character in enumerate(text):
        where[character] = where.get(character, 0) | 1 << index
    return where
