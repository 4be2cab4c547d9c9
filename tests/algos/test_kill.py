"""SIGKILL during training: nothing is lost and nothing is doubled. ``benchmarks/kill_resume.py`` does more of it."""

from __future__ import annotations

import importlib.util
import multiprocessing
import runpy
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType

import pytest

from adagym.policies.tiny import new_tiny

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_resume.py"

RUNNER = """
import sys
from adagym.cli import main
from adagym.rewards import PRESETS, Score

def short_is_good(task, trajectory):
    return Score(-float(sum(map(len, trajectory.actions))), {})

PRESETS.register("short", "__main__:short_is_good", summary="shorter is better")
small = "--tasks vsp-generated:sides=3,split=train,n=6 --threads 1 --reward short --prompts 2 --group-size 3"
turns = "--max-new-tokens 6 --max-turns 1 --max-tokens 2048 --slots 4"
run = "--steps 4 --save-every 2 --eval-every 2 --eval-n 2 --resume"
options = f"{small} {turns} {run}".split()
sys.exit(main(["train", "grpo", "adagym/VSPNavigation-v0", "--model", MODEL, "--out", OUT, *options]))
"""

HEAVY = ["adagym.algos.learner", "adagym.cli.train_grpo", "matplotlib.figure", "torch.utils.tensorboard"]
"""Imported once; every attempt is forked from there."""


class Run:
    """A process with the face of ``subprocess.Popen``."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.kill = process.kill
        process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark, imported from its file."""
    spec = importlib.util.spec_from_file_location("kill_resume", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kill_resume", module)
    spec.loader.exec_module(module)
    return module


def test_killed_runs_end_as_the_one_left_alone(script: ModuleType, tmp_path: Path) -> None:
    new_tiny(["Plan a shortest safe path. <think></think><tool_call>"] * 3, seed=0, width=32, layers=1).save(
        tmp_path / "small"
    )
    runner = tmp_path / "runner.py"
    runner.write_text(RUNNER)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)

    def start(out: Path) -> Run:
        settings = {"MODEL": f"tiny:{tmp_path / 'small'}", "OUT": str(out)}
        return Run(context.Process(target=runpy.run_path, args=(str(runner), settings, "__main__")))

    figures = script.compare(start, tmp_path, kills=3, seed=0)
    assert figures["kills"] == 3
    assert {name: value for name, value in figures.items() if name.startswith("equal_")} == {
        "equal_metrics": 1,
        "equal_tensorboard": 1,
        "equal_weights": 1,
        "equal_optimiser": 1,
    }
    steps = [line["step"] for line in script.read_metrics(tmp_path / "killed-0" / "metrics.jsonl")]
    assert steps == [0, 1, 2, 3, 4]
    assert any("loss" in line for line in script.read_metrics(tmp_path / "whole" / "metrics.jsonl"))
