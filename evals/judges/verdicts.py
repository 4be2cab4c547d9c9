"""Reading a judge's verdict: exactly 0 or 1, in the form that was asked for, or none at all.

AdaReasoner's code looks for the character 1 anywhere after the word, so that ``10`` and ``0, not 1`` count as right,
and takes whatever it cannot read for wrong. Here what is not in the form is no verdict.
"""

from __future__ import annotations

import re

from adagym.evals.judges.prompts import JudgePrompt

REASON = 500
"""Characters that are kept of the reasons."""

_THOUGHT = re.compile(r"\s*<think>")


class NoVerdict(Exception):
    """The reply is not in the form that was asked for; the message says why."""


def read_verdict(prompt: JudgePrompt, reply: str, finish_reason: str | None = None) -> tuple[int, str]:
    """Read a reply.

    A judge may repeat what it was shown. A verdict therefore counts only if its line is the last one, whole, and no
    other line begins like it; and only if the reply was not cut short. Thoughts in ``<think>`` before the reply are
    left out.

    Args:
        prompt: How the judge was asked.
        reply: What it wrote.
        finish_reason: As the endpoint told; ``length`` and ``content_filter`` mean that the reply is not whole.

    Returns:
        The verdict, 0 or 1, and the reasons before it, which may be empty.

    Raises:
        NoVerdict: The reply is in another form.
    """
    if finish_reason in ("length", "content_filter"):
        raise NoVerdict(f"the reply was cut short ({finish_reason})")
    before, *last = _without_thoughts(reply).strip(" \t\r\n").rsplit("\n", 1)
    line, reasons = (last[0], before) if last else (before, "")
    # Compared as a whole: no digit of another script, no full stop, and no second number can slip in.
    verdicts = {f"{prompt.word}: {verdict}": verdict for verdict in (0, 1)}
    if line not in verdicts:
        raise NoVerdict(f"the last line is not `{prompt.word}: 0` or `{prompt.word}: 1`")
    if prompt.alone and reasons.strip():
        raise NoVerdict("there is more than the verdict")
    if re.search(rf"^\W*{prompt.word}\W*[01]", reasons, re.IGNORECASE | re.MULTILINE):
        raise NoVerdict("there is more than one verdict")
    # Half of a surrogate pair can come out of JSON, and cannot be written to a file.
    plain = reasons.encode("utf-8", "replace").decode()
    return verdicts[line], " ".join(plain.split())[:REASON]


def _without_thoughts(reply: str) -> str:
    """What follows the last ``</think>`` of a reply that begins with thoughts."""
    if not _THOUGHT.match(reply):
        return reply
    _, end, rest = reply.rpartition("</think>")
    if not end:
        raise NoVerdict("the thoughts have no end")
    return rest
