"""How much of the shipped screens each OCR engine reads, and how long it takes.

The truth is what the browser laid out. ``recall`` is the share of its words that occur anywhere in what an engine read,
spaces left out: engines that join two words are not blamed. ``strict`` counts whole words only, each as often as it
occurs. Case and punctuation are left out of both. Engines that are not installed are passed over.

Example: python benchmarks/ocr.py --json runs/ocr.json
"""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from adagym.envs.tasks.gui.pages import Page, read_pages
from adagym.envs.tasks.gui.source import EMBEDDED
from adagym.errors import MissingExtra
from adagym.evals.figures import publish
from adagym.pictures import read_picture
from adagym.tools.ocr import read_text


@dataclass(frozen=True)
class Options:
    """Measure OCR engines."""

    engines: tuple[str, ...] = ("rapidocr", "easyocr", "tesseract")
    """As ``ADAGYM_OCR`` takes them."""
    pages: int = 20
    """Screens to read, drawn at random; 0 reads all."""
    folder: Path = EMBEDDED
    """Screens made by ``adagym build gui``. Default: those of the package."""
    seed: int = 0
    """Seeds the draw."""
    json: Path | None = None
    """Write the figures to this file."""


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters, without punctuation."""
    return [word for part in text.split() if (word := re.sub(r"[\W_]", "", part.casefold()))]


def measure(engine: str, pages: list[Page], folder: Path) -> dict[str, float]:
    """Read all pages with one engine."""
    read_text(np.full((64, 64, 3), 255, np.uint8), engine)  # loads it
    wanted = found = exact = 0
    seconds = []
    for page in pages:
        image = read_picture(folder / f"{page.name}.webp")
        began = time.perf_counter()
        lines = read_text(image, engine)
        seconds.append(time.perf_counter() - began)
        truth = [word for element in page.elements for word in words_of(element.text)]
        read = [word for line in lines for word in words_of(line.text)]
        joined = "".join(read)
        wanted += len(truth)
        found += sum(word in joined for word in truth)
        exact += (Counter(truth) & Counter(read)).total()
    return {
        f"{engine}_recall": found / wanted,
        f"{engine}_strict": exact / wanted,
        f"{engine}_seconds": statistics.mean(seconds),
    }


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    began = time.perf_counter()
    pages = list(read_pages(options.folder))
    if options.pages:
        drawn = np.random.default_rng(options.seed).permutation(len(pages))[: options.pages]
        pages = [pages[index] for index in drawn.tolist()]
    words = sum(len(words_of(element.text)) for page in pages for element in page.elements)
    figures: dict[str, float] = {"pages": float(len(pages)), "words": float(words)}
    for engine in options.engines:
        try:
            figures |= measure(engine, pages, options.folder)
        except MissingExtra as error:
            Console(stderr=True).print(f"{engine} is left out: {error}")
    publish(
        "OCR",
        figures,
        seed=options.seed,
        seconds=time.perf_counter() - began,
        path=options.json,
        packages=("easyocr",),
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
