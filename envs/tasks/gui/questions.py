"""Questions about a page, from its record alone, each with one answer that can be seen.

Every label that a question names occurs once on the page, as the text of one element and in no other, not even in
texts that are seen in part. Values are found by where they stand: directly below, above or right of their label, with
nothing nearer on that side, or in a table's cell.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np

from adagym.envs.tasks.gui.pages import Box, Element, Page
from adagym.envs.tasks.gui.wording import FORMS, SIDES, TEMPLATES, press_purpose
from adagym.tools.boxes import overlap
from adagym.types import AnswerType

KINDS = tuple(TEMPLATES)
"""``value``, ``field``, ``cell``, ``total``, ``compare``, ``where`` and ``press``."""

MAX_GAP = 24
"""Pixels between a label and the value above or below it, at most."""
MAX_SHIFT = 16
"""Pixels by which their left edges, or else their middles, differ at most."""
MAX_GAP_RIGHT = 220
"""Pixels between a label and the value right of it, at most; it is in the same part of the page."""
OPTIONS = {"compare": 3, "press": 4}
"""Number of options."""

_PLAIN = re.compile(r"[ -!#-~]{1,40}")
_NUMBER = re.compile(r"([$]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(%?)")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_VALUE = re.compile(
    rf"[-+$#]?\d[\d.,:/%-]*(?: ?[A-Za-z%]{{1,4}})?|{_MONTH} \d{{1,2}}(?:, \d{{4}})?|\d{{1,2}} {_MONTH}(?: \d{{4}})?"
)
_LETTERS = re.compile(r"[A-Za-z]")


@dataclass(frozen=True)
class Question:
    """One question."""

    kind: str
    text: str
    """The whole prompt."""
    answer: str
    answer_type: AnswerType
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Value:
    """Something to read: how it is asked for, and what it says."""

    parts: Mapping[str, str]
    text: str


def write_question(page: Page, kind: str, rng: np.random.Generator) -> Question | None:
    """Draw a question of a kind.

    Args:
        page: What is asked about.
        kind: One of ``KINDS``.
        rng: Source of randomness.

    Returns:
        None if the page leaves no room for one.
    """
    return _WRITERS[kind](_reader(page), rng)


class _Reader:
    """What of a page may be asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        seen = [*(element.text for element in page.elements), *page.others]
        self._seen = "\n".join(map(_plain, seen))
        self._bare = Counter(map(_bare, seen))

    def unique(self, text: str) -> bool:
        """Whether the text occurs once, be it inside another one."""
        if self._bare[_bare(text)] != 1:  # Sign-ups and Signups are one to the eye
            return False
        return len(re.findall(rf"(?<!\w){re.escape(_plain(text))}(?!\w)", self._seen)) == 1

    @cached_property
    def labels(self) -> list[Element]:
        """Texts that a question may name."""
        return [element for element in self.page.elements if is_label(element) and self.unique(element.text)]

    @cached_property
    def values(self) -> list[_Value]:
        """Values beside a label."""
        found = []
        for label in self.labels:
            if label.place is not None:
                continue
            for side in SIDES:
                value = beside(self.page.elements, label, side)
                if value is not None and is_value(value) and _together(label, value, side):
                    found.append(_Value({"side": side, "label": label.text}, value.text))
        return found

    @cached_property
    def fields(self) -> list[_Value]:
        """Contents of fields whose label is seen next to them."""
        fields = [element for element in self.page.elements if element.role == "field" and element.label]
        names = {_plain(element.text): element for element in self.labels} if fields else {}
        found = []
        for field in fields:
            label = names.get(_plain(field.label.rstrip("*: ")) or "-") or names.get(_plain(field.label))
            if label is None or not _PLAIN.fullmatch(field.text):
                continue
            sides = [side for side in ("below", "right") if beside(self.page.elements, label, side) is field]
            if sides and len(field.text) > 1:
                found.append(_Value({"label": label.text}, field.text))
        return found

    @cached_property
    def cells(self) -> list[_Value]:
        """Cells named by the first label in their row and the header of their column."""
        grid: dict[tuple[int, int, int], list[Element]] = defaultdict(list)
        for element in self.page.elements:
            if element.place is not None:
                grid[element.place[:3]].append(element)
        if not grid:
            return []
        rows: dict[tuple[int, int], Element] = {}
        for label in sorted(self.labels, key=lambda element: element.box[0]):
            if label.place is not None and label.role == "cell":
                rows.setdefault(label.place[:2], label)
        headers = {(item.place[0], item.place[2]): item for item in self.labels if item.place and item.place[1] == 0}
        found = []
        for (table, row, column), inside in grid.items():
            key, header = rows.get((table, row)), headers.get((table, column))
            if key is None or header is None or key.place is None or key.place[2] == column or row == 0:
                continue
            if len(inside) == 1 and inside[0].lines == 1 and _PLAIN.fullmatch(inside[0].text):
                found.append(_Value({"row": key.text, "column": header.text}, inside[0].text))
        return found


