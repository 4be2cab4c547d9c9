"""``--ray`` of the commands that play; what it does is tested where Ray is installed, by .ci/ray."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adagym.cli import main

NAVIGATION = "adagym/VSPNavigation-v0"
COMMANDS = {
    "eval": ["eval", NAVIGATION, "--agent", "random"],
    "benefit": ["benefit", NAVIGATION, "--agent", "random"],
    "curate": ["curate", NAVIGATION, "--n", "2"],
    "train grpo": ["train", "grpo", NAVIGATION, "--tasks", "vsp-generated:sides=3,n=4"],
}
MISTAKES = {
    "no address": (["--ray-workers", "2"], "--ray-workers and --ray-gpus belong to --ray ADDRESS."),
    "no workers": (["--ray", "local", "--ray-workers", "0"], "Ray needs at least 1 worker"),
    "the client's address": (["--ray", "ray://127.0.0.1:10001"], "is the address of Ray's client"),
    "no Ray": (["--ray", "local"], "adagym[ray]"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_said_before_anything_is_written(
    name: str, mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    options, message = MISTAKES[mistake]
    out = tmp_path / "out"
    assert main([*COMMANDS[name], *options, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not list(out.glob("*.json*"))
