"""Integrations whose libraries live in virtual environments of their own; .ci plays them there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from adagym.algos.cluster import Cluster, RayCollector
from adagym.cli import main
from adagym.errors import MissingExtra

RUN = ["eval", "adagym/VSPNavigation-v0", "--agent", "random", "--tasks", "vsp-generated:sides=3,n=1"]


@pytest.mark.parametrize("name", ["openenv", "verifiers"])
def test_without_the_library_the_pip_line_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"adagym.integrations.{name}", raising=False)
    with pytest.raises(MissingExtra, match=rf"pip install 'adagym\[{name}\]'"):
        importlib.import_module(f"adagym.integrations.{name}")


def test_without_ray_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[ray\]'"):
        RayCollector(lambda: None, lambda: None, Cluster("local"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ray-workers", "2"], "belong to --ray"),
        (["--ray", "auto", "--ray-workers", "0"], "at least 1 worker"),
        (["--ray", "ray://h:10001"], "ray job submit"),
    ],
)
def test_options_of_ray_are_checked_first(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, *words, "--out", str(tmp_path / "run")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_a_suite_is_played_on_one_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "eval",
        "--suite",
        "adagym-procedural",
        "--agent",
        "random",
        "--ray",
        "auto",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(words) == 2
    assert "one by one with --ray" in " ".join(capsys.readouterr().err.split())