@lru_cache(maxsize=512)
def _reader(page: Page) -> _Reader:
    return _Reader(page)


def is_label(element: Element) -> bool:
    """Whether a text can name something: one line of at most 40 plain characters, three letters among them."""
    text = element.text
    return (
        element.role != "field"
        and element.lines == 1
        and _PLAIN.fullmatch(text) is not None
        and len(_LETTERS.findall(text)) >= 3
    )


def is_value(element: Element) -> bool:
    """Whether a text is something to read: one line with a number, perhaps with a short unit, or a date."""
    return element.control is None and element.lines == 1 and _VALUE.fullmatch(element.text) is not None


def beside(elements: Sequence[Element], label: Element, side: str) -> Element | None:
    """The element nearest to a label on one side, if it is clearly the nearest.

    Above and below it must share columns of pixels with the label and start or be centred where it does; on the right
    it must share rows. A second one less than 6 pixels farther away makes it unclear.
    """
    near = sorted(
        (gap, order) for order, other in enumerate(elements) if (gap := _gap(label.box, other.box, side)) >= 0
    )
    if not near or (len(near) > 1 and near[1][0] - near[0][0] < 6):
        return None
    gap, order = near[0]
    found = elements[order]
    if side == "right":
        middles = [(box[1] + box[3]) / 2 for box in (label.box, found.box)]
        return found if gap <= MAX_GAP_RIGHT and abs(middles[0] - middles[1]) <= 6 else None
    centres = [(box[0] + box[2]) / 2 for box in (label.box, found.box)]
    aligned = abs(label.box[0] - found.box[0]) <= MAX_SHIFT or abs(centres[0] - centres[1]) <= MAX_SHIFT
    return found if gap <= MAX_GAP and aligned else None


def read_amount(text: str) -> tuple[Decimal, str] | None:
    """The number and its unit (``$``, ``%`` or nothing) of a text that is nothing else."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return Decimal(match[2].replace(",", "") + (match[3] or "")), match[1] + match[4]


def _gap(label: Box, other: Box, side: str) -> int:
    """Pixels from a label to another box on one side; negative if it is not there."""
    across = label[0] < other[2] and other[0] < label[2]
    level = label[1] < other[3] and other[1] < label[3]
    middle = (other[1] + other[3]) / 2
    if side == "below":
        return max(other[1] - label[3], 0) if across and middle > label[3] - 2 else -1
    if side == "above":
        return max(label[1] - other[3], 0) if across and middle < label[1] + 2 else -1
    return other[0] - label[2] if level else -1


def _together(label: Element, value: Element, side: str) -> bool:
    """Whether a value is its label's, and not by chance the next one on the page."""
    if side == "right":
        return label.group == value.group
    return label.role == value.role or value.role in ("text", "heading")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _pick(items: Sequence[_Value], rng: np.random.Generator) -> _Value:
    return items[int(rng.integers(len(items)))]


def _put(
    kind: str,
    parts: Mapping[str, str],
    answer: str,
    answer_type: AnswerType,
    rng: np.random.Generator,
    choices: Sequence[str] = (),
) -> Question:
    """Word a question, in one of the templates that its parts fill."""
    named = {**parts, **({"side": SIDES[parts["side"]]} if "side" in parts else {})}
    fit = [text for text in TEMPLATES[kind] if set(re.findall(r"\{(\w+)\}", text)) == set(named)]
    question = fit[int(rng.integers(len(fit)))].format(**named)
    options = [f"{letter}. {choice}" for letter, choice in zip("ABCDEFGH", choices, strict=False)]
    return Question(kind, "\n".join([question, *options, FORMS[answer_type]]), answer, answer_type, tuple(choices))


