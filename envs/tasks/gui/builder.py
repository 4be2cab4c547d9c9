"""Renders the pages of UI kits in Chromium: other content, size and theme each time; a picture and a record of each.

The browser reaches nothing but a server on the loopback interface. Pixels depend on the browser's version and the
fonts that are installed; everything else on the seed alone.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adagym.envs.tasks.gui.content import fill, rewrite
from adagym.envs.tasks.gui.pages import Element, Page, element_from, page_to_json
from adagym.envs.tasks.gui.server import serve
from adagym.errors import UsageError, require
from adagym.types import Array

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
"""Names under which the browser is looked for."""
SIZES = ((1280, 800), (1366, 768), (1152, 864), (1024, 768), (1280, 720), (1440, 900))
"""Widths and heights of the window, pixels."""
THEMES = ("light", "dark")
MIN_CONTRAST = 3.0
"""Texts with less contrast to their background (WCAG 2's ratio) are left out of the record."""
MIN_FONT = 10.0
"""So are texts in a smaller font, CSS pixels."""
MIN_ELEMENTS = 12
"""A page with fewer texts is not kept."""

VARIANTS = 2
"""So many pictures are taken of a page, with other content, size and hue, before the next page is loaded."""

_SETTLE_MS = 500
_LOAD_MS = 120_000
_QUALITY = 85
_STILL = (
    "*,*::before,*::after{animation:none!important;transition:none!important;caret-color:transparent!important;"
    "pointer-events:auto!important}"
)
_BEFORE = """
window.__drawn = new Set();
for (const kind of ["CanvasRenderingContext2D", "OffscreenCanvasRenderingContext2D"])
  for (const name of ["fillText", "strokeText"]) {
    const painted = window[kind].prototype[name];
    window[kind].prototype[name] = function (text, ...rest) {
      window.__drawn.add(String(text).trim());
      return painted.call(this, text, ...rest);
    };
  }
let state = SEED;
Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
localStorage.setItem("theme", "THEME");
"""


@dataclass(frozen=True)
class Kit:
    """An unpacked UI kit."""

    name: str
    version: str
    site: Path
    """The folder that is served."""
    pages: tuple[str, ...]
    """Paths of its pages under the site."""


def open_kit(folder: str | Path) -> Kit:
    """Look at a kit's folder.

    Args:
        folder: Holds ``package.json``, a licence file and the pages, as an unpacked npm package does.

    Raises:
        UsageError: It is no kit, or its licence is not MIT.
    """
    folder = Path(folder)
    try:
        package = json.loads((folder / "package.json").read_text("utf-8"))
        name, version = str(package["name"]), str(package.get("version", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"`{folder}` has no usable package.json ({error}); give the folder of an npm package."
        ) from None
    licences = [path.read_text("utf-8", errors="replace") for path in sorted(folder.glob("LICEN[CS]E*"))]
    if not any("MIT License" in text and "Permission is hereby granted, free of charge" in text for text in licences):
        raise UsageError(f"`{folder}` holds no file with the MIT licence. Pages are built from kits under it alone.")
    places = (("dist", "production"), ("dist", ""), ("", ""))
    found = ((folder / site, sorted((folder / site / below).glob("*.html"))) for site, below in places)
    site, pages = next(((site, pages) for site, pages in found if pages), (folder, []))
    if not pages:
        raise UsageError(f"`{folder}` holds no dist/production/*.html, dist/*.html or *.html.")
    return Kit(name, version, site, tuple(str(page.relative_to(site)) for page in pages))


def find_browser(path: str | None = None) -> str:
    """The Chromium to use.

    Raises:
        UsageError: There is none; says what to install.
    """
    found = shutil.which(path) if path else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        tried = f"`{path}` is no program" if path else f"none of {', '.join(BROWSERS)} is installed"
        raise UsageError(
            f"Rendering pages needs Chromium, and {tried}. Run `apt-get install chromium` or `playwright install "
            "chromium`, or name the program with --browser."
        )
    return found


def build(
    kits: Sequence[Kit],
    out: Path,
    n: int,
    seed: int = 0,
    browser: str | None = None,
    on_page: Callable[[Page], None] | None = None,
) -> list[Page]:
    """Render ``n`` pages, the kits' templates in turn, in an order drawn once.

    Args:
        kits: What to render.
        out: A folder; gets a WebP picture and a JSON record of each page.
        n: Number of pages.
        seed: Source of everything random.
        browser: Program; None looks for one.
        on_page: Called with each page.

    Raises:
        MissingExtra: playwright is not installed.
        UsageError: There is no browser, or the kits give too few pages.
    """
    program = find_browser(browser)
    templates = [(kit, path) for kit in kits for path in kit.pages]
    order = np.random.default_rng(seed).permutation(len(templates))
    pages: list[Page] = []
    with launched(program) as chromium:
        out.mkdir(parents=True, exist_ok=True)
        for load in range(len(templates) + 2 * n):
            kit, path = templates[order[load % len(order)]]
            for page, picture in render(chromium, kit, path, (seed, load)):
                if len(page.elements) < MIN_ELEMENTS:
                    break
                Image.fromarray(picture).save(out / f"{page.name}.webp", quality=_QUALITY, method=6)
                (out / f"{page.name}.json").write_text(page_to_json(page), "utf-8")
                pages.append(page)
                if on_page is not None:
                    on_page(page)
                if len(pages) == n:
                    return pages
    raise UsageError(f"The kits gave {len(pages)} usable pages of {n}; add a kit or ask for fewer.")


@contextmanager
def launched(program: str) -> Iterator[Any]:
    """A running browser.

    Raises:
        MissingExtra: playwright is not installed.
    """
    playwright = require("playwright.sync_api", "gui")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--font-render-hinting=none", "--disable-lcd-text"]
        )
        try:
            yield chromium
        finally:
            chromium.close()


def render(chromium: Any, kit: Kit, path: str, seed: Sequence[int]) -> Iterator[tuple[Page, Array]]:
    """Load one page and take ``VARIANTS`` pictures of it.

    Args:
        chromium: A running browser.
        kit: Where the page is from.
        path: The page, under the kit's site.
        seed: Source of content, sizes and theme.

    Yields:
        The record and the screenshot of each variant.
    """
    rng = np.random.default_rng(seed)
    with serve(kit.site) as address:
        page, theme = _load(chromium, address, path, rng)
        try:
            for variant in range(VARIANTS):
                width, height = SIZES[int(rng.integers(len(SIZES)))]
                hue = int(rng.integers(12)) * 30
                page.set_viewport_size({"width": width, "height": height})
                page.evaluate("hue => document.documentElement.style.filter = `hue-rotate(${hue}deg)`", hue)
                texts = rewrite(page.evaluate("window.__adagym.texts()"), rng)
                page.evaluate("list => window.__adagym.rewrite(list)", texts)
                page.evaluate("list => window.__adagym.fill(list)", fill(page.evaluate("window.__adagym.asked()"), rng))
                page.wait_for_timeout(_SETTLE_MS)
                found = page.evaluate("window.__adagym.read()")
                picture = np.array(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
                name = re.sub("[^a-z0-9]+", "-", f"{kit.name}-{Path(path).stem}-{seed[-1]}-{variant}".lower())
                clear, unclear = _sorted(found["elements"], picture)
                others = tuple(sorted({*found["others"], *unclear} - {""}))
                template, look = f"{kit.name}/{Path(path).stem}", f"{theme}, hue {hue}"
                yield Page(name, template, (width, height), look, clear, others), picture
        finally:
            page.context.close()


def _load(chromium: Any, address: str, path: str, rng: np.random.Generator) -> tuple[Any, str]:
    """Open a page, its clock and its dice fixed, and add our script; also tells the theme."""
    theme = THEMES[int(rng.integers(len(THEMES)))]
    context = chromium.new_context(
        color_scheme=theme, reduced_motion="reduce", service_workers="block", locale="en-US", timezone_id="UTC"
    )
    context.route("**/*", lambda route: _let(route, address))
    context.add_init_script(_BEFORE.replace("SEED", str(rng.integers(1, 2**31 - 1))).replace("THEME", theme))
    page = context.new_page()
    page.clock.set_system_time(f"2026-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}T09:30:00Z")
    page.goto(f"{address}/{path}", wait_until="load", timeout=_LOAD_MS)
    page.add_style_tag(content=_STILL)
    page.evaluate(page_script())
    return page, theme


def page_script() -> str:
    """The script that is run inside pages."""
    return resources.files("adagym.envs.tasks.gui").joinpath("page.js").read_text("utf-8")


def _let(route: Any, address: str) -> None:
    """Let requests to the server through, and no others."""
    if route.request.url.startswith((f"{address}/", "data:", "blob:")):
        route.continue_()
    else:
        route.abort()


def _sorted(found: Sequence[Mapping[str, Any]], picture: Array) -> tuple[tuple[Element, ...], list[str]]:
    """The texts with words that are large and clear enough to be read, as records; and the others."""
    clear, unclear = [], []
    for item in found:
        wordless = not any(map(str.isalnum, item["text"]))
        if wordless or item["size"] < MIN_FONT or contrast(picture, item["box"]) < MIN_CONTRAST:
            unclear.append(item["text"])
            continue
        clear.append(element_from(item))
    return tuple(clear), unclear


def contrast(picture: Array, box: Sequence[int]) -> float:
    """Contrast between the commonest colour in a box and the pixels that differ most from it, 1 to 21 (WCAG 2).

    Args:
        picture: ``(height, width, 3)`` ``uint8`` RGB.
        box: ``[x1, y1, x2, y2]``, pixels.
    """
    x1, y1, x2, y2 = box
    pixels = picture[y1:y2, x1:x2].reshape(-1, 3)
    if not len(pixels):
        return 1.0
    colours, counts = np.unique(pixels // 8, axis=0, return_counts=True)
    ground = _luminance((colours[counts.argmax()] * 8 + 4).astype(np.float64))
    levels = _luminance(pixels.astype(np.float64))
    return max(
        (max(float(ground), float(ink)) + 0.05) / (min(float(ground), float(ink)) + 0.05)
        for ink in np.quantile(levels, (0.02, 0.98))
    )


def _luminance(colours: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Relative luminance of sRGB colours, 0 to 1."""
    part = colours / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])
