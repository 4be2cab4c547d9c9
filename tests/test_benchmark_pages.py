"""The pages of the benchmarks: one for each script, and on it the figures that are kept, no others."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from adagym.evals.figures import publish

ROOT = Path(__file__).resolve().parents[1]
MAKE = ROOT / "docs" / "make"
FIGURES = {
    "rollout_ratio": 3.4167,
    "rollout_ratio_lowest": 3.25,
    "rollout_ratio_highest": 3.58,
    "memory_ratio_above_load": 0.6012,
    "ours_peak_mb": 2527.31,
    "trl_peak_mb": 3795.0,
    "loss_difference": 5.9e-08,
    "trl_loss": 0.015931,
    "trl_version": "1.16.0",
}


@pytest.fixture(scope="module")
def make() -> Iterator[Any]:
    """Imports the programs that make pages, which import one another."""
    before = set(sys.modules)
    sys.path.insert(0, str(MAKE))
    yield importlib.import_module
    sys.path.remove(str(MAKE))
    for name in set(sys.modules) - before:
        if str(MAKE) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the figures of one script, as it writes them."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "benchmarks" / "grpo_vs_trl.py"), "--steps", "2"])
    publish("", FIGURES, seed=7, seconds=12.3, path=tmp_path / "grpo_vs_trl.json", packages=("rich",))
    return tmp_path


def test_every_script_that_writes_figures_has_a_page(make: Any) -> None:
    scripts = make("bench_pages").scripts()
    takes_json = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if "path=options.json" in path.read_text("utf-8")
    }
    assert scripts.keys() == takes_json == make("measured").LAYOUTS.keys()
    assert all(said.partition("\n\n")[0].endswith(".") for said in scripts.values())


def test_the_page_has_the_figures_and_no_others(make: Any, folder: Path) -> None:
    pages = {one.uri: one for one in make("bench_pages").pages(folder)}
    page = pages["benchmarks/grpo_vs_trl.md"].content
    table = page.split("## Figures")[1]
    assert "```bash\npython benchmarks/grpo_vs_trl.py --steps 2\n```" in table
    assert "with seed 7, in 12 seconds" in table
    assert ", rich " in table
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    assert dict(rows) == {
        "rollout_ratio": "3.417 | 3.25 | 3.58",
        "memory_ratio_above_load": "0.6012 |  | ",
        "peak_mb": "2,527 | 3,795",
        "loss_difference": "5.9e-08",
        "trl_loss": "0.01593",
        "trl_version": "1.16.0",
    }
    assert len(rows) == 6
    assert "[Benchmarks](../benchmarks.md)" in page  # which says where the difference comes from


def test_scripts_without_figures_are_said_to_be_unmeasured(make: Any, folder: Path) -> None:
    bench_pages = make("bench_pages")
    pages = {one.uri: one.content for one in bench_pages.pages(folder)}
    assert "Not measured: " in pages["benchmarks/tools.md"]
    assert "python benchmarks/tools.py --json docs/benchmarks/tools.json" in pages["benchmarks/tools.md"]
    overview = bench_pages.overview(folder)
    assert "3.417 times TRL's speed of rollouts" in overview
    assert overview.count("| not measured |") == len(pages) - 1


@pytest.mark.parametrize("name", ["unknown.json", "trl_sides.json", "tools.txt"])
def test_files_of_no_script_are_refused(name: str, make: Any, folder: Path) -> None:
    (folder / name).write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=f"`{name}` is not NAME.json of a script"):
        list(make("bench_pages").pages(folder))


def test_figures_without_their_conditions_are_refused(make: Any, folder: Path) -> None:
    (folder / "tools.json").write_text(json.dumps({"crop_ratio_8k": 1.0, "cpu": "x", "seed": 0}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"`tools.json` lacks versions, seconds, command; write it anew by `python "):
        list(make("bench_pages").pages(folder))


def test_the_kept_figures(make: Any) -> None:
    """Each was written from the root to its place, and all of them are on its page."""
    bench_pages, figure = make("bench_pages"), make("charts").figure
    kept, pages = bench_pages.kept(), {one.uri: one.content for one in bench_pages.pages()}
    for name, written in kept.items():
        assert re.match(rf"python benchmarks/{name}\.py ", written["command"])
        assert f"--json docs/benchmarks/{name}.json" in written["command"]
        assert " /" not in written["command"]  # no places of the machine
        cells = re.findall(r"(?<=\| )([^|]*?)(?= \|)", pages[f"benchmarks/{name}.md"].split("## Figures")[1])
        assert {figure(value) for key, value in written.items() if key not in bench_pages.FACTS} <= set(cells)
        assert make("measured").LAYOUTS[name].chief.keys() & written.keys()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(20.0, "20"), (1000010, "1,000,010"), (21085.27, "21,085"), (0.16713, "0.1671"), (-0.5, "-0.5"), ("1.16", "1.16")],
)
def test_figures(value: object, shown: str, make: Any) -> None:
    assert make("charts").figure(value) == shown


def test_lengths_of_bars(make: Any) -> None:
    charts = make("charts")
    near = Drawing(charts.bars("a & b", {"x": {"": 1.0}, "y": {"": 4.0}}, mark=2.0))
    assert near.widths == [charts.BARS / 4, charts.BARS]
    assert near.lines == [near.left + charts.BARS / 2]
    assert near.words == ["x", "1", "y", "4", "a & b; the line is at 2."]
    far = Drawing(charts.bars("t", {"x": {"p": 0.0, "q": 1.0}, "y": {"p": 1000.0}}))
    assert far.widths[:2] == [12, 12]  # of the legend
    assert far.widths[2:] == [0, pytest.approx(charts.BARS / 4, abs=0.1), charts.BARS]
    assert far.words[-1] == "t; lengths are logarithms."


def test_a_chart_takes_its_figures_and_no_others(make: Any) -> None:
    names = "http_8_calls_per_s fastmcp_8_calls_per_s http_8_p99_ms http_vs_fastmcp".split()
    page = make("bench_pages")._page("tool_server", "Says.", {**dict.fromkeys(names, 2.0), **FACTS})
    assert Drawing(page).words[:4] == ["http", "2", "fastmcp", "2"]
    assert "| `http_vs_fastmcp` | 2 |" in page


FACTS = {"versions": {}, "cpu": "x", "seed": 0, "seconds": 1.0, "command": "c"}


class Drawing(HTMLParser):
    """Bars, lines and words of a chart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.widths: list[float] = []
        self.lines: list[float] = []
        self.left = 0.0
        self.words: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._inside = tag in ("text", "figcaption")
        if tag == "rect":
            self.widths.append(float(found["width"] or 0))
            self.left = float(found["x"] or 0)
        if tag == "line":
            self.lines.append(float(found["x1"] or 0))

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words.append(data)
