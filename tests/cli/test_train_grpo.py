"""Mixtures, evaluation, filtering and early stops of ``adagym train grpo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adagym.cli import main
from adagym.cli.progress import before_and_after

NAVIGATION, VERIFICATION = "adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"
SMALL = ("--tasks", "vsp-generated:sides=3,split=train,n=6", "--threads", "1", "--reward", "by-length")
SHORT = ("--prompts", "4", "--group-size", "2", "--max-new-tokens", "6", "--max-turns", "1", "--max-tokens", "2048")

pytestmark = pytest.mark.usefixtures("by_length")


def grpo(out: Path, model: Path, *more: str) -> int:
    fixed = ("--model", f"tiny:{model}", "--out", str(out), "--slots", "4", "--steps", "3", *SMALL, *SHORT)
    return main(["train", "grpo", *fixed, *more])


def metrics(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def write(path: Path, value: object) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_a_file_of_sources_is_a_curriculum(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [
        {"env_id": NAVIGATION, "weight": 1, "weight_end": 0, "name": "plan"},
        {"env_id": VERIFICATION, "weight": 0, "weight_end": 1, "env": {"max_turns": 2}},
    ]
    file = write(tmp_path / "sources.json", sources)
    out = tmp_path / "run"
    evaluation = ("--eval-every", "2", "--eval-n", "2", "--eval-tasks", "vsp-generated:sides=3,split=test,n=2")
    assert grpo(out, model, "--sources", file, *evaluation) == 0
    lines = metrics(out)
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    assert [line.get("plan/episodes") for line in lines] == [None, 8, 4, 0]
    assert [line.get("vsp_verification/episodes") for line in lines] == [None, 0, 4, 8]
    assert [line.get("vsp_verification/turns") for line in lines] == [None, None, 2, 2]
    assert ["eval_reward" in line for line in lines] == [True, False, True, True]
    assert "plan/eval_reward" in lines[0]
    assert "vsp_verification/eval_reward" in lines[0]
    shown = capsys.readouterr().out
    assert all(heading in shown for heading in ("plan", "vsp_verification", "evaluation"))
    config = json.loads((out / "config.json").read_text())
    assert [source["env"]["max_turns"] for source in config["sources"]] == [1, 2]
    assert {source["env"]["reward"] for source in config["sources"]} == {"by-length"}
    sources[0]["weight"] = 3  # the same file name, another mixture
    write(tmp_path / "sources.json", sources)
    assert grpo(out, model, "--sources", file, *evaluation, "--resume") == 2
    assert "holds another run (sources was" in capsys.readouterr().err


def test_a_collapse_is_told_with_exit_code_1(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    options = (NAVIGATION, "--stop-entropy-above", "0.001", "--stop-patience", "2")
    for resume in ((), ("--resume",)):  # a stopped run stays stopped
        assert grpo(out, model, *options, *resume) == 1
        shown = " ".join(capsys.readouterr().out.split())
        assert "Stopped early, after step 2 of 3: The entropy was above 0.001 in the last 2 updates" in shown
        assert (out / "model").is_dir()
        assert [line["step"] for line in metrics(out)] == [1, 2]


def test_every_option_of_the_objective_arrives(model: Path, tmp_path: Path) -> None:
    options = ("--clip-high", "0.28", "--dual-clip", "3", "--aggregate", "token-mean", "--tis-cap", "2")
    assert grpo(tmp_path / "run", model, NAVIGATION, *options, "--mask-truncated") == 0
    lines = metrics(tmp_path / "run")
    # One turn of six tokens never answers: all are truncated, and no step changes the model.
    assert [line["truncated"] for line in lines] == [1, 1, 1]
    assert all(line["overlong_masked"] == 2 * (4 - line["zero_variance_groups"]) for line in lines)
    assert not any("loss" in line for line in lines)


@pytest.mark.parametrize("options", [("--lora-rank", "2"), ("--gradient-checkpointing",), ("--dtype", "mixed")])
def test_ways_to_save_memory(options: tuple[str, ...], model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert grpo(out, model, NAVIGATION, *options) == 0
    assert any("loss" in line for line in metrics(out))
    assert (out / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "either ENV for one environment, or --sources FILE"),
        ([NAVIGATION, "--sources", "x.json"], "either ENV for one environment, or --sources FILE"),
        (["--sources", "missing.json"], "cannot be read from `missing.json`: No such file"),
        ([NAVIGATION, "--eval-every", "1", "--eval-tasks", "a", "b"], "names 2 task sources for 1 environments"),
        ([NAVIGATION, "--eval-every", "1", "--eval-n", "0"], "both must be positive"),
        ([NAVIGATION, "--eval-every", "1", "--eval-n", "9999999"], "tasks, and 9999999 are asked for"),
        ([NAVIGATION, "--stop-patience", "0"], "patience is 0"),
        ([NAVIGATION, "--stop-constant", "1"], "at least 2 steps"),
        ([NAVIGATION, "--clip-high", "-1"], "clip_high"),
        ([NAVIGATION, "--dual-clip", "0.5"], "dual_clip"),
    ],
)
def test_unusable_options_leave_nothing_behind(
    options: list[str], message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grpo(tmp_path / "run", model, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("adagym: ")
    assert message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not valid JSON"),
        ([], "must hold a list of sources"),
        ({"env_id": NAVIGATION}, "must hold a list of sources"),
        (["x"], "Source 1 of"),
        ([{"env_id": NAVIGATION}, {"weight": 1}], "Source 2 of"),
        ([{"env_id": "adagym/VSPNavigation-v1"}], f"Did you mean `{NAVIGATION}`?"),
        ([{"env_id": NAVIGATION, "wieght": 1}], "has the field `wieght`; a source knows env_id, env, weight"),
        ([{"env_id": NAVIGATION, "weight": "2"}], "has '2' as its `weight`"),
        ([{"env_id": NAVIGATION, "weight": True}], "has True as its `weight`"),
        ([{"env_id": NAVIGATION, "env": {"taks": "x"}}], "gives its environment `taks`; it takes tasks, tools"),
        ([{"env_id": NAVIGATION, "weight": -1}], "weight -1"),
        ([{"env_id": NAVIGATION}, {"env_id": NAVIGATION}], "More than one source is called `vsp_navigation`"),
    ],
)
def test_unusable_sources_leave_nothing_behind(
    content: object, message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "sources.json", content)
    assert grpo(tmp_path / "run", model, "--sources", file) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_table_shows_the_first_and_the_last_evaluation() -> None:
    history = [
        {"step": 0, "eval_accuracy": 0.25},
        *({"step": step, "reward": float(step), "calls_Point": 1.0} for step in range(1, 5)),
        {"step": 5, "reward": 9.0, "eval_accuracy": 0.75},
    ]
    table = before_and_after(history, span=2)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    assert cells == [("reward", "1.50", "6.50"), ("evaluation", "25%", "75%"), ("Point calls", "1.00", "0.50")]
