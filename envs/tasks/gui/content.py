"""Other words and numbers for a page's texts, so that no two renderings of a template say the same.

Numbers keep their form and dates stay dates; names of people, cities and companies become others, and words for the
same kind of thing (Revenue, Income, Sales) change places all over a page, so that what was different stays different.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FIRST = (
    "Ada Bela Carla Dario Elena Felix Greta Hugo Irma Jonas Karin Leon Mira Nils Olga Paul Quinn Rosa Stefan Tilda "
    "Ursula Viktor Wanda Xenia Yara Zeno Alma Bruno Celia David Edith Frank Gina Henry Ines Jakob Klara Lukas Marta"
).split()
LAST = (
    "Abel Brandt Costa Dietz Evans Fischer Grant Hansen Iversen Jensen Keller Lorenz Moreno Novak Olsen Petrov Quist "
    "Rossi Sander Tanner Ulrich Vogel Weber Young Zeller Arnold Berger Carter Duncan Ekman Foster Gruber Hofer Ibsen "
    "Kovac Lindt Marsh Nolan Otto Price"
).split()

_KNOWN_FIRST = (
    "Aigars Airi Alan Alex Alice Amanda Amy Andrew Angelica Anna Ashton Ben Bradley Brenden Brielle Bruno Caesar Cara "
    "Carlos Cedric Chris Clara Dana Daniel David Diego Douglas Elena Emily Emma Emmy Eric Eva Fiona Frank Grace "
    "Hannah Henry Ian Isabel Jack Jae James Jane Jean Jeffie Jenna Jennifer Jessica Joe John Jordan Julia Karen Kate "
    "Kevin Laura Leo Lina Linda Lisa Lucas Lucy Marcus Maria Mark Martin Mary Maya Mei Mia Michael Mike Monica Morgan "
    "Nadia Nina Noah Olivia Omar Oscar Paul Peter Priya Rachel Ravi Raj Rebecca Robert Rosa Ryan Sam Samuel Sara Sarah "
    "Scott Sofia Sophia Sophie Steve Steven Susan Thomas Tim Tom Tomas Victor William Yuki Zoe"
).split()
"""First names that the kits use, besides ours."""

_MONTHS = "January February March April May June July August September October November December".split()
_SHORT = [month[:3] for month in _MONTHS]

_GROUPS: Sequence[Sequence[str]] = (
    ("Revenue", "Income", "Earnings", "Turnover", "Profit", "Proceeds"),
    ("Users", "Members", "Customers", "Visitors", "Clients", "Guests"),
    ("Orders", "Bookings", "Tickets", "Invoices", "Contracts", "Requests"),
    ("Projects", "Tasks", "Campaigns", "Events", "Reports"),
    ("Sessions", "Visits", "Downloads", "Conversions", "Signups", "Clicks"),
    ("Monthly", "Annual", "Weekly", "Daily", "Quarterly"),
    ("London", "Tokyo", "Edinburgh", "Lisbon", "Oslo", "Vienna", "Toronto", "Madrid", "Prague", "Chicago"),
    ("Accountant", "Architect", "Designer", "Developer", "Engineer", "Manager", "Author", "Specialist", "Assistant"),
    ("Acme", "Globex", "Initech", "Umbrella", "Soylent", "Stark", "Wayne", "Cyberdyne", "Tyrell", "Hooli", "Vertex"),
    ("Active", "Pending", "Inactive", "Suspended", "Approved", "Archived"),
    ("Pro", "Business", "Starter", "Enterprise", "Basic", "Premium"),
    ("Red", "Green", "Blue", "Orange", "Purple", "Yellow"),
    ("Laptop", "Camera", "Headphones", "Keyboard", "Monitor", "Printer", "Speaker"),
)
_HELD = 0xE000
"""First of Unicode's private characters, which stand for what is done."""
_DATE = re.compile(
    rf"\b(?P<month>{'|'.join(_MONTHS + _SHORT)})\b\.?(?P<gap> )(?P<day>\d{{1,2}})(?!\d)|"
    rf"\b(?P<day2>\d{{1,2}})(?P<gap2> )(?P<month2>{'|'.join(_MONTHS + _SHORT)})\b"
)
_ISO = re.compile(r"\b(?:19|20)\d\d([-/])\d\d\1\d\d\b")
_YEAR = re.compile(r"(?<![\d.,#$€£:/-])(?:19|20)\d\d(?![\d,:%/-]|\.\d)")
_TIME = re.compile(r"\b\d{1,2}:\d\d\b")
_NUMBER = re.compile(r"(?<![\w.#/-])\d[\d,]*(?:\.\d+)?(?![\w/])|(?<=[#])\d{2,}\b")
_PERSON = re.compile(rf"\b({'|'.join(sorted({*_KNOWN_FIRST, *FIRST}))})\b(?: (?!and\b|or\b)([A-Z][a-z]+)\b)?")


