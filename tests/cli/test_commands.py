from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adagym import __version__
from adagym.cli import COMMANDS, main
from adagym.cli.list import REGISTRIES, List, registry_of
from adagym.errors import InfraError, UsageError


@pytest.mark.parametrize("name", COMMANDS.names())
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    output = capsys.readouterr()
    assert f"usage: adagym {name}" in output.out
    assert f"Example: adagym {name}" in " ".join(output.out.split())
    assert output.err == ""


def test_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(entry.name in shown and entry.summary in shown for entry in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "There is no command `lst`. Did you mean `list`?"),
        (["--verbose"], "There is no option `--verbose` before the command."),
        (["train", "ppo"], "There is no command `train ppo`."),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"adagym: {message}")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["train"], ["list", "--colour", "red"], ["list", "gadgets"]])
def test_incomplete_or_wrong_options_give_exit_code_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_a_usage_error_of_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(self: List) -> int:
        raise UsageError("first line\n  second [red]line[/red]")

    monkeypatch.setattr(List, "run", run)
    assert main(["list"]) == 2
    assert capsys.readouterr().err == "adagym: first line second [red]line[/red]\n"


def test_broken_infrastructure_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(self: List) -> int:
        raise InfraError("nobody there")

    monkeypatch.setattr(List, "run", run)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "adagym: nobody there\n"


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: List) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(List, "run", run)
    with pytest.raises(ZeroDivisionError):
        main(["list"])


def test_an_interrupt_gives_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: List) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(List, "run", run)
    assert main(["list"]) == 130


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"adagym {__version__}\n"


@pytest.mark.parametrize("kind", REGISTRIES)
def test_list_shows_every_name_of_a_kind(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["list", kind]) == 0
    shown = capsys.readouterr().out
    registry = registry_of(kind)
    assert registry.names()
    assert all(entry.name in shown and entry.summary in shown for entry in registry)


def test_the_console_script_is_installed(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "adagym"
    done = subprocess.run([script, "lst"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("adagym: There is no command `lst`.")
