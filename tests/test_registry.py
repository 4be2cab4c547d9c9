from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from adagym import registry as module
from adagym.errors import DuplicateName, UnknownName
from adagym.registry import Registry


@pytest.fixture
def registry() -> Registry[object]:
    registry: Registry[object] = Registry("gadget")
    registry.register("hammer", "collections:OrderedDict", summary="hits nails", weight=2)
    registry.register("saw", "this_module_is_never_imported:Saw")
    return registry


def plug_in(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(group: str) -> tuple[EntryPoint, ...]:
        return tuple(point for point in points if point.group == group)

    monkeypatch.setattr(module, "entry_points", entry_points)


def test_names_are_sorted_and_known(registry: Registry[object]) -> None:
    assert registry.names() == ["hammer", "saw"]
    assert [entry.name for entry in registry] == ["hammer", "saw"]
    assert "saw" in registry
    assert "sow" not in registry


def test_an_entry_keeps_what_was_registered(registry: Registry[object]) -> None:
    entry = registry.entry("hammer")
    assert (entry.target, entry.summary, entry.kwargs) == ("collections:OrderedDict", "hits nails", {"weight": 2})


def test_loading_imports_on_demand(registry: Registry[object]) -> None:
    from collections import OrderedDict

    assert registry.load("hammer") is OrderedDict
    assert "this_module_is_never_imported" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        registry.load("saw")


def test_a_taken_name_is_refused_and_the_first_stays(registry: Registry[object]) -> None:
    with pytest.raises(DuplicateName, match="gadget `saw` is already registered as `this_module"):
        registry.register("saw", "other:Saw")
    assert registry.entry("saw").target == "this_module_is_never_imported:Saw"


def test_an_unknown_name_suggests_the_nearest(registry: Registry[object]) -> None:
    with pytest.raises(UnknownName, match=r"no gadget `hamer`\. Did you mean `hammer`\? Registered: hammer, saw"):
        registry.load("hamer")


def test_an_unknown_name_far_from_all_lists_them(registry: Registry[object]) -> None:
    with pytest.raises(UnknownName, match=r"no gadget `xyzzy`\. Registered: hammer, saw"):
        registry.entry("xyzzy")


def test_plugins_join_through_their_entry_points(monkeypatch: pytest.MonkeyPatch, registry: Registry[object]) -> None:
    plug_in(
        monkeypatch,
        EntryPoint("drill", "json:dumps", "adagym.gadgets"),
        EntryPoint("other", "json:loads", "adagym.widgets"),
    )
    import json

    assert registry.names() == ["drill", "hammer", "saw"]
    assert registry.load("drill") is json.dumps


def test_a_plugin_may_not_replace_a_built_in(monkeypatch: pytest.MonkeyPatch, registry: Registry[object]) -> None:
    plug_in(monkeypatch, EntryPoint("saw", "json:dumps", "adagym.gadgets"))
    with pytest.raises(DuplicateName, match="gadget `saw` of a plugin"):
        registry.names()
