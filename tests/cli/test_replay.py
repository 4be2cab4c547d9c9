"""``adagym replay``: with and without tools, and against another run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.cli import main
from adagym.store import Store
from adagym.tools.backends import Backend, open_backend
from adagym.tools.executor import Executor

TASKS = "vsp-generated:sides=3,n=3"
CALL = '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}'
POINT = f"<think>a</think><tool_call>{CALL}</tool_call>"
ANSWER = "<think>a</think><response>\\boxed{R,D}</response>"


def record(folder: Path, seeds: list[int], answer: str = ANSWER, **kwargs: Any) -> Path:
    env: Any = gym.make("adagym/VSPNavigation-v0", tasks=TASKS, **kwargs).unwrapped
    with Store(folder / "episodes.jsonl") as store:
        for seed in seeds:
            env.reset(seed=seed, options={"task": seed})
            for action in (POINT, answer):
                env.step(action)
            store.append(env.trajectory())
    return folder


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs a command; returns the exit code and what was printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = main(list(map(str, arguments)))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_from_the_record_no_tool_is_run(tmp_path: Path, shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(tmp_path / "a", [0, 1])
    assert shown("replay", run) == (0, "2 replayed, 2 identical, 0 different, 0 void.\n")
    monkeypatch.setattr(Executor, "run", lambda *_, **__: pytest.fail("a tool was run"))
    assert shown("replay", run, "--tools", "record") == (0, "2 replayed, 2 identical, 0 different, 0 void.\n")


@pytest.mark.parametrize("adaptive", [None, "names,fields,errors"])
def test_tools_that_ran_elsewhere_are_not_needed(
    tmp_path: Path, shown: Any, monkeypatch: pytest.MonkeyPatch, adaptive: str | None
) -> None:
    run = record(tmp_path / "a", [0, 1], tools="faulty:fail=1/inline#Point,AStar", adaptive=adaptive)
    monkeypatch.setattr(Backend, "__init__", _refuse_specs(Backend.__init__))
    assert shown("replay", run) == (0, "2 replayed, 2 identical, 0 different, 0 void.\n")


def _refuse_specs(init: Callable[[Backend, str], None]) -> Callable[[Backend, str], None]:
    def checked(self: Backend, spec: str) -> None:
        assert spec == "recorded", f"{spec} was opened because a file said so"
        init(self, spec)

    return checked


def test_a_file_starts_no_program(tmp_path: Path, shown: Any) -> None:
    mark = tmp_path / "started"
    episodes = record(tmp_path / "a", [0]) / "episodes.jsonl"
    value = json.loads(episodes.read_text())
    value["env_kwargs"]["tools"] = f"mcp+stdio:touch {mark}"
    episodes.write_text(json.dumps(value) + "\n")
    assert shown("replay", episodes)[0] == 0
    assert not mark.exists()


def test_the_tools_can_be_run_on_what_the_user_names(tmp_path: Path, shown: Any) -> None:
    run = record(tmp_path / "a", [0], tools="faulty:fail=1,seed=4#Point")
    code, text = shown("replay", run, "--tools", "inline")
    assert code == 1
    assert "turn 1, result, status" in text
    assert '"failed"' in text
    assert '"success"' in text
    assert shown("replay", run, "--tools", "faulty:fail=1,seed=4")[0] == 0
    assert shown("replay", run, "--tools", "nowhere")[0] == 2


def test_tools_that_are_not_registered_here_are_read_from_the_record(tmp_path: Path, shown: Any) -> None:
    episodes = record(tmp_path / "a", [0], tools=["Point"]) / "episodes.jsonl"
    text = episodes.read_text().replace("Point", "Pointe").replace('"tools":["Pointe"]', '"tools":"mcp+http://x:1#*"')
    episodes.write_text(text)
    assert shown("replay", episodes) == (0, "1 replayed, 1 identical, 0 different, 0 void.\n")


def test_a_record_without_the_result_that_is_asked_for_diverges(tmp_path: Path, shown: Any) -> None:
    episodes = record(tmp_path / "a", [0]) / "episodes.jsonl"
    value = json.loads(episodes.read_text())
    value["steps"][0]["result"] = None
    value["steps"][1]["action"] = value["steps"][0]["action"]
    value["steps"] = value["steps"][1:]
    episodes.write_text(json.dumps(value) + "\n")
    code, text = shown("replay", episodes, "--tools", "record")
    assert code == 1
    assert "First divergence: episode 0" in text


def test_two_runs_are_compared_by_task_and_seed(tmp_path: Path, shown: Any) -> None:
    one, other = record(tmp_path / "a", [0, 1, 2]), record(tmp_path / "b", [2, 0, 1])
    assert shown("replay", one, "--against", other)[0] == 0
    assert "3 compared, 3 identical, 0 different, 0 + 0 without" in shown("replay", one, "--against", other)[1]


def test_the_first_divergence_of_two_runs_is_named(tmp_path: Path, shown: Any) -> None:
    one = record(tmp_path / "a", [0, 1])
    other = record(tmp_path / "b", [0])
    record(other, [1], answer=ANSWER.replace("R,D", "R,R"))
    code, text = shown("replay", one, "--against", other)
    assert code == 1
    assert "First divergence: episode 1, task" in text
    assert "turn 2, action" in text
    assert "R,R" in text
    assert "2 compared, 1 identical, 1 different" in text
    code, text = shown("replay", record(tmp_path / "c", [0, 1, 2]), "--against", one)
    assert code == 1
    assert "2 compared, 2 identical, 0 different, 1 + 0 without a counterpart." in text


def test_a_file_to_compare_with_that_is_missing_is_named(tmp_path: Path, shown: Any) -> None:
    code, text = shown("replay", record(tmp_path / "a", [0]), "--against", tmp_path / "none")
    assert code == 2
    assert "none" in text


def test_the_backend_is_shared_by_its_text() -> None:
    assert open_backend("faulty:fail=1,seed=4") is open_backend("faulty:fail=1,seed=4")
