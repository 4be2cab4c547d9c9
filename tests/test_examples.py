"""Every example runs as it stands, stays short, and prints what it promises."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
PROMISES = {
    "01_step_env.py": ["AStar:", "terminated=True reward=8.0"],
    "02_collect_groups.py": ["task-0  reward", "task-2  reward", "of 3 groups"],
    "04_tree_rollouts.py": ["played one by one they take", "mean reward"],
    "03_custom_tool.py": ['"offset": [0, 0]', "(192, 192, 3)", "There is no corner `middle`."],
    "05_custom_reward.py": ["4 calls: reward 1.100", "by tool_grpo: 8.000"],
    "06_csv_tasks.py": ["my-csv/0: reward 8.0", "my-csv/1: reward 8.0"],
    "07_train.py": ["cold start on 16 demonstrations: loss ", "step 1: reward "],
    "08_evaluate_endpoint.py": ["accuracy 60% of 20", "1.0 calls per episode", "Point: ok -> answer 'Yes'"],
    "sb3_ppo.py": ["before: 0.0% of 5 unseen maps", "after 1024 steps: "],
}
ARGUMENTS = {
    "07_train.py": ["--demonstrations", "16", "--sft-steps", "4", "--grpo-steps", "1"],
    "sb3_ppo.py": ["--steps", "1024", "--maps", "5"],
}


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


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does: return what its last expression is."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_the_notebook_runs_and_shows_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = FOLDER.glob("*.ipynb")
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [value for cell in cells if (value := run_cell("".join(cell["source"]), names)) is not None]
    assert ["<img" in value._repr_html_() for value in shown] == [True, True, True]
    printed = capsys.readouterr().out
    assert "expert: 10 of 10 maps solved" in printed
    assert "must name an image of this conversation" in printed
