"""``adagym eval`` with protocols, repeats, budgets and prices, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adagym.cli import main

RUN = ["eval", "adagym/VSPNavigation-v0", "--agent", "random", "--tasks", "vsp-generated:sides=3,seed=1,n=3"]


def read(out: Path, name: str = "config.json") -> dict[str, object]:
    value: dict[str, object] = json.loads((out / name).read_text())
    return value


def test_without_a_protocol_the_defaults_hold(tmp_path: Path) -> None:
    assert main([*RUN, "--n", "1", "--out", str(tmp_path)]) == 0
    config = read(tmp_path)
    assert config["protocol"] is None
    assert config["env_kwargs"] == {
        "adaptive": None,
        "dialect": "adareasoner",
        "prompt": "full",
        "max_turns": 10,
        "reward": "tool_grpo",
    }


def test_a_protocol_is_recorded_with_what_was_changed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main([*RUN, "--n", "1", "--protocol", "adatooler-v", "--max-turns", "3", "--out", str(out)]) == 0
    config = read(out)
    assert config["protocol"] == "adatooler-v+max_turns=3"
    assert config["env_kwargs"] == {
        "adaptive": None,
        "dialect": "adatooler",
        "prompt": "full",
        "max_turns": 3,
        "reward": "accuracy",
        "tools": ["crop_image", "PathTracer"],
    }
    assert read(out, "summary.json")["hashes"] == config["hashes"]
    assert config["versions"]


def test_repeats_are_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main([*RUN, "--repeats", "3", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "avg@3" in shown
    assert all(f"pass@{size}" in shown for size in (1, 2, 3))


def test_a_run_that_is_stopped_says_so_and_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = [*RUN, "--n-envs", "1", "--out", str(tmp_path)]
    assert main([*run, "--max-minutes", "0.0000001"]) == 0
    said = capsys.readouterr().out
    assert "Stopped by --max-minutes after 0 of 3 episodes; --resume goes on." in said
    assert read(tmp_path, "summary.json")["stopped_by"] == "max_minutes"
    assert main([*run, "--resume"]) == 0
    summary = read(tmp_path, "summary.json")
    assert (summary["n"], summary["stopped_by"]) == (3, None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--max-cost", "1"], "--max-cost needs --price-in and --price-out"),
        (["--price-in", "1"], "Give both --price-in and --price-out"),
        (["--max-tokens", "0"], "it must be above 0"),
        (["--repeats", "0"], "Repeats are at least 1"),
        (["--retries", "-1"], "retries at least 0"),
        (["--protocol", "adatooler"], "Did you mean `adatooler-v`"),
        (["--data", "x"], "--data is for --suite"),
        (["--judge", "gpt"], "openai:MODEL@URL"),
    ],
)
def test_what_cannot_be_used_leaves_nothing_behind(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--out", str(tmp_path / "run"), *more]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_an_environment_or_a_suite_must_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--agent", "random", "--out", str(tmp_path / "run")]) == 2
    assert "or a suite with --suite" in " ".join(capsys.readouterr().err.split())
