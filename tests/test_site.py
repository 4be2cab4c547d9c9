"""The site of the documentation: its navigation, the pages that are made for it, and the pages to begin with."""

from __future__ import annotations

import re
import runpy
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from adagym.rewards import PRESETS, REWARDS
from adagym.tools import TOOLS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FIRST_PAGES = ("quickstart.md", "why.md", "concepts.md")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the programs that make pages, from which they import one another."""
    folder = DOCS / "make"
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def named(item: Any) -> list[str]:
    """The pages and folders that a part of the navigation names."""
    if isinstance(item, dict):
        return [name for value in item.values() for name in named(value)]
    return [name for value in item for name in named(value)] if isinstance(item, list) else [item]


def test_the_navigation_names_every_page_once() -> None:
    nav = named(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    folders = {name for name in nav if name.endswith("/")}
    assert len(nav) == len(set(nav))
    assert set(nav) - folders <= pages
    assert {page for page in pages - set(nav) if f"{page.rpartition('/')[0]}/" not in folders} == set()


def test_every_made_page_has_a_place_in_the_navigation(make: Path) -> None:
    nav = named(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    reference = runpy.run_path(str(make / "reference.py"))
    made = [one for one in reference["pages"]() if one.title]
    assert made
    assert {f"{one.uri.partition('/')[0]}/" for one in made} <= set(nav)
    assert {"worlds/", "tool/", "reward/", "preset/", "project/", "guides/", "benchmarks/"} <= set(nav)


def test_modules_of_the_reference_exist(make: Path) -> None:
    modules = [name for names in runpy.run_path(str(make / "reference.py"))["MODULES"].values() for name in names]
    assert len(modules) == len(set(modules))
    for name in modules:
        path = ROOT / "adagym" / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), name


def test_a_page_of_an_environment(make: Path) -> None:
    worlds = runpy.run_path(str(make / "worlds.py"))
    files = {one.uri: one for one in worlds["page"]("adagym/Jigsaw-v0")}
    page = files["worlds/Jigsaw-v0.md"].content
    assert page.startswith("# Jigsaw-v0\n")
    assert page.count("```pycon") == 1
    assert "Outcome: `answered`" in page
    assert "| total | 8 |" in page
    reader = Reader()
    reader.feed(page)
    pictures = {f"worlds/{source}" for source in reader.sources}
    assert len(pictures) > 1
    assert pictures == files.keys() - {"worlds/Jigsaw-v0.md"}


def test_every_tool_has_an_example_that_succeeds(make: Path) -> None:
    tool_pages = runpy.run_path(str(make / "tool_pages.py"))
    assert tool_pages["EXAMPLES"].keys() == set(TOOLS.names())
    for name in ("Crop", "AStar", "FrameAt"):
        *_, page = tool_pages["page"](name)
        assert "Status `success`" in page.content, name
        assert f'"name": "{name}"' in page.content


def test_pages_of_rewards_show_what_they_say(make: Path) -> None:
    pages = {one.uri: one.content for one in runpy.run_path(str(make / "reward_pages.py"))["pages"]()}
    expected = {f"reward/{name}.md" for name in REWARDS.names()} | {f"preset/{name}.md" for name in PRESETS.names()}
    assert pages.keys() == expected | {"reward/index.md"}
    assert "| right, after 4 calls | 8 | 1 | 4 | 1 |" in pages["preset/tool_grpo.md"]
    assert "| wrong, after a failed call | 3.5 |" in pages["reward/tool.md"]
    assert "::: adagym.rewards.benefit.ATGRPO" in pages["preset/at_grpo.md"]


def test_text_of_agents_stays_text(make: Path) -> None:
    verbatim = runpy.run_path(str(make / "made.py"))["verbatim"]
    text = "<script>alert(1)</script>\n\n```\n# `x` & </pre>"
    shown = verbatim(text)
    assert "\n" not in shown
    assert "`" not in shown
    reader = Reader()
    reader.feed(shown)
    assert reader.tags == ["pre"]
    assert "".join(reader.text) == text


def test_links_that_lead_nowhere_are_found(make: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#there">b</a><a href="https://x.y/z">x</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="a.html#bottom">a</a><img src="none.png">')
    broken = runpy.run_path(str(make / "links.py"))["broken"]
    assert sorted(broken(tmp_path)) == [
        "b.html: a.html#bottom names a place that the page does not have.",
        "b.html: none.png leads nowhere.",
    ]


def test_the_picture_of_the_data_flow_is_the_drawn_one(make: Path) -> None:
    flow = runpy.run_path(str(make / "flow.py"))
    assert flow["TARGET"].read_text(encoding="utf-8") == flow["draw"]()


def test_the_picture_of_playing_shows_what_is_drawn(make: Path) -> None:
    play_picture = runpy.run_path(str(make / "play_picture.py"))
    drawn, kept = (
        re.findall(r">([^<>]*\w[^<>]*)</text>", svg)
        for svg in (play_picture["draw"](), play_picture["TARGET"].read_text("utf-8"))
    )
    assert "F4&#160;sends&#160;it." in " ".join(drawn)
    assert drawn == kept, "Run python docs/make/play_picture.py and look at the picture."


@pytest.mark.parametrize("name", FIRST_PAGES)
def test_blocks_of_the_first_pages_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert bool(blocks) == (name == "quickstart.md")
    assert not blocks or capsys.readouterr().out.startswith("1 0\n")


def test_commands_of_the_quickstart_exist() -> None:
    from adagym.cli.commands import COMMANDS

    used = re.findall(r"^adagym (\w+)", (DOCS / "quickstart.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"play", "eval", "compare", "report", "demo"} <= set(used) <= set(COMMANDS.names())


class Reader(HTMLParser):
    """Tags, sources of pictures and text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value for key, value in attrs if key == "src" and value]

    def handle_data(self, data: str) -> None:
        self.text.append(data)
