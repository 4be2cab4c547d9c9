from __future__ import annotations

import json

import pytest

from adagym import errors


def test_every_error_is_of_one_of_three_kinds() -> None:
    raised = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.AdagymError) and value is not errors.AdagymError
    }
    kinds = (errors.UsageError, errors.ToolError, errors.InfraError)
    assert len(raised) >= 7
    for error in raised:
        assert sum(issubclass(error, kind) for kind in kinds) == 1, error


def test_error_codes_are_the_published_ones() -> None:
    assert {code.name: int(code) for code in errors.ErrorCode} == {
        "SUCCESS": 0,
        "INVALID_PARAMETERS": 201,
        "TOOL_NOT_FOUND": 202,
        "TOOL_RUN_FAILED": 203,
        "CANNOT_LOAD_IMAGE": 204,
        "MISSING_REQUIRED_PARAMETER": 205,
    }


def test_a_tool_error_carries_its_code() -> None:
    assert errors.ToolError("no path").code is errors.ErrorCode.TOOL_RUN_FAILED
    assert errors.ToolError("bad", errors.ErrorCode.INVALID_PARAMETERS).code == 201


def test_require_returns_an_installed_module() -> None:
    assert errors.require("json", "train") is json


def test_require_names_the_pip_line() -> None:
    with pytest.raises(errors.MissingExtra, match=r"pip install 'adagym\[train\]'"):
        errors.require("surely_not_installed", "train")


def test_require_does_not_hide_a_broken_installation(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed") as caught:
        errors.require("half_installed", "train")
    assert not isinstance(caught.value, errors.MissingExtra)
