"""What the README shows works as shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from adagym.agents import AGENTS
from adagym.evals.spec import make_agent
from adagym.registry import Registry
from adagym.rewards import REWARDS
from adagym.testing import check_agent, check_reward, check_tool
from adagym.tools import TOOLS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def add(monkeypatch: pytest.MonkeyPatch, folder: str, registry: Registry[object]) -> None:
    """Do what the block for a folder says: write its file, and add its line to the registry."""
    (block,) = (block for block in BLOCKS if block.startswith(f"# {folder}/"))
    source, line = block.split(f"# {folder}/__init__.py\n")
    name = re.match(rf"# {folder}/(\w+)\.py", source)
    assert name is not None
    module = ModuleType(f"adagym.{folder}.{name[1]}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, module.__name__, "exec", dont_inherit=True), module.__dict__)
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry_name = line.partition(".")[0]
    exec(line, {registry_name: registry})


def test_the_episode_runs_as_commented(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (block for block in BLOCKS if "env.step" in block)
    names: dict[str, object] = {}
    exec(block, names)
    points, outcome = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\[(\[\d+, \d+\](, )?)*\]", points)
    assert outcome.startswith("True ")
    assert "'format': 1.0" in outcome
    assert "'tool'" in outcome


def test_adding_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "tools", TOOLS)
    check_tool("Mirror")


def test_adding_a_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "rewards", REWARDS)
    check_reward("brevity")


def test_adding_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "agents", AGENTS)
    check_agent(make_agent("hasty"))


def test_there_are_two_set_up_commands() -> None:
    setup = README.split("## Set up")[1].split("\n## ")[0]
    commands = re.findall(r"```bash\n(.*?)```", setup, re.DOTALL)
    assert commands == ['pip install -e ".[train]" && adagym demo\n', 'pip install -e ".[train,dev]" && pytest\n']


def test_the_tree_names_every_folder() -> None:
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and any(path.rglob("*.py")) and not path.name.startswith((".", "build"))
    }
    named = set(re.findall(r"`(\w+)/`", README.split("## The tree")[1].split("\n## ")[0]))
    assert folders - named == set()
