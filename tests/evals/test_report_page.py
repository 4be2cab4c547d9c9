"""The report in headless Chromium: nothing is fetched, nothing is run but its own script, and everything answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from adagym.agents import Agent
from adagym.agents.base import Conversation
from adagym.envs.tasks.gui.builder import find_browser
from adagym.evals.report import write_report
from adagym.evals.runner import EvalConfig, evaluate

NAVIGATION = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=3,n=6"
HOSTILE = (
    "<script>window.hit = 1</script></script><!--<script>"
    "<img src=x onerror='window.hit = 2'>\"'`${window.hit = 3}\u2028\u202eabc\u0000 __proto__ </pre>"
)


class Hostile(Agent):
    """Writes markup wherever a model may write, and a very long turn."""

    name = "hostile"

    def act(self, batch: Sequence[Conversation]) -> list[str]:
        return [self._text(one.turn) for one in batch]

    def _text(self, turn: int) -> str:
        call = {"name": HOSTILE, "parameters": {HOSTILE: HOSTILE}}
        known = {"name": "Point", "parameters": {"image": HOSTILE, "description": HOSTILE}}
        turns = (HOSTILE, *(f"<think>x</think><tool_call>{json.dumps(one)}</tool_call>" for one in (call, known)))
        more = ("a <b> & c " * 100_000, f"<think>x</think><response>\\boxed{{{HOSTILE}}}</response>")
        return (*turns, *more)[turn]


@dataclass
class Opened:
    """A page, and what it complained about or asked for."""

    page: Page
    path: Path
    said: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert self.said == []
        assert self.page.evaluate("window.hit") is None


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    evaluate(EvalConfig(NAVIGATION, "expert", TASKS), folder / "expert")
    evaluate(EvalConfig(NAVIGATION, "random", TASKS), folder / "random")
    evaluate(EvalConfig(NAVIGATION, HOSTILE, TASKS, n=1), folder / "<img src=x onerror=hit>", agent=Hostile())
    return folder


@pytest.fixture(scope="module")
def report(runs: Path) -> Path:
    write_report([runs / "expert", runs / "random", runs / "<img src=x onerror=hit>"], runs / "report.html")
    return runs / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        yield browser
        browser.close()


def open_page(browser: Browser, path: Path, hash_: str = "", **options: Any) -> Opened:
    context = browser.new_context(**options)
    opened = Opened(context.new_page(), path)
    page = opened.page
    page.on("console", lambda message: opened.said.append(message.text))
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else opened.said.append(request.url),
    )
    page.goto(path.as_uri() + hash_)
    page.wait_for_selector(".episode")
    return opened


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    found = open_page(browser, report, viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield found
    found.check()
    found.page.context.close()


def current(page: Page) -> str:
    return page.locator('.list [aria-current="true"] .id').inner_text() + page.locator(".bar").inner_text()


def shown(page: Page) -> int:
    return page.locator(".list button[data-place]").count()


def test_tables_are_sorted_by_their_heads(opened: Opened) -> None:
    rows = opened.page.locator("section").first.locator(".scroll").first
    assert rows.locator("tbody.measured tr").count() == 3
    rows.get_by_role("button", name="accuracy").click()
    assert rows.locator('th[aria-sort="descending"]').count() == 1
    assert rows.locator("tbody.measured tr").first.inner_text().startswith("expert")
    rows.get_by_role("button", name="accuracy").click()
    assert not rows.locator("tbody.measured tr").first.inner_text().startswith("expert")
    assert "⚠ not comparable" in rows.inner_text()
    assert "`n` is the default in one and 1 in the other" in opened.page.locator("section .note").first.inner_text()


def test_plots_have_a_bar_for_every_tool_and_run(opened: Opened) -> None:
    plot = opened.page.locator("figure.plot svg").first
    assert "AStar" in str(plot.get_attribute("aria-label"))
    assert plot.locator("rect").count() % 3 == 0
    assert plot.locator("rect").count() > 0


def test_filters_and_search(opened: Opened) -> None:
    page = opened.page
    assert shown(page) == 13
    page.locator('[data-test="right"]').click()
    right = shown(page)
    assert page.locator('[role="status"]').inner_text() == f"{right} of 13 episodes"
    page.locator('[data-test="wrong"]').click()
    assert shown(page) == 0
    page.get_by_role("button", name="clear").click()
    for test, count in (("tool error", 1), ("format error", 1)):
        page.locator(f'[data-test="{test}"]').click()
        assert shown(page) >= count
        assert test in page.locator(".list").inner_text()
        page.get_by_role("button", name="clear").click()
    page.locator('[data-field="run"]').select_option(label="expert")
    assert shown(page) == 6
    page.locator('[data-field="tool"]').select_option(label="AStar")
    assert shown(page) == 6
    page.get_by_role("button", name="clear").click()
    page.keyboard.press("/")
    page.keyboard.type("ONERROR=")
    expect(page.locator('[role="status"]')).to_have_text("1 of 13 episodes")
    assert "format error: no_action" in page.locator(".detail").inner_text().lower()


def test_keys_links_and_two_agents_side_by_side(opened: Opened, browser: Browser) -> None:
    page = opened.page
    first = current(page)
    assert "1 of 13" in first
    page.keyboard.press("j")
    second = current(page)
    assert "2 of 13" in second
    page.keyboard.press("k")
    assert current(page) == first
    page.keyboard.press("j")
    assert page.evaluate("location.hash").startswith("#episode=expert/vsp-generated%2Ftest%2Fs3%2F1/")
    page.locator("#beside").select_option(label="random")
    assert page.locator(".sides.two .episode").count() == 2
    names = page.locator(".episode > h3").all_inner_texts()
    assert names[0] == names[1] == "vsp-generated/test/s3/1"
    page.keyboard.press("Tab")
    again = open_page(browser, opened.path, page.evaluate("location.hash"))
    assert current(again.page).splitlines()[0] == second.splitlines()[0]
    again.check()
    again.page.context.close()


def test_an_episode_is_shown_whole(opened: Opened) -> None:
    text = opened.page.locator(".episode").inner_text().lower()
    for words in ("point", '"image": "img_1"', "success", "reward", "accuracy 1", "answered"):
        assert words in text
    sizes = opened.page.evaluate("[...document.querySelectorAll('.episode img')].map((image) => image.naturalWidth)")
    assert sizes
    assert all(size > 0 for size in sizes)


def test_what_a_model_wrote_is_text(opened: Opened) -> None:
    page = opened.page
    page.locator('[data-field="run"]').select_option(label="<img src=x onerror=hit>")
    detail = page.locator(".detail")
    text = detail.inner_text()
    assert "<script>window.hit = 1</script></script><!--<script>" in text
    assert "⟨U+202E⟩abc⟨U+0000⟩" in text
    assert "\u202e" not in text
    assert detail.locator("script, b").count() == 0
    assert detail.locator("img:not([src^='data:image/'])").count() == 0
    page.get_by_role("button", name="Show all 100,0").first.click()
    assert detail.inner_text().count("a <b> & c ") > 9_000
    assert page.evaluate("document.title") == "adagym report"


@pytest.mark.parametrize("width", [1280, 390])
def test_themes_and_widths(browser: Browser, report: Path, width: int) -> None:
    found = open_page(browser, report, viewport={"width": width, "height": 800}, color_scheme="dark")
    page = found.page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    assert dark != light
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.evaluate(ground) == dark
    page.reload()
    expect(page.locator("#theme")).to_have_text("dark colours" if width == 1280 else "dark", use_inner_text=True)
    assert page.evaluate(ground) == dark
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found.check()
    page.context.close()


def test_a_thousand_episodes_open_at_once(browser: Browser, runs: Path, tmp_path: Path) -> None:
    """In processor time of the page's thread, which does not depend on what else the machine does."""
    many = tmp_path / "many"
    shutil.copytree(runs / "expert", many)
    lines = (many / "episodes.jsonl").read_text().splitlines()
    records = [json.loads(lines[number % len(lines)]) | {"seed": number} for number in range(1000)]
    (many / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert write_report([many], tmp_path / "many.html").transcripts == 1000
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto((tmp_path / "many.html").as_uri())
    page.wait_for_selector(".episode")
    metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["TaskDuration"] < 2
    assert page.locator(".list button[data-place]").count() == 200
    context.close()
