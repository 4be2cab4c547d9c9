"""``adagym report`` through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adagym.cli import main


def test_a_report_is_written_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    run, out = tmp_path / "run", tmp_path / "new" / "report.html"
    tasks = ["--tasks", "vsp-generated:sides=3,n=2"]
    assert main(["eval", "adagym/VSPNavigation-v0", "--agent", "expert", *tasks, "--out", str(run)]) == 0
    capsys.readouterr()
    assert main(["report", str(run), "--out", str(out), "--episodes", "1"]) == 0
    assert "1 run, 1 of 2 transcripts, " in capsys.readouterr().out
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tmp}/none"], "none is not a folder; give folders that `adagym eval` wrote"),
        (["{tmp}"], "is no run: it holds no config.json and episodes.jsonl"),
        ([], "There is no run to report"),
        (["{tmp}", "--size", "0"], "--size is at least 1, not 0.0"),
    ],
)
def test_what_is_no_run_is_named(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["report", *(word.format(tmp=tmp_path) for word in words), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
