"""Questions about rendered pages as a task source, from the pages that come with the package or a built folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from adagym.envs.tasks.gui.pages import Page, read_pages
from adagym.envs.tasks.gui.questions import KINDS, write_question
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.records import check_family, number, one_of, some_of
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile
from adagym.types import Task

FAMILY = "gui_qa"
EMBEDDED = Path(__file__).parent.parent / "assets" / "gui"
"""Pages that come with the package."""
SPLITS = ("train", "test")
PREFACE = "The picture shows a screen.\n"

_MAX_DRAWS = 1000


class GUIQuestions(LazyTasks):
    """``n`` questions about pages of a split; question ``i`` depends on the pages, the options and ``i`` alone.

    The splits share no template, so a page of one never looks like a page of the other.

    Args:
        family: ``gui_qa``.
        folder: Made by ``adagym build gui``; empty for the pages that come with the package.
        n: Number of tasks.
        seed: Source of everything random.
        split: ``train`` or ``test``.
        kinds: Kinds of questions, taken in turn: ``"value-cell-where"`` or a sequence; None takes all of
            ``adagym.envs.tasks.gui.questions.KINDS``.

    Raises:
        UsageError: An option is out of range.
        DataError: The folder holds no pages, or none that a kind can be asked about.
    """

    def __init__(
        self,
        family: str,
        folder: str | Path = "",
        n: int | str = 1000,
        seed: int | str = 0,
        split: str = "test",
        kinds: str | Sequence[str] | None = None,
    ) -> None:
        check_family(family, FAMILY, "gui")
        self._n, self._seed = number(n, int, "n"), number(seed, int, "seed")
        if self._n < 1 or self._seed < 0:
            raise UsageError(f"`gui` needs n of at least 1 and a seed of at least 0, not {n} and {seed}.")
        self._split = one_of(split, SPLITS, "split")
        self._kinds = some_of(kinds, KINDS, "kinds")
        self._folder = str(folder)
        for index in range(min(self._n, len(self._kinds))):
            self._at(index)  # refuses folders without pages for a kind

    @cached_property
    def _pages(self) -> tuple[Page, ...]:
        """The pages of the split; read anew by a copy, so that a pickle stays small."""
        pages = tuple(page for page in read_pages(self._folder or EMBEDDED) if page.split == self._split)
        if not pages:
            raise DataError(f"`{self._folder}` holds no pages of the split {self._split}; build more pages.")
        return pages

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_pages"}

    def __len__(self) -> int:
        return self._n

    def _at(self, index: int) -> Task:
        kind = self._kinds[index % len(self._kinds)]
        rng = np.random.default_rng([self._seed, SPLITS.index(self._split), KINDS.index(kind), index])
        for _ in range(_MAX_DRAWS):
            page = self._pages[int(rng.integers(len(self._pages)))]
            question = write_question(page, kind, rng)
            if question is not None:
                break
        else:
            raise DataError(f"No page of the split {self._split} has room for a question `{kind}`; build more.")
        return Task(
            id=f"gui/{self._split}/{kind}/{index}",
            family=FAMILY,
            prompt=PREFACE + question.text,
            images=(PictureFile(str(Path(self._folder or EMBEDDED) / f"{page.name}.webp")),),
            choices=question.choices,
            answer=question.answer,
            answer_type=question.answer_type,
            split=self._split,
            meta={"kind": kind, "page": page.name, "template": page.template, "size": list(page.size)},
        )
