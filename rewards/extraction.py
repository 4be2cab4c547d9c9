r"""What a text gives as its final answer: what stands in ``\boxed{}`` or an answer tag, else what follows "answer is".

Dialects take the answer out of a turn; this reads what they leave: a tag of another dialect, or a sentence.
"""

from __future__ import annotations

import re

from adagym.protocol.base import boxed

_TAGS = ("answer", "response")
_LEAD = re.compile(r"\banswers?\b[*_\s]*(?:(?:is|are)\b[\s:*_]*|:[\s*_]*)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bNo)(?<!\b[A-Z])[.!?]\s+(?=[A-Z])")


def final_answer(text: str) -> str:
    r"""Find the answer in a text.

    The first rule that applies decides: the last ``\boxed{}``; the last ``<answer>`` or ``<response>``; what follows
    the last "answer is" or "answer:", up to the end of its sentence; the whole text. Nothing is guessed. Takes time
    in proportion to the text.

    Returns:
        The answer without white space around it; empty only if the text is.
    """
    inner = unwrapped(text)
    leads = [lead.end() for lead in _LEAD.finditer(inner)]
    if not leads:
        return inner
    line = inner[leads[-1] :].partition("\n")[0]
    sentence = _SENTENCE_END.split(line, maxsplit=1)[0].strip(" \t\r*_`")
    return sentence.removesuffix(".").strip("*_`\"'") or inner


def unwrapped(text: str) -> str:
    r"""The content of the last ``\boxed{}``, or else of the last answer tag, or else the text; stripped."""
    inner = boxed(text)
    if inner is not None:
        return inner.strip()
    spans = []
    for tag in _TAGS:
        end = text.rfind(f"</{tag}>")
        start = text.rfind(f"<{tag}>", 0, max(end, 0))
        if start >= 0:
            spans.append((start + len(tag) + 2, end))
    if not spans:
        return text.strip()
    start, end = max(spans)
    return text[start:end].strip()
