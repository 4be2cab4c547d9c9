"""``adagym curate`` through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adagym.algos.curate import Curation
from adagym.cli import main
from adagym.store import dump, read_trajectories

NAVIGATION = "adagym/VSPNavigation-v0"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")


def curate(out: Path, *more: str) -> int:
    return main(["curate", NAVIGATION, "--out", str(out), *more])


def saved(out: Path) -> list[bytes]:
    return [dump(trajectory) for trajectory in read_trajectories(out / "episodes.jsonl")]


def test_a_run_writes_every_format_and_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "data"
    formats = "adagym, llamafactory,trl,verl"
    assert curate(out, "--preset", "robust-vsp", "--n", "6", "--format", formats, "--adaptive", "names") == 0
    shown = capsys.readouterr().out
    assert f"6 rows of {NAVIGATION}" in shown
    assert "tool_failure" in shown
    assert sorted(entry.name for entry in out.iterdir()) == [
        *("config.json", "episodes.jsonl", "images", "llamafactory", "rejected.jsonl", "summary.json", "trl", "verl")
    ]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["rows"] == sum(facts["made"] for facts in summary["variants"].values()) == 6
    assert summary["formats"] == ["adagym", "llamafactory", "trl", "verl"]
    assert summary["config"]["adaptive"] == "names"
    assert "adagym" in summary["versions"]
    assert len((out / "llamafactory" / "data.jsonl").read_text().splitlines()) == 6
    assert main(["replay", str(out)]) == 0
    assert "6 identical" in capsys.readouterr().out


@pytest.mark.parametrize("torn", [False, True])
def test_a_stopped_run_goes_on(
    torn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--mix", "direct=2,reflect1=1", "--n", "6", "--seed", "4", "--astar", "yes")
    assert curate(tmp_path / "whole", *arguments) == 0
    run = Curation.run

    def stopped(self: Curation, done: object = ()) -> object:
        for number, item in enumerate(run(self)):
            if number == 3:
                raise KeyboardInterrupt
            yield item

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Curation, "run", stopped)
        assert curate(out, *arguments) == 130
    assert len(saved(out)) == 3
    if torn:
        with (out / "episodes.jsonl").open("ab") as file:
            file.write(b'{"format": 1, "env')
        (out / "rejected.jsonl").write_text('{"variant": "dir')
    assert curate(out, *arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert curate(out, *arguments, "--resume") == 0
    assert saved(out) == saved(tmp_path / "whole")
    assert not (out / "episodes.jsonl.part").exists()


def test_rejections_are_listed_with_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adagym.algos.curation.length.token_counter", lambda folder: lambda messages: 1000)
    out = tmp_path / "data"
    assert curate(out, "--n", "2", "--max-tokens", "999", "--tokenizer", "anywhere") == 2
    assert "No row could be made" in capsys.readouterr().err
    lines = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    assert {line["reason"] for line in lines} == {"more than 999 tokens"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "adagym,lamafactory"), "There is no export `lamafactory`. Did you mean `llamafactory`?"),
        (("--dialect", "openai", "--format", "verl"), "which `verl` cannot train on"),
        (("--preset", "vsp"), "There is no curation `vsp`"),
        (("--mix", "direct"), "not of the form"),
        (("--max-tokens", "100"), "needs --tokenizer"),
        (("--max-tokens", "100", "--tokenizer", "no/such/folder"), "is not a folder"),
        (("--cot", "claude"), "openai:MODEL@URL"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert curate(tmp_path / "data", "--n", "3", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
