"""What tests of benchmark readers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.evals.scorers import Scored
from adagym.rewards.accuracy import RULES
from adagym.testing import check_task_source
from adagym.types import Task

LETTERS = "ABCDEFGHIJ"
HOSTILE = ("", "A, B", "not B", "all of them", "Z", "B" * 50_000, "\x00", "<answer></answer>", "answer is", "[[]]" * 99)


@pytest.fixture
def source() -> Callable[[str], VideoRecords]:
    """Opens a source of video tasks, and checks it by the contract kit."""

    def opened(spec: str) -> VideoRecords:
        tasks = load_tasks(spec, "video_qa")
        assert isinstance(tasks, VideoRecords)
        check_task_source(tasks, "video_qa")
        return tasks

    return opened


@pytest.fixture
def write_parquet() -> Callable[[Path, Sequence[dict[str, Any]]], None]:
    """Writes rows, two to a group."""

    def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=2)

    return write


@pytest.fixture
def touch() -> Callable[..., None]:
    """Makes files that stand for videos where none is opened."""

    def made(*paths: Path) -> None:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not looked at")

    return made


@pytest.fixture
def check_scoring() -> Callable[[Task], None]:
    """Checks that the right option scores 1, and others, none and hostile answers score 0."""

    def check(task: Task) -> None:
        rule = RULES["choice"]
        assert rule(task, task.answer) == rule(task, f"The answer is {task.answer}.") == 1
        assert rule(task, task.choices[LETTERS.index(task.answer)]) == 1
        wrong = [letter for letter, _ in zip(LETTERS, task.choices, strict=False) if letter != task.answer]
        assert all(rule(task, answer) == 0 for answer in (*wrong, *HOSTILE))

    return check


@pytest.fixture
def guessed() -> Callable[[Sequence[Task], int], list[Scored]]:
    """Plays questions with options so many times by guessing at random."""

    def play(tasks: Sequence[Task], times: int) -> list[Scored]:
        rng = np.random.default_rng(0)
        scored = []
        for task in tasks:
            worth = [RULES["choice"](task, letter) for letter, _ in zip(LETTERS, task.choices, strict=False)]
            for guess in rng.integers(len(worth), size=times):
                scored.append(Scored(task.id, task.id.rpartition("/")[0], task.meta, worth[guess]))
        return scored

    return play
