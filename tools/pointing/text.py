"""Words in a picture: signs, buttons, fields, found by OCR.

A description says what is written, in quotes (``the "Save" button``) or plainly (``Save button``). Plain ones are
looked for as a whole, then without articles and words such as ``button`` at their ends, until some text matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from adagym.tools.ocr import read_text
from adagym.tools.pointing.base import centre
from adagym.tools.reading import Line
from adagym.tools.values import Box
from adagym.types import Array

_ARTICLES = {"the", "a", "an", "all", "every", "each"}
_ROLES = {
    *("box", "button", "caption", "cell", "checkbox", "entry", "field", "heading", "icon", "input", "item", "label"),
    *("labeled", "labelled", "called", "named", "saying", "says", "that", "with", "reading", "reads", "link", "menu"),
    *("option", "panel", "row", "column", "section", "sign", "tab", "text", "title", "value", "word", "words"),
}
"""What a description may call a piece of text without being part of it."""
_ALIKE = 0.85
"""Least similarity (Ratcliff and Obershelp's, as in ``difflib``) of a text that an engine misread."""
_QUOTED = re.compile(r"(?<!\w)['\"`\u201c\u2018«](.+?)['\"`\u201d\u2019»](?!\w)")


class TextPointer:
    """Points at the middle of every text that fits.

    Args:
        option: OCR engine, as ``ADAGYM_OCR`` takes it; empty: that one.
    """

    def __init__(self, option: str = "") -> None:
        self._engine = option or None

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Middles of the texts described, in reading order (see ``adagym.tools.pointing.base``)."""
        phrases = list(_phrases(description))
        lines = read_text(image, self._engine) if phrases else ()
        for least in (1.0, _ALIKE):
            for phrase in phrases:
                boxes = _matches(lines, phrase, least)
                if boxes:
                    return [centre(box, image) for box in boxes]
        return None


def _phrases(description: str) -> Iterator[list[str]]:
    """The texts a description may mean, as words, in the order in which they are tried."""
    quoted = [_tokens(text) for text in _QUOTED.findall(description)]
    if quoted:
        yield from (words for words in quoted if words)
        return
    words = _tokens(description)
    while words:
        yield words
        if words[0] in _ARTICLES:
            words = words[1:]
        elif words[-1] in _ROLES:
            words = words[:-1]
        elif words[0] in _ROLES:
            words = words[1:]
        else:
            return


def _tokens(text: str) -> list[str]:
    return [token for word in text.split() if (token := _token(word))]


def _token(word: str) -> str:
    return re.sub(r"\W", "", word.casefold())


def _matches(lines: Sequence[Line], phrase: Sequence[str], least: float) -> list[Box]:
    """Boxes of what is most like a phrase; whole lines before parts of lines."""
    scored = [
        (_likeness("".join(tokens), "".join(phrase)), whole, box)
        for line in lines
        for tokens, whole, box in _parts(line, len(phrase))
    ]
    best = max(((score, whole) for score, whole, _ in scored), default=(0.0, False))
    if best[0] < least:
        return []
    return [box for score, whole, box in scored if (score, whole) == best]


def _parts(line: Line, count: int) -> Iterator[tuple[list[str], bool, Box]]:
    """Runs of words of a line, whether each is all of it, and its box. Engines may join or part two words."""
    read = [(token, word) for word in line.words if (token := _token(word.text))]
    for length in range(max(1, count - 1), min(count + 1, len(read)) + 1):
        for start in range(len(read) - length + 1):
            part = read[start : start + length]
            yield [token for token, _ in part], length == len(read), Line.of([word for _, word in part]).box


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    return matcher.ratio()
