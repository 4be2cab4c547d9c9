"""Draws ``docs/play.svg``, the full screen of ``adagym play`` in the middle of an episode.

Run it after a change: python docs/make/play_picture.py. A test compares the words on it with what this draws.
Needs the extra ``play``.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from adagym.agents.random import RandomAgent
from adagym.agents.scripted import ExpertAgent
from adagym.agents.seat import GymEnv
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.play.app import PlayApp
from adagym.play.company import Companion, Hints
from adagym.play.session import Session
from adagym.types import Trajectory

TARGET = Path(__file__).resolve().parents[1] / "play.svg"

SIZE = (110, 31)
"""Columns and rows of the terminal."""
SEED = 3
HINTS = 3
"""Moves of the expert that are played before the picture is taken."""


def make() -> GymEnv:
    """The environment of the game, as the command makes it."""
    return VSPNavigation("vsp-generated:sides=5", prompt="brief", max_turns=10)


def draw() -> str:
    """The picture as the text of an SVG file."""
    session = Session.start(make, seed=SEED)
    rival = Companion(RandomAgent(), session.factory, session.nodes[0].trajectory)
    app = PlayApp(session, "blocks", hints=Hints(ExpertAgent()), rival=rival)
    picture = asyncio.run(_play(app))
    session.close()
    rival.close()
    # Without the fonts, which would come from another site, and with short names.
    return re.sub(r"terminal-\d+", "t", re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


async def _play(app: PlayApp) -> str:
    async with app.run_test(size=SIZE) as pilot:
        await _press(app, pilot)
        for _ in range(HINTS):
            await _press(app, pilot, "f3", "f4")
        # The next hint stays in the form; its goal is about to be picked, a little off the middle of the picture.
        await _press(app, pilot, "f3")
        next(field for field in app.query(Input) if field.name == "goal").focus()
        await _press(app, pilot, "f2", *["left"] * 4, *["up"] * 2)
        picture = app.export_screenshot(title=app.TITLE)
        await pilot.press("f10")
    return picture


async def _press(app: PlayApp, pilot: Pilot[Trajectory], *keys: str) -> None:
    for key in (None, *keys):
        if key:
            await pilot.press(key)
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
