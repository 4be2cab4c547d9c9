"""Imports point one way, and only through the ``adagym`` namespace."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

RANKS = {
    "core": 0,
    "tools": 1,
    "rewards": 1,
    "envs": 2,
    "policies": 3,
    "agents": 4,
    "algos": 5,
    "evals": 6,
    "integrations": 6,
    "play": 6,
    "cli": 7,
    "examples": 7,
    "benchmarks": 7,
}
"""A folder may import its own files and every folder of a lower rank."""

LINKED = ("tools", "rewards", "envs", "policies", "agents", "algos", "evals", "integrations")

LAZY = (Path("adagym/testing/checks.py"), Path("adagym/testing/parity.py"))
"""The kits for tests belong to the core and import what they check inside their functions."""

EXCEPTIONS = {(Path("adagym/__init__.py"), "adagym.envs")}
"""``import adagym`` registers the environment ids with Gymnasium."""


def sources() -> list[Path]:
    roots = [ROOT / "adagym", *(ROOT / name for name in (*LINKED, "examples", "benchmarks"))]
    return sorted(
        path.relative_to(ROOT)
        for root in roots
        for path in root.rglob("*.py")
        # rglob may follow the links inside adagym/; every file counts once, under its own folder.
        if not (path.relative_to(ROOT).parts[0] == "adagym" and path.relative_to(ROOT).parts[1] in LINKED)
    )


def layer_of_file(path: Path) -> str:
    if path.parts[0] != "adagym":
        return path.parts[0]
    return path.parts[1] if path.parts[1] in ("cli", "play") else "core"


def layer_of_module(module: str) -> str | None:
    """The layer of ``adagym.x.y``, or None for a module that is not adagym's."""
    parts = module.split(".")
    if parts[0] != "adagym":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in RANKS else "core"


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            assert node.module is not None
            yield node.lineno, node.module
            if node.module == "adagym":
                yield from ((node.lineno, f"adagym.{alias.name}") for alias in node.names)


def test_the_picture_in_the_readme_is_that_of_the_imports() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = text.split("## The tree")[1].split("```text\n")[1].split("```")[0]
    lines = [line.strip() for line in picture.splitlines() if line.strip() not in ("", "|")]
    own = {"adagym (the core)": "core"}
    rows = [{own.get(name, name.removeprefix("adagym/")) for name in re.split(r"  +", line)} for line in lines[::-1]]
    assert rows == [{name for name in RANKS if RANKS[name] == rank} for rank in sorted(set(RANKS.values()))]
    imports = {
        (layer_of_file(path), layer_of_module(module))
        for path in sources()
        for _, module in imported_modules(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    }
    for upper, lower in zip(rows[1:], rows[:-1], strict=True):
        assert any((one, other) in imports for one in upper for other in lower), f"{upper} import nothing of {lower}"


def test_the_scan_sees_every_layer_that_has_files() -> None:
    found = {layer_of_file(path) for path in sources()}
    assert {"core", "cli", *LINKED, "benchmarks"} <= found <= set(RANKS)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_point_to_lower_layers(path: Path) -> None:
    own = layer_of_file(path)
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    if path in LAZY:
        tree = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    for line, module in imported_modules(tree):
        assert module.split(".")[0] not in LINKED, f"{path}:{line} imports `{module}`; write `adagym.{module}`"
        other = layer_of_module(module)
        if other is not None and other != own and (path, module) not in EXCEPTIONS:
            assert RANKS[other] < RANKS[own], f"{path}:{line}: {own} may not import {other} (`{module}`)"