def _read_one(kind: str, values: Sequence[_Value], rng: np.random.Generator) -> Question | None:
    if not values:
        return None
    value = _pick(values, rng)
    return _put(kind, value.parts, value.text, "number" if read_amount(value.text) else "text", rng)


def _write_value(reader: _Reader, rng: np.random.Generator) -> Question | None:
    return _read_one("value", reader.values, rng)


def _write_field(reader: _Reader, rng: np.random.Generator) -> Question | None:
    return _read_one("field", reader.fields, rng)


def _write_cell(reader: _Reader, rng: np.random.Generator) -> Question | None:
    return _read_one("cell", reader.cells, rng)


def _series(reader: _Reader) -> list[list[tuple[_Value, Decimal]]]:
    """Numbers of one unit that belong to one column, or stand on one side of their labels."""
    series: dict[tuple[str, str], list[tuple[_Value, Decimal]]] = defaultdict(list)
    for value in [*reader.cells, *reader.values]:
        amount = read_amount(value.text)
        if amount is not None:
            series[value.parts.get("column") or value.parts["side"], amount[1]].append((value, amount[0]))
    return [items for items in series.values() if len(items) > 1]


def _write_total(reader: _Reader, rng: np.random.Generator) -> Question | None:
    series = _series(reader)
    if not series:
        return None
    items = series[int(rng.integers(len(series)))]
    first, second = (items[index] for index in rng.choice(len(items), 2, replace=False))
    parts = dict(first[0].parts)
    if "column" in parts:
        parts["other"] = second[0].parts["row"]
    else:
        parts["other_label"] = second[0].parts["label"]
    return _put("total", parts, str(first[1] + second[1]), "number", rng)


def _write_compare(reader: _Reader, rng: np.random.Generator) -> Question | None:
    wanted = OPTIONS["compare"]
    series = [items for items in _series(reader) if len({amount for _, amount in items}) >= wanted]
    if not series:
        return None
    items = series[int(rng.integers(len(series)))]
    chosen: dict[Decimal, _Value] = {}
    for index in rng.permutation(len(items)):
        if len(chosen) < wanted:
            chosen.setdefault(items[index][1], items[index][0])
    names = [value.parts.get("row") or value.parts["label"] for value in chosen.values()]
    parts = {key: text for key, text in next(iter(chosen.values())).parts.items() if key in ("column", "side")}
    return _put("compare", parts, "ABC"[list(chosen).index(max(chosen))], "choice", rng, names)


def _write_where(reader: _Reader, rng: np.random.Generator) -> Question | None:
    labels = [element for element in reader.labels if element.role != "menu"]
    if not labels:
        return None
    element = labels[int(rng.integers(len(labels)))]
    return _put("where", {"label": element.text}, json.dumps(list(element.box)), "box", rng)


def _write_press(reader: _Reader, rng: np.random.Generator) -> Question | None:
    frames = Counter(element.control for element in reader.page.elements if element.control and element.role != "field")
    targets = [element for element in reader.labels if element.control and frames[element.control] == 1]
    if not targets:
        return None
    target = targets[int(rng.integers(len(targets)))]
    frame = target.control
    others = [other for other in frames if other and frame and other != frame and not overlap(other, frame)]
    if frame is None or len(others) < OPTIONS["press"] - 1:
        return None
    wrong = [others[index] for index in rng.choice(len(others), OPTIONS["press"] - 1, replace=False)]
    options = [[frame, *wrong][index] for index in rng.permutation(OPTIONS["press"])]
    purpose = press_purpose(target.text, target.role)
    choices = [json.dumps(list(option)) for option in options]
    return _put("press", {"purpose": purpose}, "ABCD"[options.index(frame)], "choice", rng, choices)


_WRITERS = {
    "value": _write_value,
    "field": _write_field,
    "cell": _write_cell,
    "total": _write_total,
    "compare": _write_compare,
    "where": _write_where,
    "press": _write_press,
}
