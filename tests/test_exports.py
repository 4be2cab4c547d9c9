"""``__all__`` of every package is exactly what the package defines or takes from its own modules."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("tools", "rewards", "envs", "policies", "agents", "algos", "evals", "integrations")
PACKAGES = [
    "adagym.cli",
    "adagym.protocol",
    *(
        ".".join(("adagym", *path.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("__init__.py"))
    ),
]


def exported(tree: ast.Module, package: str) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{package}."):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_every_folder_is_a_package() -> None:
    assert {f"adagym.{folder}" for folder in FOLDERS} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_all_equals_the_exports(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    declared = list(getattr(module, "__all__", ()))
    assert sorted(declared) == sorted(exported(tree, package))
    for name in declared:
        assert getattr(module, name) is not None
