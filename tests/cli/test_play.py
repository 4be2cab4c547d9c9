from __future__ import annotations

import io
from pathlib import Path

import pytest

from adagym.cli import main
from adagym.store import read_trajectories

PLAY = ["play", "adagym/VSPNavigation-v0", "--tasks", "vsp-generated:sides=4,n=3,seed=1", "--task", "2"]


def type_lines(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_an_episode_is_played_and_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "mine" / "episodes.jsonl"
    type_lines(monkeypatch, "Point", "img_1", "Ice Holes", "R,R,D", "")
    assert main([*PLAY, "--out", str(saved)]) == 0
    shown = capsys.readouterr().out
    assert "img_1, 256x256 pixels" in shown
    assert "The episode is over: answered" in shown
    (trajectory,) = read_trajectories(saved)
    assert [result.tool for result in trajectory.calls] == ["Point"]
    assert trajectory.answer == "R,R,D"
    assert main(["replay", str(saved.parent)]) == 0
    assert "1 identical" in capsys.readouterr().out


def test_quitting_is_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    type_lines(monkeypatch, ":quit")
    assert main(PLAY) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["play", "adagym/VSPNavigaton-v0"], "Did you mean `adagym/VSPNavigation-v0`?"),
        ([*PLAY[:-1], "99"], "index from 0 to 2"),
        ([*PLAY[:-1], "no/such/task"], "no/such/task"),
        ([*PLAY, "--dialect", "latin"], "There is no dialect `latin`"),
    ],
    ids=str,
)
def test_what_cannot_be_played_gives_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
