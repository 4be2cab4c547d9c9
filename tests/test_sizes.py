"""Files, functions and signatures stay small enough to be read at once."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("adagym", "tools", "rewards", "envs", "policies", "agents", "algos", "evals", "integrations")
ALL = (*FOLDERS, "benchmarks", "examples", "docs", "tests", ".ci")

LINES = 400
"""Of a file, at most."""
MEDIAN = 150
BODY = 50
"""Lines of a function below its docstring, at most."""
PARAMETERS = 10


@cache
def files() -> tuple[Path, ...]:
    """Every Python file once: the links in adagym/ lead to files that are found in their own folders."""
    found = {path.resolve() for folder in ALL for path in (ROOT / folder).rglob("*.py")}
    return tuple(sorted(path.relative_to(ROOT) for path in found))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without the docstring."""
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = node.args
    named = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def test_files_are_short() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in files()}
    assert len(lengths) > 300
    assert {path: lines for path, lines in lengths.items() if lines > LINES} == {}
    assert statistics.median(lengths.values()) <= MEDIAN


@pytest.mark.parametrize("folder", FOLDERS)
def test_functions_are_short_and_take_little(folder: str) -> None:
    found = [(path, node) for path in files() if path.parts[0] == folder for node in functions(path)]
    assert found
    long = [f"{path}:{node.lineno} {node.name}: {body_lines(node)}" for path, node in found if body_lines(node) > BODY]
    assert long == [], f"more than {BODY} lines"
    wide = [
        f"{path}:{node.lineno} {node.name}: {parameters(node)}" for path, node in found if parameters(node) > PARAMETERS
    ]
    assert wide == [], f"more than {PARAMETERS} parameters"
