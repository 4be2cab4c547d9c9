from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adagym.envs.image_qa import ImageQA
from adagym.envs.video_qa import VideoQA
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import UnknownName, UsageError
from adagym.evals.hashes import run_hashes
from adagym.evals.protocols import PROTOCOLS, arranged, check_frames
from adagym.evals.runner import EvalConfig, evaluate
from adagym.types import Task

TASK = Task("s/1", "vsp_navigation", "Where?", answer="R")


@pytest.mark.parametrize("name", PROTOCOLS.names())
@pytest.mark.parametrize(("env", "tasks"), [(VSPNavigation, None), (ImageQA, "images:n=1"), (VideoQA, "video:n=1")])
def test_every_protocol_suits_every_kind_of_environment(name: str, env: Any, tasks: str | None) -> None:
    label, arguments = arranged(name, env, {})
    assert label == name
    made = env(tasks, **arguments)
    assert made.action_space.dialect == arguments["dialect"]
    assert len(made.action_space.tools) == len(arguments.get("tools", env.default_tools))
    made.close()


def test_what_differs_from_a_protocol_is_in_its_label() -> None:
    label, arguments = arranged("adareasoner", VSPNavigation, {"max_turns": 4, "prompt": "full", "tools": []})
    assert label == "adareasoner+max_turns=4+tools=none"
    assert arguments == {
        "dialect": "adareasoner",
        "prompt": "full",
        "max_turns": 4,
        "reward": "tool_grpo",
        "tools": [],
    }
    assert arranged("adatooler-v", VideoQA, {"frames": "8"})[0] == "adatooler-v+frames=8"
    with pytest.raises(UnknownName, match="adatooler-v"):
        arranged("adatooler", VSPNavigation, {})
    with pytest.raises(UsageError, match="is for videos"):
        check_frames(VSPNavigation)


def test_without_tools_the_only_turn_is_the_answer(tmp_path: Path) -> None:
    label, arguments = arranged("direct", VSPNavigation, {})
    config = EvalConfig(
        "adagym/VSPNavigation-v0", "random", "vsp-generated:sides=3,n=3", env_kwargs=arguments, protocol=label
    )
    summary = evaluate(config, tmp_path)
    assert (summary["turns"], summary["calls_per_sample"]) == (1.0, 0.0)
    assert summary["config"]["protocol"] == "direct"
    assert set(summary["hashes"]) == {"system_prompt", "tools", "tasks"}


def test_hashes_change_with_what_they_cover_and_with_nothing_else() -> None:
    def hashes(task: Task = TASK, **arguments: Any) -> dict[str, str]:
        return run_hashes(VSPNavigation((task,), **arguments), arguments, (task,))

    base = hashes()
    assert hashes(reward="accuracy") == base
    for changed in ({"id": "s/2"}, {"prompt": "Why?"}, {"answer": "L"}, {"choices": ("L", "R")}):
        other = hashes(replace(TASK, **changed))
        assert {name for name in base if base[name] != other[name]} == {"tasks"}
    brief, fewer = hashes(prompt="brief"), hashes(tools=["Point"])
    assert {name for name in base if base[name] != brief[name]} == {"system_prompt"}
    assert {name for name in base if base[name] != fewer[name]} == {"system_prompt", "tools"}
    assert hashes(replace(TASK, tool_names=("Point",)))["tools"] == fewer["tools"]