def rewrite(texts: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> list[str]:
    """New texts for a page.

    Args:
        texts: What is there now, each with ``text``, ``role`` and whether it is an ``icon``.
        rng: Source of randomness.

    Returns:
        As many texts, in order.
    """
    people: dict[str, str] = {}
    swaps = _swaps(rng)
    words = re.compile(rf"\b({'|'.join(map(re.escape, swaps))})\b")
    return [item["text"] if item["icon"] else _one(item, rng, people, swaps, words) for item in texts]


def fill(fields: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> list[str]:
    """What to write in empty fields, a quarter of which stay empty.

    Args:
        fields: Each with its ``type`` as HTML has it, and its ``label``.
        rng: Source of randomness.
    """
    return [_entry(field, rng) if rng.random() < 0.75 else "" for field in fields]


def _entry(field: Mapping[str, Any], rng: np.random.Generator) -> str:
    first, last = str(rng.choice(FIRST)), str(rng.choice(LAST))
    digits = "".join(map(str, rng.integers(1, 10, size=7)))
    label = str(field["label"]).lower()
    if field["type"] == "email" or "mail" in label:
        return f"{first}.{last}@example.com".lower()
    if field["type"] == "number":
        return digits[: int(rng.integers(1, 5))]
    if field["type"] == "tel" or "phone" in label:
        return f"555-{digits[:4]}"
    if "name" in label:
        return first if "first" in label else last if "last" in label else f"{first} {last}"
    kinds = [word for group in _GROUPS for word in group]
    return f"{rng.choice(kinds)} {digits[:3]}"


def _one(
    item: Mapping[str, Any],
    rng: np.random.Generator,
    people: dict[str, str],
    swaps: Mapping[str, str],
    words: re.Pattern[str],
) -> str:
    text = str(item["text"])
    if item["role"] in ("link", "button") and re.fullmatch(r"\d{1,2}", text):
        return text  # the number of a page of a list, or of unread messages
    held: list[str] = []

    def hold(new: str) -> str:
        held.append(new)
        return chr(_HELD + len(held) - 1)  # no other pattern takes it for a number or a word

    text = _DATE.sub(lambda match: hold(_date(match, rng)), text)
    text = _ISO.sub(
        lambda m: hold(f"{rng.integers(2010, 2027)}{m[1]}{rng.integers(1, 13):02}{m[1]}{rng.integers(1, 29):02}"), text
    )
    text = _TIME.sub(lambda match: hold(f"{rng.integers(1, 13)}:{rng.integers(60):02}"), text)
    text = _YEAR.sub(lambda match: hold(str(rng.integers(2010, 2027))), text)
    text = _NUMBER.sub(lambda match: hold(_number(match[0], rng)), text)
    text = _PERSON.sub(lambda match: hold(_person(match, rng, people)), text)
    text = words.sub(lambda match: swaps[match[0]], text)
    return "".join(held[ord(letter) - _HELD] if 0 <= ord(letter) - _HELD < len(held) else letter for letter in text)


def _swaps(rng: np.random.Generator) -> dict[str, str]:
    """Word to word: within each group, one to one."""
    swaps: dict[str, str] = {}
    for group in _GROUPS:
        for old, new in zip(group, rng.permutation(group), strict=True):
            swaps[old] = str(new)
            swaps[old.upper()] = str(new).upper()
    return swaps


def _number(text: str, rng: np.random.Generator) -> str:
    """Other digits in the same form; none of the numbers is led by 0 that was not."""
    first = True
    new = ""
    for letter in text:
        if letter.isdigit():
            low = 1 if first and letter != "0" else 0
            new += letter if first and letter == "0" else str(rng.integers(low, 10))
            first = False
        else:
            new += letter
    return "100" if text == "100" else new


def _date(match: re.Match[str], rng: np.random.Generator) -> str:
    old = match["month"] or match["month2"]
    month = (_MONTHS if old in _MONTHS and old != "May" else _SHORT)[int(rng.integers(12))]
    day = str(rng.integers(1, 29)).zfill(len(match["day"] or match["day2"]))
    return f"{month} {day}" if match["month"] else f"{day} {month}"


def _person(match: re.Match[str], rng: np.random.Generator, people: dict[str, str]) -> str:
    if match[0] not in people:
        first = people.setdefault(match[1], str(rng.choice(FIRST)))
        if match[2]:
            people[match[0]] = f"{first} {rng.choice(LAST)}"
    return people[match[0]]
