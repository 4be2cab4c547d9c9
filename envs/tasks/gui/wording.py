"""How questions about screens are put, and how they are read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "value": (
        'What is shown directly {side} "{label}"?',
        'Look at "{label}". What stands directly {side} it?',
        'Read what is written directly {side} "{label}".',
    ),
    "field": (
        'What is in the field "{label}"?',
        'Which text does the field labelled "{label}" hold?',
        'Read the content of the field "{label}".',
    ),
    "cell": (
        'In the row of "{row}", what is in the column "{column}"?',
        'What does the table say under "{column}" for "{row}"?',
        'Find "{row}" in the table. What is its "{column}"?',
    ),
    "total": (
        'Add up the column "{column}" for "{row}" and "{other}". What is the sum?',
        'What is the sum of "{column}" over the two rows "{row}" and "{other}"?',
        'What do "{label}" and "{other_label}" add up to, by the number directly {side} each?',
    ),
    "compare": (
        'Which of these rows has the largest number in the column "{column}"?',
        'In the column "{column}", which of these has the highest number?',
        "Which of these has the largest number directly {side} it?",
    ),
    "where": (
        'Where on the screen is "{label}"?',
        'Locate "{label}".',
        'Find the words "{label}" on the screen.',
    ),
    "press": (
        "Which box would you click to {purpose}?",
        "You want to {purpose}. Which box do you click?",
        "Which of these boxes must be clicked to {purpose}?",
    ),
}
"""Kind to templates."""

SIDES = {"below": "below", "above": "above", "right": "to the right of"}
"""Side to words."""

FORMS: Mapping[str, str] = {
    "text": "Answer with the text as it is written on the screen.",
    "number": "Answer with the number.",
    "choice": "Answer with the option's letter.",
    "box": "Answer with the box around the words, [x1, y1, x2, y2] in pixels of the picture.",
}
"""Answer type to what is asked for."""

PURPOSES: Mapping[str, str] = {
    "Export CSV": "download the list as a table",
    "Export": "download what is shown",
    "Cancel": "leave without changing anything",
    "Save": "keep the changes",
    "Save changes": "keep what you changed",
    "Next": "go one page forward",
    "Previous": "go one page back",
    "Docs": "read the documentation",
    "Login": "sign in with your account",
    "Sign in": "get into your account",
    "Forgot Password?": "get help because you forgot your password",
    "Create an Account!": "open a new account",
    "Reset Password": "get a new password",
    "Register Account": "register as a new user",
    "Calendar": "see which dates are taken",
    "Inbox": "read your mail",
    "Chat": "talk to somebody",
    "Notifications": "see what is new for you",
    "Print": "get it on paper",
    "Compose": "write a new message",
}
"""Words on a control to what clicking it is for."""


def press_purpose(text: str, role: str) -> str:
    """What a control is clicked for."""
    return PURPOSES.get(text) or (f'open "{text}"' if role in ("link", "menu") else f'press "{text}"')


def read_question(prompt: str) -> tuple[str, dict[str, str]] | None:
    """Kind and parts of a question, from its prompt; None if it is of no known form.

    For ``press`` the part ``label`` is what stands on the control.
    """
    for kind, pattern in _patterns():
        match = pattern.search(prompt)
        if match is not None:
            parts = dict(match.groupdict())
            if kind == "press":
                parts["label"] = _label_of(parts["purpose"])
            if "side" in parts:
                parts["side"] = next(side for side, words in SIDES.items() if words == parts["side"])
            return kind, parts
    return None


def read_options(prompt: str) -> tuple[str, ...]:
    """The options of a prompt, from A on."""
    return tuple(match[1] for match in re.finditer(r"^[A-Z]\. (.+)$", prompt, re.MULTILINE))


def _label_of(purpose: str) -> str:
    for label, known in PURPOSES.items():
        if known == purpose:
            return label
    return purpose.partition('"')[2].rstrip('"')


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    sides = "|".join(SIDES.values())
    forms = {"side": rf"(?P<side>{sides})", "purpose": r"(?P<purpose>[^\n]+?)"}
    patterns = []
    for kind, templates in TEMPLATES.items():
        for template in templates:
            pieces = re.split(r"\{(\w+)\}", template)
            pattern = "".join(
                re.escape(piece) if place % 2 == 0 else forms.get(piece, rf'(?P<{piece}>[^"\n]+)')
                for place, piece in enumerate(pieces)
            )
            patterns.append((kind, re.compile(rf"^{pattern}$", re.MULTILINE)))
    return tuple(patterns)
