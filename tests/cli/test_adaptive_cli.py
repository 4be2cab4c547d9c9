"""``--adaptive`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adagym.cli import main

NAVIGATION = "adagym/VSPNavigation-v0"


def evaluate(out: Path, *more: str) -> int:
    tasks = ("--tasks", "vsp-generated:sides=4,n=3,seed=1")
    return main(["eval", NAVIGATION, "--agent", "expert", *tasks, "--out", str(out), *more])


def test_a_disguised_run_is_scored_and_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert evaluate(run, "--adaptive", "names,fields,errors") == 0
    assert json.loads((run / "summary.json").read_text())["accuracy"] == 1.0
    first = json.loads((run / "episodes.jsonl").read_text().splitlines()[0])
    assert first["env_kwargs"]["adaptive"] == "names,fields,errors"
    assert [step["result"]["tool"] for step in first["steps"][:4]] == ["Point", "Point", "Point", "AStar"]
    assert "Point" not in first["steps"][0]["action"]
    capsys.readouterr()
    assert main(["replay", str(run)]) == 0
    assert "3 replayed, 3 identical, 0 different, 0 void." in capsys.readouterr().out


def test_an_unusable_disguise_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tmp_path / "run", "--adaptive", "nams") == 2
    assert "adaptive='nams' cannot be used" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
    sft = ["train", "sft", NAVIGATION, "--environment.adaptive", "nams", "--out", str(tmp_path / "sft")]
    assert main(sft) == 2
    assert not (tmp_path / "sft").exists()
