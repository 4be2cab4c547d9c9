"""Where two records of an episode part: the first thing that differs, in the order in which an episode is played."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from adagym.digest import image_digest
from adagym.store import dump
from adagym.types import Trajectory

Record = Mapping[str, Any]
"""One line of a file of episodes (:func:`adagym.store.read_records`), pictures as names."""

_SETTING = ("env_id", "env_kwargs", "task", "seed", "dialect")
_STEP = ("action", "parsed", "result", "observation", "reward", "terminated", "truncated")
_END = ("outcome", "reward_parts", "reward", "error")
_ORDER = ("setting", "opening", "turns", "messages", "end")
_SHOWN = 60
"""Characters shown of a text around the place where it differs."""
_ABSENT = object()


@dataclass(frozen=True)
class Divergence:
    """The first difference between two records."""

    where: str
    """For example ``turn 2, observation, text, character 17``; turns are counted from 1."""
    one: str
    """What the first record has there, shortened."""
    other: str
    """What the second one has."""


def record_of(trajectory: Trajectory) -> Record:
    """The record of an episode in memory, as it would be read back from a file."""
    record: Record = json.loads(dump(trajectory, image_digest))
    return record


def first_divergence(one: Record, other: Record) -> Divergence | None:
    """Compare two records byte for byte; None if they are equal.

    What was given comes first (environment, task, seed), then the first observation, then turn after turn the action,
    how it was read, the tool's result, the observation and the reward, and the outcome at last.
    """
    parts = zip_longest(_parts(one), _parts(other), fillvalue=(len(_ORDER), "", _ABSENT))
    for (stage, name, left), (other_stage, other_name, right) in parts:
        # Where one episode has messages or turns that the other one lacks, the other one is a stage further.
        if stage < other_stage:
            right = _ABSENT
        elif other_stage < stage:
            name, left = other_name, _ABSENT
        found = _compare(name, left, right)
        if found:
            return found
    return None


def pair_records(
    ones: Iterable[Record], others: Iterable[Record]
) -> Iterator[tuple[int, Record | None, Record | None]]:
    """Pair the records of two runs, whichever order they are in: those of one environment, task and seed.

    Records that share all three (a group) are paired in the order in which they come.

    Yields:
        The place in the first run, its record, and its partner or None; then the partners that are left, with None.
    """
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for record in others:  # as text, which takes a fraction of the memory
        waiting[_key(record)].append(json.dumps(record))
    place = -1
    for place, record in enumerate(ones):
        partners = waiting[_key(record)]
        yield place, record, json.loads(partners.popleft()) if partners else None
    for partners in waiting.values():
        for text in partners:
            place += 1
            yield place, None, json.loads(text)


def _key(record: Record) -> str:
    return json.dumps([record["env_id"], record["task"]["id"], record["seed"]])


def _parts(record: Record) -> Iterator[tuple[int, str, Any]]:
    """Everything in a record once, in the order in which an episode is played: its stage, its name, and what it is."""
    setting, opening, turns, messages, end = range(len(_ORDER))
    said: Sequence[Any] = record["messages"]
    first = next((at for at, message in enumerate(said) if message["role"] == "assistant"), len(said))
    for name in _SETTING:
        yield setting, name, record[name]
    for number, message in enumerate(said, 1):
        if number <= first:
            yield opening, f"opening message {number}", message
    for turn, step in enumerate(record["steps"], 1):
        for name in _STEP:
            yield turns, f"turn {turn}, {name}", step[name]
    for number, message in enumerate(said, 1):
        if number > first:
            yield messages, f"message {number}", message
    for name in _END:
        yield end, name, record[name]


def _compare(where: str, one: Any, other: Any) -> Divergence | None:
    if isinstance(one, dict) and isinstance(other, dict):
        return _compare_items(where, one, other, [*one, *(key for key in other if key not in one)])
    if isinstance(one, list) and isinstance(other, list):
        left, right = (dict(enumerate(value)) for value in (one, other))
        return _compare_items(where, left, right, range(max(len(one), len(other))))
    if isinstance(one, str) and isinstance(other, str):
        return None if one == other else _compare_texts(where, one, other)
    same = type(one) is type(other) and one == other
    return None if same else Divergence(where, _shown(one), _shown(other))


def _compare_items(
    where: str, one: Mapping[Any, Any], other: Mapping[Any, Any], keys: Iterable[Any]
) -> Divergence | None:
    for key in keys:
        found = _compare(f"{where}, {key}", one.get(key, _ABSENT), other.get(key, _ABSENT))
        if found:
            return found
    return None


def _compare_texts(where: str, one: str, other: str) -> Divergence:
    pairs = zip_longest(one, other)
    at = next(place for place, (left, right) in enumerate(pairs) if left != right)
    if max(len(one), len(other)) <= _SHOWN:
        return Divergence(where, _shown(one), _shown(other))
    start = max(0, at - _SHOWN // 3)
    shown = [_shown(text[start : start + _SHOWN]) for text in (one, other)]
    return Divergence(f"{where}, character {at}", *shown)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2 * _SHOWN else text[: 2 * _SHOWN] + "..."
