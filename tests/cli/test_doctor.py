from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from adagym.cli import doctor, main


def test_extras_are_those_of_the_metadata() -> None:
    extras = doctor.requirements()
    assert {"train", "dev"} <= extras.keys()
    assert {"torch", "transformers"} <= set(extras["train"])
    assert "pytest" in extras["dev"]
    assert "numpy" not in {package for packages in extras.values() for package in packages}


def test_a_missing_extra_names_the_pip_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_torch(package: str) -> str:
        if package == "torch":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(doctor, "version", without_torch)
    monkeypatch.setattr(doctor, "_embedded_model", lambda: doctor.Finding("embedded model", "missing", "no torch"))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 0  # a missing extra is not a fault
    assert "no torch; run: pip install 'adagym[train]'" in capsys.readouterr().out


def test_what_is_broken_is_reported_and_gives_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(spec: str) -> None:
        raise RuntimeError(f"cannot load {spec}")

    monkeypatch.setattr("adagym.evals.spec.make_agent", broken)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 1
    assert "RuntimeError: cannot load tiny" in capsys.readouterr().out


def test_the_embedded_model_loads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 0
    assert "loads in" in capsys.readouterr().out
