"""Lines in, lines out."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from adagym.agents import AGENTS
from adagym.play.company import Companion, Hints
from adagym.play.plain import PlainGame
from adagym.play.session import Session
from adagym.store import read_trajectories
from adagym.types import Trajectory


def play(session: Session, *lines: str, company: bool = True) -> tuple[Trajectory, str]:
    """Types the lines, then ends the input."""
    waiting, output = list(lines), io.StringIO()

    def type_line(prompt: str) -> str:
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    expert = AGENTS.load("expert").from_spec(None)
    rival = Companion(expert, session.factory, session.nodes[0].trajectory) if company else None
    game = PlainGame(
        session,
        Console(file=output, width=100),
        type_line,
        draw=None,
        hints=Hints(expert) if company else None,
        rival=rival,
    )
    return game.play(), output.getvalue()


def test_hints_scores_branches_and_the_other_player(new_session: Callable[[], Session]) -> None:
    trajectory, output = play(
        new_session(), ":hint", "Point", "img_1", "Elf", ":score", "No", ":undo", ":turns", ":go 2", ":undo", "Yes", ""
    )
    assert trajectory.answer == "Yes"
    assert "Call Point: image img_1, description Elf" in output
    assert "reward 0 (format 0, tool 4, accuracy 0)" in output
    assert "expert: turn 1" in output
    assert "2 after 1: answer 'No'" in output
    assert "1 after 0: Point: ok (here)" in output
    assert "expert: answered at turn" in output


def test_pictures_may_be_told_only(new_session: Callable[[], Session]) -> None:
    _, output = play(new_session(), ":quit")
    assert "img_1, 192x192 pixels" in output
    assert "▀" not in output


def test_what_cannot_be_done_is_said(new_session: Callable[[], Session]) -> None:
    _, output = play(
        new_session(), ":redo", ":go 7", ":go", ":hint", ":save", "Yes", "what?", ":nothing", company=False
    )
    assert "There is no later turn." in output
    assert output.count(":go takes a turn from 0 to 0") == 2
    assert "Nobody gives hints here." in output
    assert "Write :save FILE" in output
    assert "The episode is over; :undo" in output
    assert "There is no command :nothing" in output


def test_saving_and_stepping_through_what_was_saved(new_session: Callable[[], Session], tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    trajectory, output = play(new_session(), "Point", "img_1", "Elf", "Yes", f":save {file}", "")
    assert f"Appended to {file}" in output
    (saved,) = read_trajectories(file)
    session = Session.recorded(saved, new_session().factory)
    shown, output = play(session, ":redo", ":redo", "", company=False)
    assert shown.actions == trajectory.actions
    assert output.count("tool_response_from") == 1
    assert "The episode is over: answered" in output
