"""Short runs of the hostile actions, the fuzzer's targets and the soak; and that each would notice something."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError
from adagym.hostile import Hostile
from adagym.protocol import DIALECTS
from adagym.tools.executor import Executor

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NAVIGATION = "adagym/VSPNavigation-v0"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def test_hostile_actions_break_nothing(script: Any, tmp_path: Path) -> None:
    hostile = script("hostile")
    hostile.main(hostile.Options(actions=300, envs=NAVIGATION, json=tmp_path / "x.json"))
    figures = json.loads((tmp_path / "x.json").read_text())
    assert figures["actions"] >= 300
    assert (figures["exceptions"], figures["outside_space"], figures["infra_failures"]) == (0, 0, 0)
    assert figures["read_as_call"] > 50, "many get as far as a tool"


@pytest.mark.parametrize(("kind", "counted"), [(ValueError, "exceptions"), (InfraError, "infra_failures")])
def test_what_breaks_is_counted(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], counted: str
) -> None:
    def broken(*arguments: Any) -> None:
        raise kind("on purpose")

    monkeypatch.setattr(Executor, "run", broken)
    hostile = script("hostile")
    with pytest.raises(SystemExit):
        hostile.main(hostile.Options(actions=60, envs=NAVIGATION, json=tmp_path / "x.json"))
    assert json.loads((tmp_path / "x.json").read_text())[counted] > 0


def test_hostile_actions_are_a_function_of_the_seed_and_of_every_kind() -> None:
    env = VSPNavigation("vsp-generated:sides=3,n=1")
    env.reset(seed=0)

    def drawn(seed: int) -> list[Any]:
        hostile = Hostile(np.random.default_rng(seed))
        return [hostile.action(env.action_space) for _ in range(300)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    dialect = DIALECTS.load("adareasoner")
    parsed = [dialect.parse(action) for action in drawn(3)]
    assert sum(item.call is not None for item in parsed) > 60
    assert sum(item.answer is not None for item in parsed) > 3
    assert len({item.error_kind for item in parsed}) > 8


@pytest.mark.parametrize("name", ["parser", "tool:Crop", "tool:OCR", "tool:FrameAt"])
def test_a_target_bears_random_bytes(script: Any, name: str) -> None:
    targets = script("fuzz_targets")
    function, rng = targets.target(name), np.random.default_rng(0)
    for data in (*targets.seeds(name), *(rng.bytes(int(rng.integers(60))) for _ in range(200))):
        function(data)


def test_a_target_tells_what_breaks_a_tool(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise InfraError("on purpose")

    targets = script("fuzz_targets")
    function = targets.target("tool:Crop")
    monkeypatch.setattr(Executor, "perform", broken)
    inputs = [np.random.default_rng(n).bytes(40) for n in range(300)]
    with pytest.raises(InfraError, match="on purpose"):
        list(map(function, inputs))


def test_a_soak_loses_and_doubles_no_episode(script: Any, tmp_path: Path) -> None:
    soak = script("soak")
    soak.main(soak.Options(concurrent=20, episodes=101, num_workers=2, json=tmp_path / "x.json"))
    figures = json.loads((tmp_path / "x.json").read_text())
    assert (figures["episodes"], figures["lost"], figures["duplicated"], figures["differing"]) == (101, 0, 0, 0)
    assert figures["threads_left"] == 0


def test_a_soak_with_broken_tools_fails(script: Any) -> None:
    soak = script("soak")
    with pytest.raises(SystemExit):
        soak.main(soak.Options(concurrent=10, episodes=20, num_workers=2, tools="faulty:drop=1"))
