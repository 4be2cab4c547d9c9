"""Draws ``docs/data-flow.svg``, the one picture of how data flows.

Run it after a change: python docs/make/flow.py. A test compares the file with what this draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "data-flow.svg"

WIDTH, HEIGHT = 940, 500
_LINE = "#8a8f98"
"""Grey that is seen on white and on black, as the page behind may be either."""
_COLOURS = {"world": "#00695c", "actor": "#bf360c", "kept": "#37474f", "learner": "#4527a0"}


@dataclass(frozen=True)
class Box:
    """A box with a title and a line below it."""

    x: int
    y: int
    title: str
    note: str
    kind: str
    width: int = 190
    height: int = 64

    @property
    def svg(self) -> str:
        """The box as SVG."""
        middle = self.x + self.width // 2
        return (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8" '
            f'fill="{_COLOURS[self.kind]}"/>'
            f'<text x="{middle}" y="{self.y + 28}" class="title">{self.title}</text>'
            f'<text x="{middle}" y="{self.y + 48}" class="note">{self.note}</text>'
        )


BOXES = (
    Box(20, 70, "Task source", "prompts and pictures", "world"),
    Box(290, 70, "Environment", "one conversation each", "world"),
    Box(290, 210, "Agent", "expert, model, person, ...", "actor"),
    Box(560, 70, "Tools", "functions on pixels", "world"),
    Box(730, 210, "Where tools run", "here, workers, servers", "world"),
    Box(20, 210, "Policy", "a model that is trained", "learner"),
    Box(20, 410, "Update", "cold start, Tool-GRPO", "learner"),
    Box(290, 410, "Rewards", "of (task, trajectory)", "kept"),
    Box(560, 318, "Trajectory", "texts, pictures, calls", "kept"),
    Box(560, 426, "Store", "replay, evaluation, report", "kept"),
)


@dataclass(frozen=True)
class Arrow:
    """A line through points, with an arrowhead at the end and words at a place."""

    points: str
    words: str = ""
    x: int = 0
    y: int = 0
    anchor: str = "middle"

    @property
    def svg(self) -> str:
        """The arrow as SVG."""
        line = f'<polyline points="{self.points}" class="line" marker-end="url(#head)"/>'
        return line + (f'<text x="{self.x}" y="{self.y}" class="words" text-anchor="{self.anchor}">{self.words}</text>')


ARROWS = (
    Arrow("210,102 284,102", "task", 247, 94),
    Arrow("360,134 360,204", "observation", 352, 174, "end"),
    Arrow("410,210 410,140", "turn: one text", 418, 174, "start"),
    Arrow("480,84 554,84", "call", 517, 77),
    Arrow("560,114 486,114", "result", 521, 107),
    Arrow("750,102 825,102 825,204", "backend", 817, 174, "end"),
    Arrow("210,242 284,242", "samples", 247, 234),
    Arrow("480,126 520,126 520,342 554,342"),
    Arrow("655,382 655,420"),
    Arrow("560,364 385,364 385,404", "finished episode", 452, 357),
    Arrow("290,442 216,442", "advantages", 251, 434),
    Arrow("115,410 115,280", "weights", 123, 340, "start"),
)


def draw() -> str:
    """The picture as the text of an SVG file."""
    style = (
        "text{font-family:system-ui,sans-serif}"
        ".title{font-size:17px;font-weight:600;fill:#fff;text-anchor:middle}"
        ".note{font-size:13px;fill:#fff;text-anchor:middle}"
        f".words{{font-size:13px;fill:{_LINE}}}"
        f".line{{fill:none;stroke:{_LINE};stroke-width:2}}"
    )
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{_LINE}"/></marker>'
    )
    collector = (
        f'<rect x="6" y="30" width="{WIDTH - 12}" height="262" rx="12" fill="none" stroke="{_LINE}" '
        'stroke-dasharray="5 5"/>'
        '<text x="20" y="52" class="words">Collector: many episodes at a time, none waits for another</text>'
    )
    parts = [collector, *(arrow.svg for arrow in ARROWS), *(box.svg for box in BOXES)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="How data flows from tasks through environments, tools and agents to rewards and updates">\n'
        f"<style>{style}</style><defs>{head}</defs>\n" + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
