"""``adagym train`` through the command line, with a model small enough to run in a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from adagym.agents.policy import TinyAgent
from adagym.cli import main
from adagym.cli.progress import TrainingTable

NAVIGATION = "adagym/VSPNavigation-v0"
SMALL = ("--tasks", "vsp-generated:sides=3,split=train,n=6", "--threads", "1")
SHORT = ("--prompts", "2", "--group-size", "3", "--max-new-tokens", "6", "--max-turns", "1", "--slots", "4")


pytestmark = pytest.mark.usefixtures("by_length")


def sft(out: Path, *more: str) -> int:
    return main(["train", "sft", NAVIGATION, "--out", str(out), "--n", "6", "--batch-size", "2", *SMALL, *more])


def grpo(out: Path, model: Path, *more: str) -> int:
    fixed = ("--reward", "by-length", "--max-tokens", "2048", "--save-every", "1")
    return main(
        ["train", "grpo", NAVIGATION, "--model", f"tiny:{model}", "--out", str(out), *SMALL, *SHORT, *fixed, *more]
    )


def metrics(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = TinyAgent(str(folder)).policy.model.state_dict()
    return state


@pytest.mark.parametrize("agent", ["expert", "apprentice"])
def test_sft_learns_and_saves_a_model_that_plays(
    agent: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ("--steps", "12", "--max-tokens", "4096", "--model", f"tiny:{model}", "--agent", agent)
    assert sft(out, *options) == 0
    shown = capsys.readouterr().out
    assert "6 of 6 demonstrations to learn from" in shown
    assert f"--agent tiny:{out / 'model'} --prompt brief" in shown
    losses = [line["loss"] for line in metrics(out)]
    assert len(losses) == 12
    assert losses[-1] < losses[0]
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "metrics.jsonl", "model"]
    config = json.loads((out / "config.json").read_text())
    assert config["agent"] == agent
    assert config["rates"]["lr"] == 1.5e-3
    assert any(not torch.equal(value, weights(model)[name]) for name, value in weights(out / "model").items())
    assert sft(out, *options) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_grpo_writes_everything_it_names(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert grpo(out, model, "--steps", "2", "--no-std") == 0
    shown = capsys.readouterr().out
    assert "first 1 steps" in shown
    assert str(out / "curves.png") in shown
    assert [line["step"] for line in metrics(out)] == [1, 2]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((out / "tensorboard").iterdir())
    assert json.loads((out / "config.json").read_text())["objective"]["std"] is False
    saved = weights(out / "model")
    assert all(torch.equal(saved[name], value) for name, value in weights(out / "checkpoint-000002").items())
    assert any(not torch.equal(saved[name], value) for name, value in weights(model).items())


def test_grpo_resumes_exactly(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grpo(tmp_path / "whole", model, "--steps", "3") == 0
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingTable, "add", stop_at_2)
        assert grpo(stopped, model, "--steps", "3") == 130
    assert "Stopped after step 2" in capsys.readouterr().out
    assert not (stopped / "model").exists()
    assert grpo(stopped, model, "--steps", "3") == 2
    assert "--resume" in capsys.readouterr().err
    assert grpo(stopped, model, "--steps", "4", "--resume") == 2
    assert "steps was 3, now 4" in capsys.readouterr().err
    assert grpo(stopped, model, "--steps", "3", "--resume") == 0
    assert metrics(stopped) == metrics(tmp_path / "whole")
    whole = weights(tmp_path / "whole" / "model")
    assert all(torch.equal(whole[name], value) for name, value in weights(stopped / "model").items())


def stop_at_2(self: TrainingTable, step: int, values: object) -> None:
    if step == 2:
        raise KeyboardInterrupt


def test_a_run_stopped_before_its_first_checkpoint_starts_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingTable, "add", stop_at_2)
        assert grpo(out, model, "--steps", "3", "--save-every", "3") == 130
    assert grpo(out, model, "--steps", "3", "--save-every", "3", "--resume") == 0
    assert [line["step"] for line in metrics(out)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n", "0"], "at least one demonstration"),
        (["--n", "7"], "has 6 tasks, and n is 7"),
        (["--steps", "0"], "must be positive"),
        (["--seed", "-1"], "must not be negative"),
        (["--model", "nowhere"], "There is no model folder `nowhere`"),
        (["--device", "warp"], "warp"),
        (["--threads", "0"], "threads"),
        (["--lr", "-1"], "Rates must not be negative"),
        (["--tasks", "vsp-generated:moon=1"], "has no option 'moon'"),
        (["--tasks", "vsp:/nowhere"], "nowhere"),
        (["--dialect", "klingon"], "klingon"),
        (["--reward", "praise"], "praise"),
        (["--prompt", "long"], "long"),
        (["--max-turns", "1"], "ended in an answer"),
        (["--max-tokens", "10"], "raise --max-tokens from 10"),
    ],
)
def test_unusable_options_of_sft_leave_nothing_behind(
    options: list[str], message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert sft(out, "--model", f"tiny:{model}", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("adagym: ")
    assert message in error
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group-size", "1"], "group_size at least 2"),
        (["--kl", "-1"], "kl at least 0"),
        (["--temperature", "0"], "temperature"),
        (["--slots", "0"], "slots"),
        (["--seed", "-1"], "must not be negative"),
        (["--model", "hf:nowhere"], "There is no model folder `nowhere`"),
        (["--tasks", "vsp:/nowhere"], "nowhere"),
        (["--max-turns", "0"], "max_turns"),
    ],
)
def test_unusable_options_of_grpo_leave_nothing_behind(
    options: list[str], message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert grpo(out, model, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("adagym: ")
    assert message in error
    assert not out.exists()


def test_an_unknown_environment_gets_a_suggestion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("sft", "grpo"):
        assert main(["train", command, "adagym/VSPNavigation-v1", "--out", str(tmp_path / "run")]) == 2
        assert f"Did you mean `{NAVIGATION}`?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_sft_learns_from_saved_episodes(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = tmp_path / "played"
    env = "adagym/VSPVerification-v0"
    tasks = ("--tasks", "vsp-generated:sides=3,n=5")
    assert main(["eval", env, "--agent", "expert", "--out", str(played), "--prompt", "brief", *tasks]) == 0
    for number, data in enumerate((played, played / "episodes.jsonl")):
        out = tmp_path / f"run-{number}"
        options = ("--model", f"tiny:{model}", "--data", str(data), "--steps", "2", "--max-tokens", "4096")
        assert sft(out, *options) == 0
        assert "5 of 5 demonstrations to learn from" in capsys.readouterr().out
        assert json.loads((out / "config.json").read_text())["data"] == str(data)
    assert metrics(tmp_path / "run-0") == metrics(tmp_path / "run-1")


def test_saved_episodes_without_an_answer_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "episodes.jsonl"
    empty.write_text("")
    assert sft(tmp_path / "run", "--data", str(empty)) == 2
    assert "holds no episode with an answer" in capsys.readouterr().err
    assert sft(tmp_path / "run", "--data", str(tmp_path / "nowhere")) == 2
    assert "nowhere cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
