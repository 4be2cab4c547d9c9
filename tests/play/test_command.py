"""``adagym play`` without a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from adagym.cli import main
from adagym.cli import play as play_module
from adagym.play.protocols import pick_mode
from adagym.store import read_trajectories

SMALL = ["play", "adagym/VSPVerification-v0", "--tasks", "vsp-generated:sides=3,n=3", "--task", "0", "--seed", "1"]


def test_lines_where_there_is_no_terminal_and_the_episode_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run" / "episodes.jsonl"
    monkeypatch.setattr(sys, "stdin", io.StringIO("Yes\n\n"))
    assert main([*SMALL, "--against", "expert", "--out", str(file), "--picture", "none"]) == 0
    shown = capsys.readouterr().out
    assert "The episode is over: answered" in shown
    assert "expert: answered at turn" in shown
    assert "▀" not in shown
    (saved,) = read_trajectories(file)
    assert saved.answer == "Yes"
    monkeypatch.setattr(sys, "stdin", io.StringIO(":redo\n\n"))
    assert main(["play", str(file.parent), "--picture", "grey"]) == 0
    shown = capsys.readouterr().out
    assert "The episode is over: answered" in shown
    assert "%%%%" in shown


def test_other_tools_are_offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(":quit\n"))
    assert main([*SMALL, "--tools", "Crop,RotateImage", "--picture", "none"]) == 0
    assert "turn 1: Crop, RotateImage, or an answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--picture", "kitty"], "--picture kitty needs the full screen"),
        (["--against", "nobody"], "There is no agent `nobody`"),
        (["--hints", "nobody"], "There is no agent `nobody`"),
        (["--tools", "Lantern"], "There is no tool `Lantern`"),
    ],
)
def test_options_that_cannot_be_used(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, *words]) == 2
    assert message in capsys.readouterr().err


def test_a_file_with_no_such_episode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", str(tmp_path / "none.jsonl")]) == 2
    assert "give a file of saved episodes" in capsys.readouterr().err
    (tmp_path / "empty.jsonl").write_text("")
    assert main(["play", str(tmp_path / "empty.jsonl")]) == 2
    assert "holds no episode" in capsys.readouterr().err


def test_without_the_extra_it_reads_lines_and_says_how_to_get_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(":quit\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(play_module, "find_spec", lambda name: None)
    assert main(SMALL) == 0
    assert "pip install 'adagym[play]'" in capsys.readouterr().out


def test_how_pictures_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert [pick_mode(choice) for choice in ("kitty", "sixel", "blocks", "none")] == [
        "kitty",
        "sixel",
        "blocks",
        "grey",
    ]
    monkeypatch.setenv("TERM", "vt100")
    assert pick_mode("auto") == "grey"
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert pick_mode("auto") == "grey"
