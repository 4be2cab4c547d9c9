"""Which options an answer to a multiple-choice question names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adagym.rewards.extraction import unwrapped
from adagym.types import Task

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The first option is A. Without a list of options, any letter is one."""

_JOINED = r"{0}(?:\s*(?:,|;|/|&|\band\b|,\s*and\b)\s*{0})*"
_WHOLE = re.compile(_JOINED.format(r"[(\[]?[A-Za-z][)\]]?"), re.IGNORECASE)
_PHRASE = re.compile(
    r"\banswers?(?:\s+(?:is|are))?\s*:?\s*(?:option\s+)?[\s*_\"'`]*("
    + _JOINED.format(r"[(\[]?(?:[A-Z](?!\w)|[a-z](?=[)\]*_\"'`]*(?:[.,;:!?]|\s*$)))[)\]]?")
    + ")(?!\\w)",
)
_HEADING = re.compile(r"\W*([A-Z])\s*[.):]")
_ALONE = re.compile(r"(?<![\w'])([A-Z])(?![\w'])(?!(?<=[AI])\s+(?!(?:or|and|is|are|was|as|because|since)\b)[a-z])")
_DENIAL = re.compile(r"\b(?:not|never|neither|nor|wrong|incorrect|except)\b|n't\b", re.IGNORECASE)
_LABEL = re.compile(r"\s*[(\[]?[A-Z][.):\]]\s*")


def choice_is_right(task: Task, answer: str) -> bool | None:
    """Whether an answer names exactly the options of the reference, each once, in any order.

    AdaTooler-V's released code takes ``A,A`` for ``A,B``; here a repeated letter is wrong.

    Returns:
        None if the task's reference names no option.
    """
    gold = _letters_only(task.answer, task.choices) or _exact_text(task.answer, task.choices)
    if gold is None:
        return None
    return read_choice(answer, task.choices) == gold


def read_choice(text: str, choices: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Read the letters of the options that an answer names, sorted; None if it does not say.

    The first rule that applies decides: the answer consists of letters (``B``, ``(b)``, ``A, C``, ``A and C``); it is
    the text of one option; it says "answer is B" (the last time counts); it begins with ``B.``, ``B)`` or ``B:``; one
    capital letter stands alone in it and is neither the article nor the pronoun; it holds the text of a single option
    and is at most twice as long as all of them. The last two do not apply where something is denied ("not B").
    Nothing is guessed.

    Args:
        text: The answer.
        choices: Texts of the options, with or without ``A.`` before them.
    """
    text = " ".join(unwrapped(text).split())
    found = _letters_only(text, choices) or _exact_text(text, choices)
    if found is not None or _WHOLE.fullmatch(_bare(text)):
        return found
    offered = _offered(choices)
    said = [_letters_only(match[1], choices) for match in _PHRASE.finditer(_ignoring_case(text))]
    if said:
        return said[-1]
    heading = _HEADING.match(text)
    if heading and heading[1] in offered:
        return (heading[1],)
    if _DENIAL.search(text):
        return None
    alone = {letter for letter in _ALONE.findall(text) if letter in offered}
    if alone:
        return (alone.pop(),) if len(alone) == 1 else None
    return _held_text(text, choices)


def _offered(choices: Sequence[str]) -> str:
    return LETTERS[: len(choices)] if choices else LETTERS


def _ignoring_case(text: str) -> str:
    """The text with the words of the phrase in small letters; the letters of options keep their case."""
    return re.sub(r"\b(?:answers?|is|are|option|and)\b", lambda match: match[0].lower(), text, flags=re.IGNORECASE)


def _letters_only(text: str, choices: Sequence[str]) -> tuple[str, ...] | None:
    if not _WHOLE.fullmatch(_bare(text)):
        return None
    letters = re.findall(r"(?<![A-Z])[A-Z](?![A-Z])", text.upper())
    return tuple(sorted(letters)) if set(letters) <= set(_offered(choices)) else None


def _exact_text(text: str, choices: Sequence[str]) -> tuple[str, ...] | None:
    wanted = _plain(text)
    same = [letter for letter, choice in zip(LETTERS, choices, strict=False) if wanted and _text_of(choice) == wanted]
    return (same[0],) if len(same) == 1 else None


def _held_text(text: str, choices: Sequence[str]) -> tuple[str, ...] | None:
    said, texts = _plain(text), [_text_of(choice) for choice in choices]
    if len(said) > 2 * sum(map(len, texts)):
        return None
    held = [
        letter
        for letter, choice in zip(LETTERS, texts, strict=False)
        if choice and re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", said)
    ]
    return (held[0],) if len(held) == 1 else None


def _text_of(choice: str) -> str:
    return _plain(_LABEL.sub("", choice, count=1) if _LABEL.match(choice) else choice)


def _bare(text: str) -> str:
    """Without white space, full stops, quotation marks and markup around it."""
    return text.strip(" \t\r\n.*_\"'`")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .\"'")
