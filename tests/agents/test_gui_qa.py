"""The expert of screens and its demonstrations, with an engine that reads what the browser wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pytest

from adagym.agents.blueprints import BLUEPRINTS
from adagym.agents.experts.base import Scene
from adagym.agents.experts.gui_layout import Found, beside, cell, find, pieces
from adagym.agents.experts.gui_qa import ask, holding, read_thumbnail
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.algos.curate import Curation, CurationConfig
from adagym.envs.gui_qa import GUIQA
from adagym.envs.tasks.gui.pages import Page, read_pages
from adagym.envs.tasks.gui.questions import KINDS
from adagym.envs.tasks.gui.source import EMBEDDED
from adagym.pictures import read_picture
from adagym.tools import ocr
from adagym.tools.memory import Memory
from adagym.tools.reading import Line
from adagym.types import Array, Trajectory

LINES = [
    Found("Home>Reports", (0, 0, 120, 20)),
    Found("Revenue", (10, 50, 80, 66)),
    Found("$340", (10, 70, 60, 90)),
    Found("Chat 3", (200, 50, 260, 66)),
    Found("Name", (300, 100, 340, 116)),
    Found("Age", (400, 100, 430, 116)),
    Found("Ada Abel", (300, 130, 360, 146)),
    Found("31", (402, 131, 420, 145)),
    Found("Bela Brandt", (300, 160, 380, 176)),
    Found("4O", (400, 161, 420, 175)),
]


def test_labels_are_found_whole_in_part_and_misread() -> None:
    assert find(LINES, "REVENUE") == LINES[1]
    assert find(LINES, "Bela Brandl") == LINES[8]
    assert find(LINES, "Payment") is None
    part = find(LINES, "Home")
    assert part is not None
    assert (part.text, part.box) == ("Home", (0, 0, 40, 20))


def test_values_are_found_by_where_they_stand() -> None:
    below, right, above = (
        beside(LINES, "Revenue", "below"),
        beside(LINES, "Chat", "right"),
        beside(LINES, "$340", "above"),
    )
    assert (below, above) == (LINES[2], LINES[1])
    assert right is not None
    assert right.text == "3"
    assert cell(LINES, "Ada Abel", "Age") == LINES[7]
    assert cell(LINES, "Bela Brandt", "Age") == LINES[9]
    assert cell(LINES, "Nobody here", "Age") is None


def test_pieces_of_a_line_are_tight_around_their_ink() -> None:
    image = np.full((40, 100, 3), 255, np.uint8)
    image[12:22, 10:30] = image[14:20, 31:40] = image[10:24, 60:70] = 0
    assert pieces(image, (0, 5, 100, 30)) == [(10, 12, 40, 22), (60, 10, 70, 24)]
    assert pieces(image, (72, 5, 100, 30)) == []


def test_the_smallest_box_around_the_point_is_chosen() -> None:
    options = ("[0, 0, 50, 50]", "[10, 10, 20, 20]", "[60, 60, 70, 70]")
    assert holding([[15, 15]], options) == "B"
    assert holding([[20, 20]], options) == "A"
    assert holding([[55, 55]], options) is None


def test_a_question_of_another_form_is_answered_as_unknown() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    assert ask(Scene("How are you?", "img_1", image, {}, (), False, ("OCR",))).answer == "unknown"


class PageReader:
    """Reads the texts of records: of whole pages, and of parts cut out of the page read last."""

    def __init__(self) -> None:
        self._pages: dict[bytes, Page] = {}
        self._last: tuple[Array, Page] | None = None
        for page in read_pages(EMBEDDED):
            self._pages[page.name.encode()] = page

    def hold(self, name: str) -> None:
        page = self._pages[name.encode()]
        self._last = read_picture(EMBEDDED / f"{name}.webp"), page

    def __call__(self, image: Array, engine: object) -> list[Line]:
        assert self._last is not None
        whole, page = self._last
        if image.shape == whole.shape:
            left, top = 0, 0
        elif image.shape[1] == 448:  # too small to read
            return []
        else:
            found = cv2.matchTemplate(whole, image, cv2.TM_SQDIFF)
            left, top = (int(value) for value in cv2.minMaxLoc(found)[2])
        height, width = image.shape[:2]
        lines = []
        for item in page.elements:
            x1, y1, x2, y2 = (side - offset for side, offset in zip(item.box, (left, top, left, top), strict=True))
            if x1 >= -2 and y1 >= -2 and x2 <= width + 2 and y2 <= height + 2 and item.lines == 1:
                lines.append(Line.shared(item.text, (x1, y1, x2, y2), 1.0))
        return lines


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> PageReader:
    reader = PageReader()
    monkeypatch.setattr(ocr, "read_any", reader)
    monkeypatch.setattr(ocr, "_engine", lambda name, threads: None)
    monkeypatch.setattr(ocr, "_readings", Memory(64))
    return reader


def play(reader: PageReader, kind: str, n: int, **kwargs: Any) -> list[Trajectory]:
    env = GUIQA(f"gui:n={n},kinds={kind}", **kwargs)
    played = []
    for task in env.tasks:
        reader.hold(task.meta["page"])
        collector = Collector(lambda task=task: GUIQA([task], **kwargs), ExpertAgent(), 1)
        played += [rollout.trajectory for rollout in collector.collect([Job(0, seed=0)])]
        collector.close()
    return played


@pytest.mark.parametrize("kind", KINDS)
def test_the_expert_answers_what_it_can_read(reader: PageReader, kind: str) -> None:
    trajectories = play(reader, kind, 5, reward="accuracy")
    assert sum(trajectory.reward_parts["accuracy"] or 0 for trajectory in trajectories) >= 4
    for trajectory in trajectories:
        assert trajectory.calls[0].tool == ("Point" if kind == "press" else "OCR")
        assert all(step.parsed.format_ok for step in trajectory.steps)


def test_without_tools_a_screen_is_too_small_to_read(reader: PageReader) -> None:
    for kind in ("cell", "where"):
        for trajectory in play(reader, kind, 2, reward="accuracy", tools=()):
            assert trajectory.calls == ()
            assert trajectory.answer == "unknown"
    image = np.zeros((600, 1200, 3), np.uint8)
    assert read_thumbnail(image) == []


VARIANTS = ("direct", "reflect1", "reflect2", "tool_failure", "fallback", "no_tool", "toolless")
FACTS: Mapping[str, tuple[int, int]] = {
    "direct": (2, 0),
    "reflect1": (4, 0),
    "reflect2": (6, 0),
    "tool_failure": (2, 1),
    "fallback": (0, 2),
    "no_tool": (0, 0),
    "toolless": (0, 0),
}
"""Variant to the numbers of calls that succeed and fail."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_demonstrations_are_right_and_take_the_calls_of_their_variant(reader: PageReader, variant: str) -> None:
    assert tuple(BLUEPRINTS.load("gui_qa")) == VARIANTS
    page = next(page for page in read_pages(EMBEDDED) if page.template == "gentelella/orders")
    reader.hold(page.name)
    task = next(
        task for task in GUIQA("gui:split=train,n=3000,kinds=cell-where-press").tasks if task.meta["page"] == page.name
    )
    config = CurationConfig("adagym/GUIQA-v0", mix={variant: 1.0}, n=1, tasks="gui:split=train,n=4")
    curation = Curation(config)
    curation._tasks = [task] * 4
    (row,) = curation.data(list(curation.run())).rows
    calls = row.trajectory.calls
    assert (sum(call.ok for call in calls), sum(not call.ok for call in calls)) == FACTS[variant]
    assert row.trajectory.reward_parts["accuracy"] == 1
    thoughts = " ".join(step.parsed.think for step in row.trajectory.steps)
    assert not [name for name in ("Crop", "OCR", "Point", "coordinates") if name in thoughts]
