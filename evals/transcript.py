"""An episode as one self-contained HTML page: every turn, call, result and picture."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from adagym.pictures import to_png
from adagym.types import Array, ImageBlock, Message, Trajectory

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid var(--line); border-radius: 8px; margin: 1rem 0; padding: .6rem 1rem; }
article.assistant { background: var(--soft); }
h2 { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; margin: 0 0 .3rem; opacity: .7; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0; font: 13px/1.5 ui-monospace, monospace; }
img { max-width: 18rem; border-radius: 4px; display: block; margin: .4rem 0; }
table { border-collapse: collapse; } td { padding: .1rem .8rem .1rem 0; }
"""


def write_transcript(trajectory: Trajectory, path: Path) -> None:
    """Write the page.

    Args:
        trajectory: The episode.
        path: The HTML file; its folder is made if needed.
    """
    facts = {
        "task": trajectory.task.id,
        "outcome": trajectory.outcome,
        "reward": trajectory.reward,
        **{f"reward part: {name}": value for name, value in trajectory.reward_parts.items()},
    }
    cells = ((html.escape(name), html.escape(str(value))) for name, value in facts.items())
    rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in cells)
    turns = "\n".join(_article(message) for message in trajectory.messages)
    title = html.escape(f"{trajectory.env_id} · {trajectory.task.id}")
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1><table>{rows}</table>\n{turns}\n</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _article(message: Message) -> str:
    parts = [
        _picture(block.name, block.image) if isinstance(block, ImageBlock) else f"<pre>{html.escape(block.text)}</pre>"
        for block in message.content
    ]
    return f'<article class="{message.role}"><h2>{message.role}</h2>{"".join(parts)}</article>'


def _picture(name: str, image: Array) -> str:
    data = base64.b64encode(to_png(image)).decode()
    return f'<figure><img alt="{name}" src="data:image/png;base64,{data}"><figcaption>{name}</figcaption></figure>'
