"""The fidelity pages are complete, and what they name is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from adagym.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = {path.stem: path for path in (DOCS / "fidelity.md", *sorted((DOCS / "fidelity").glob("*.md")))}
PARTS = ("adareasoner", "adatooler-v")
"""The pages whose tables have the four columns."""
HEAD = ["there", "here", "what differs, and why", "shown by"]
REASONS = {"models", "files", "people"}

NUMBERED = {"Eq.": range(1, 10), "Table": range(1, 14), "Figure": range(1, 11)}
"""What AdaReasoner's paper numbers."""
NAMED = {
    "adareasoner": (
        *("Point", "Draw2DPath", "AStar", "DetectBlackArea", "InsertImage", "Crop", "OCR"),
        *("Tool Server", "AdaDataCuration", "LLaMA-Factory", "AdaTG", "AdaEval", "judge"),
        *("VSPO", "VSP", "Jigsaw-COCO", "BLINK-J", "GUIQA", "GUIChat", "WebMMU", "V*", "HRBench"),
        *("section 2.2", "section 2.3", "section 2.4"),
    ),
    "adatooler-v": (
        *("Tool Benefit Score", "R_t =", "R =", "AdaTooler-V-300k", "AdaTooler-V-CoT-100k"),
        *("CropImg", "FrameAt", "VideoClip", "PathTracer", "verl-tool"),
        *("multiple choice", "numerical", "OCR", "free form", "regression", "format"),
        *("dataset.png", "Curves.png", "Img_bench.png", "video_bench.png", "bar.png", "example1.png", "example2.png"),
    ),
}
"""What either paper names: tools, systems, benchmarks, data, and pictures without a number."""


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table of four columns, heads left out."""
    for line in text.splitlines():
        cells = re.split(r"\s*\|\s*", line.strip())[1:-1]
        if line.startswith("| ") and cells != HEAD and not line.startswith("|---"):
            yield cells


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def is_path(name: str) -> bool:
    """Whether a name in backticks is that of a file or folder here, or is meant to be one."""
    first = name.partition("/")[0]
    return re.fullmatch(r"[\w./-]+", name) is not None and "/" in name and (ROOT / first).exists()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_is_there(page: str) -> None:
    text = PAGES[page].read_text(encoding="utf-8")
    named = [name for name in quoted(text) if is_path(name)]
    assert named or page not in PARTS
    assert [name for name in named if not (ROOT / name).exists()] == []
    for link in re.findall(r"\]\(([^)]+)\)", text):
        target, _, place = link.partition("#")
        path = (PAGES[page].parent / target).resolve() if target else PAGES[page]
        assert path.exists(), link
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        places = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not place or place in places, link


@pytest.mark.parametrize("page", PARTS)
def test_names_behind_a_file_are_in_it(page: str) -> None:
    text = PAGES[page].read_text(encoding="utf-8")
    found = re.findall(r"`([\w./-]+\.\w+)` \(((?:`[\w.*]+`(?:, )?)+)\)", text)
    assert found
    for path, names in found:
        source = (ROOT / path).read_text(encoding="utf-8")
        for name in re.split(r"[.*]", " ".join(quoted(names)).replace(" ", ".")):
            assert name in source, f"{name} in {path}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_can_be_given(page: str) -> None:
    commands = [name for name in quoted(PAGES[page].read_text(encoding="utf-8")) if " " in name]
    for words in (shlex.split(name) for name in commands if name.startswith(("python ", "adagym "))):
        given = {word for word in words if word.startswith("--")}
        if words[0] == "python":
            source = (ROOT / words[1]).read_text(encoding="utf-8")
            source += (ROOT / "examples/ablations/common.py").read_text("utf-8") if "ablations" in words[1] else ""
            known = {f"--{name.replace('_', '-')}" for name in re.findall(r"^\s+(\w+): ", source, re.MULTILINE)}
        else:
            name = next(name for name in sorted(COMMANDS.names(), key=len, reverse=True) if is_head(name, words[1:]))
            known = {f"--{item.name.replace('_', '-')}" for item in fields(COMMANDS.load(name))}  # type: ignore[arg-type]  # a command is a dataclass, which its protocol cannot say
        assert given <= known, words


def is_head(name: str, words: list[str]) -> bool:
    parts = name.split()
    return words[: len(parts)] == parts


def test_every_number_of_the_paper_has_a_row() -> None:
    first = [cells[0] for cells in rows(PAGES["adareasoner"].read_text(encoding="utf-8"))]
    for kind, numbers in NUMBERED.items():
        found = [int(hit[1]) for cell in first if (hit := re.match(rf"{re.escape(kind)} (\d+):", cell))]
        assert found == list(numbers), kind


@pytest.mark.parametrize("page", PARTS)
def test_every_name_of_the_paper_has_a_row(page: str) -> None:
    first = "\n".join(cells[0] for cells in rows(PAGES[page].read_text(encoding="utf-8")))
    assert [name for name in NAMED[page] if name not in first] == []


@pytest.mark.parametrize("page", PARTS)
def test_every_row_is_shown_by_something_or_says_why_not(page: str) -> None:
    for cells in rows(PAGES[page].read_text(encoding="utf-8")):
        assert len(cells) == len(HEAD), cells
        there, here, _, shown = cells
        reasons = re.findall(r"no: ([a-z, ]+)", shown)
        assert there
        assert set(re.split(", ", ", ".join(reasons))) - {""} <= REASONS, cells
        assert reasons or quoted(shown), cells
        assert here or reasons, cells
        for name in quoted(shown):
            assert " " in name or is_path(name) or name.startswith("."), name
            assert not is_path(name) or (ROOT / name).exists(), name


def test_the_overview_explains_every_reason() -> None:
    assert set(re.findall(r"^- \*\*(\w+)\*\*", PAGES["fidelity"].read_text(encoding="utf-8"), re.MULTILINE)) == REASONS
