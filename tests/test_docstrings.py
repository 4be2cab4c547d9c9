"""Everything public says what it is, and whoever silences a checker says why."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = ("adagym", "tools", "rewards", "envs", "policies", "agents", "algos", "evals", "integrations")
ALL = (*PUBLIC, "benchmarks", "examples", "docs", "tests", ".ci")

SILENCED = re.compile(r"# (noqa|type: ignore|pragma: no cover|fmt: (off|skip)|ruff: noqa|mypy:)")
WITH_REASON = re.compile(
    r"# (?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\])  (?:# \S.+|\(.+\))"
)


@cache
def files(*folders: str) -> tuple[Path, ...]:
    """Every Python file once: the links in adagym/ lead to files that are found in their own folders."""
    found = {path.resolve() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return tuple(sorted(path.relative_to(ROOT) for path in found))


def public(node: ast.Module | ast.ClassDef, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """What others may use of a module or class: names, and what has a docstring."""
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child, f"{name}.{child.name}")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            if not {"override", "overload", "setter"} & {
                ast.unparse(mark).split(".")[-1] for mark in child.decorator_list
            }:
                yield f"{name}.{child.name}", child


@pytest.mark.parametrize("folder", PUBLIC)
def test_everything_public_is_documented(folder: str) -> None:
    found = [
        (path, name, node)
        for path in files(*PUBLIC)
        if path.parts[0] == folder
        for name, node in public(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    ]
    assert len(found) > 10
    assert [f"{path}{name}" for path, name, node in found if not ast.get_docstring(node)] == []


def test_no_folder_is_let_off() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert settings["ruff"]["lint"]["per-file-ignores"] == {"tests/**": ["D"], ".ci/**": ["D"]}
    assert set(settings["ruff"]["lint"]["ignore"]) == {"D105", "D107"}
    assert settings["mypy"]["strict"] is True
    loosened = {"disallow_subclassing_any", "disallow_untyped_decorators", "ignore_missing_imports", "module"}
    for override in settings["mypy"]["overrides"]:
        assert set(override) <= loosened, override
        modules = override["module"]
        own = [name for name in modules if name.startswith("adagym")]
        assert all(name.startswith("adagym.integrations.") for name in own), (
            "only what has no types of its own is let off"
        )


def test_what_is_silenced_has_a_reason_beside_it() -> None:
    bare = [
        f"{path}:{token.start[0]} {token.string}"
        for path in files(*ALL)
        for token in tokenize.generate_tokens(io.StringIO((ROOT / path).read_text(encoding="utf-8")).readline)
        if token.type == tokenize.COMMENT and SILENCED.match(token.string) and not WITH_REASON.match(token.string)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "fine"),
    [
        ("# noqa: E402  (after the check)", True),
        ("# type: ignore[arg-type]  # numpy types it otherwise", True),
        ("# noqa: E402", False),
        ("# noqa", False),
        ("# type: ignore  # all of it", False),
    ],
)
def test_reasons_are_recognised(comment: str, fine: bool) -> None:
    assert SILENCED.match(comment)
    assert bool(WITH_REASON.match(comment)) == fine
