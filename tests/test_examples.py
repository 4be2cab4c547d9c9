"""Every example runs as it stands, stays short, and prints what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
PROMISES = {
    "01_step_env.py": ["AStar:", "terminated=True reward=8.0"],
    "02_collect_groups.py": ["task-0  reward", "task-2  reward", "of 3 groups"],
    "04_tree_rollouts.py": ["played one by one they take", "mean reward"],
    "03_custom_tool.py": ['"offset": [0, 0]', "(192, 192, 3)", "There is no corner `middle`."],
    "sb3_ppo.py": ["before: 0.0% of 5 unseen maps", "after 1024 steps: "],
}
ARGUMENTS = {"sb3_ppo.py": ["--steps", "1024", "--maps", "5"]}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    path = FOLDER / name
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *ARGUMENTS.get(name, [])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout
    assert list(tmp_path.iterdir()) == []
