"""The example package is installed beside adagym, found by its entry points, and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "examples" / "plugin"
USE = """
import gymnasium as gym
import adagym
from adagym.agents import AGENTS
from adagym.envs.tasks import load_tasks
from adagym.rewards import REWARDS
from adagym.testing import check_agent, check_env, check_reward, check_task_source, check_tool

check_env("dots/Count-v0")
check_tool("CountDots")
check_agent(AGENTS.load("dot-counter")(), "dots/Count-v0")
check_task_source(load_tasks("dots:n=5", "dots"), "dots")
check_reward("nearness")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables with which a process sees the package."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    words = [*pip, "--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


def test_the_checks_of_adagym_pass(installed: dict[str, str], tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-c", USE]
    done = subprocess.run(words, env=installed, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


def test_the_command_line_knows_and_plays_it(installed: dict[str, str], tmp_path: Path) -> None:
    def adagym(*words: str) -> str:
        main = "from adagym.cli import main; raise SystemExit(main())"
        command = [sys.executable, "-c", main, *words]
        done = subprocess.run(command, env=installed, cwd=tmp_path, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = adagym("list")
    assert all(name in listed for name in ("dots/Count-v0", "CountDots", "nearness", "dot-counter"))
    adagym("eval", "dots/Count-v0", "--agent", "dot-counter", "--n", "5", "--out", "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["n"], summary["accuracy"]) == (5, 1.0)
    assert "5 replayed, 5 identical" in adagym("replay", "run")
