"""``adagym benefit`` through the command line."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from adagym.cli import main
from adagym.cli.benefit import Benefit
from adagym.cli.train_grpo import GRPO
from adagym.cli.train_options import Environment
from adagym.envs.tasks import load_tasks
from adagym.rewards.benefit import AT_GRPO, ATGRPO, benefit_term
from adagym.types import AnswerType

VERIFICATION = "adagym/VSPVerification-v0"
TASKS = "vsp-generated:sides=3,n=6,split=train"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def benefit(out: Path, *more: str, agent: str = "random") -> int:
    return main(["benefit", VERIFICATION, "--tasks", TASKS, "--agent", agent, "--k", "2", "--out", str(out), *more])


def test_a_run_leaves_a_task_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert benefit(out) == 0
    shown = capsys.readouterr().out
    assert "Tool Benefit Score" in shown
    assert f"--tasks scored:{out} --reward at_grpo" in shown
    assert {path.name for path in out.iterdir()} == {"config.json", "rollouts.jsonl", "benefit.jsonl", "summary.json"}
    config = json.loads((out / "config.json").read_text())
    assert (config["env"], config["family"], config["tasks"]) == (VERIFICATION, "vsp_verification", TASKS)
    assert (config["n"], config["k"], config["agent"], config["env_kwargs"]["prompt"]) == (6, 2, "random", "full")
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["tasks"], summary["scored"], summary["episodes"], summary["missing"]) == (6, 6, 24, 0)
    assert summary["helpful"] + summary["neutral"] + summary["unhelpful"] == pytest.approx(1)
    assert summary["config"] == config
    assert "adagym" in summary["versions"]
    tasks = load_tasks(f"scored:{out}", "vsp_verification")
    assert [task.tool_benefit for task in tasks] == [
        json.loads(line)["benefit"] for line in (out / "benefit.jsonl").read_text().splitlines()
    ]


def test_a_stopped_run_goes_on_only_as_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert benefit(out) == 0
    scores, log = (out / "benefit.jsonl").read_bytes(), (out / "rollouts.jsonl").read_bytes()
    (out / "benefit.jsonl").unlink()
    (out / "rollouts.jsonl").write_bytes(log[: len(log) // 2])
    assert benefit(out) == 2
    assert "--resume" in capsys.readouterr().err
    assert benefit(out, "--resume", "--max-turns", "3") == 2
    assert "holds another run" in capsys.readouterr().err
    assert benefit(out, "--resume") == 0
    assert (out / "benefit.jsonl").read_bytes() == scores
    assert sorted((out / "rollouts.jsonl").read_bytes().splitlines()) == sorted(log.splitlines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--n", "7"), "has 6 tasks, and n is 7"),
        (("--k", "0"), "k must be at least 1"),
        (("--seed", "-1"), "the seed at least 0"),
        (("--max-turns", "0"), "max_turns must be an integer of at least 1"),
        (("--dialect", "latin"), "There is no dialect `latin`"),
        (("--agent", "nobody"), "There is no agent `nobody`"),
    ],
)
def test_wrong_options_leave_nothing_behind(
    tmp_path: Path, options: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benefit(tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_an_agent_that_needs_tools_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benefit(tmp_path / "run", agent="expert") == 2
    assert "offers no tools" in capsys.readouterr().err


def test_the_page_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "at-grpo.md").read_text("utf-8")
    options = {
        f"--{item.name.replace('_', '-')}" for command in (Benefit, GRPO, Environment) for item in fields(command)
    }
    assert set(re.findall(r"--[a-z][a-z-]*", page)) <= options
    presets = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", page.split("## The reward")[1], re.MULTILINE))
    for item in fields(ATGRPO):
        assert str(getattr(AT_GRPO, item.name)).lower().removesuffix(".0") == presets[item.name]
    (terms,) = re.findall(r"^\| `R_t` \| (.*) \|$", page, re.MULTILINE)
    assert terms.split(" | ") == [f"{benefit_term(1, n):.4f}".replace("1.0000", "1") for n in range(9)]
    kinds = re.findall(
        r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", page.split("## Answer rewards")[1], re.MULTILINE))
    )
    assert set(kinds) == set(get_args(AnswerType))
