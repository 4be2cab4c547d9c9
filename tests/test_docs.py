"""What the pages in ``docs/`` name exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from adagym.cli.ray_options import Ray
from adagym.cli.train_grpo import GRPO, Engine, Evaluating, Objective, Sampling, Stopping
from adagym.cli.train_options import Environment, Machine, Rates
from adagym.cli.train_sft import SFT
from adagym.errors import ErrorCode
from adagym.protocol import DIALECTS, base

ROOT = Path(__file__).resolve().parents[1]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
FOLDERS = "adagym|tools|rewards|envs|policies|agents|algos|evals|integrations|benchmarks|examples|docs|tests"


@pytest.mark.parametrize("name", PAGES)
def test_files_and_links_exist(name: str) -> None:
    page = PAGES[name]
    for path in re.findall(rf"`((?:{FOLDERS})/[\w/.]*)`", page):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (ROOT / "docs" / link).exists(), link


def test_the_index_names_every_page() -> None:
    for name in PAGES.keys() - {"index.md"}:
        assert f"({name})" in PAGES["index.md"]


def test_the_protocol_page_is_complete() -> None:
    page = PAGES["protocol.md"]
    table = page.split("## Errors of reading")[1].split("\n## ")[0]
    shown = {kind for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)}
    assert base.__doc__ is not None
    (listed,) = re.findall(r"``([a-z_,\s]+)``", base.__doc__)
    assert shown == set(re.split(r",\s+", listed))
    assert all(f"| `{name}` |" in page for name in DIALECTS.names())
    assert all(f"| {code.value} |" in page for code in ErrorCode)


def test_options_named_in_the_training_page_exist() -> None:
    commands = (SFT, GRPO, Environment, Machine, Objective, Rates, Sampling, Engine, Ray, Evaluating, Stopping)
    options = {f"--{item.name.replace('_', '-')}" for command in commands for item in fields(command)}
    # The launchers' options are their own.
    page = re.sub(r"(accelerate launch|torchrun) [^`$\n]*", "", PAGES["training.md"])
    # A switch that is on by default is written with `no`.
    assert set(re.findall(r"--[a-z][a-z-]*", page)) <= options | {"--no-std"}
