"""``adagym eval --frames``: how many frames of a video are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adagym.cli import main
from adagym.store import read_trajectories

TASKS = "video:side=640,seconds=13,events=5,n=1"


def test_so_many_frames_are_shown(tmp_path: Path) -> None:
    run = ["eval", "adagym/VideoQA-v0", "--agent", "random", "--tasks", TASKS, "--tools", "none"]
    assert main([*run, "--frames", "most=3,pixels=1000", "--out", str(tmp_path)]) == 0
    (played,) = read_trajectories(tmp_path / "episodes.jsonl")
    assert [image.shape for image in played.messages[1].images] == [(23, 42, 3)] * 3
    assert json.loads((tmp_path / "config.json").read_text())["env_kwargs"]["frames"] == "most=3,pixels=1000"


def test_only_videos_have_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["eval", "adagym/VSPNavigation-v0", "--agent", "random", "--frames", "3", "--out", str(tmp_path)]
    assert main(run) == 2
    assert "`--frames` is for videos" in " ".join(capsys.readouterr().err.split())
