"""``adagym eval`` and ``adagym replay`` on good and on bad data, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from adagym.cli import main
from adagym.envs.tiles import MapImage

NAVIGATION = "adagym/VSPNavigation-v0"
ROWS = ("SFH", "FFF", "HFG")
LETTERS = {"S": "@", "F": "_", "H": "#", "G": "*"}


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A folder in the benchmark's layout with one map."""
    maps = tmp_path / "vsp" / "task-main" / "maps" / "level3"
    for folder in ("img", "table"):
        (maps / folder).mkdir(parents=True)
    header = "| | Col 1 | Col 2 | Col 3 |"
    lines = [f"| Row {number} | {' | '.join(LETTERS[cell] for cell in row)} |" for number, row in enumerate(ROWS, 1)]
    (maps / "table" / "0.txt").write_text("\n".join([header, *lines]) + "\n")
    Image.fromarray(MapImage(ROWS).load()).save(maps / "img" / "0.png")
    return tmp_path / "vsp"


def evaluate(source: str, out: Path, *more: str) -> int:
    return main(["eval", NAVIGATION, "--agent", "expert", "--tasks", source, "--out", str(out), *more])


def test_a_run_prints_a_table_and_replays_identically(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    run = tmp_path / "run"
    assert evaluate(f"vsp:{benchmark}", run) == 0
    shown = capsys.readouterr().out
    assert "expert on adagym/VSPNavigation-v0" in shown
    assert "1.000  [0.207, 1.000]  n=1" in shown
    assert json.loads((run / "summary.json").read_text())["accuracy"] == 1.0
    assert main(["replay", str(run)]) == 0
    assert "1 replayed, 1 identical, 0 different, 0 void." in capsys.readouterr().out
    assert main(["replay", str(run), "--show", "0"]) == 0
    transcript = capsys.readouterr().out
    assert "[img_1: 192x192]" in transcript
    assert "<tool_call>" in transcript
    assert "answered, reward 8.0" in transcript
    assert main(["replay", str(run), "--show", "1"]) == 2
    assert "holds 1 episodes" in capsys.readouterr().err


def test_tools_can_be_chosen_or_left_out(tmp_path: Path) -> None:
    source = "vsp-generated:sides=3,n=1"
    for tools, offered in (("none", []), ("AStar,Point", ["AStar", "Point"]), ("inline#Point", "inline#Point")):
        run = tmp_path / tools
        assert (
            main(["eval", NAVIGATION, "--agent", "random", "--tasks", source, "--out", str(run), "--tools", tools]) == 0
        )
        assert json.loads((run / "config.json").read_text())["env_kwargs"]["tools"] == offered


def test_replay_tells_a_changed_episode(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    run = tmp_path / "run"
    evaluate(f"vsp:{benchmark}", run)
    episodes = run / "episodes.jsonl"
    saved = json.loads(episodes.read_text())
    saved["reward"] = 7.5
    episodes.write_text(json.dumps(saved) + "\n")
    capsys.readouterr()
    assert main(["replay", str(episodes)]) == 1
    shown = capsys.readouterr().out
    assert "1 different" in shown
    assert saved["task"]["id"] in shown


def without_start(benchmark: Path) -> None:
    table = benchmark / "task-main" / "maps" / "level3" / "table" / "0.txt"
    table.write_text(table.read_text().replace("@", "_"))


def truncate_picture(benchmark: Path) -> None:
    picture = benchmark / "task-main" / "maps" / "level3" / "img" / "0.png"
    picture.write_bytes(picture.read_bytes()[:200])


def remove_picture(benchmark: Path) -> None:
    (benchmark / "task-main" / "maps" / "level3" / "img" / "0.png").unlink()


def empty_table(benchmark: Path) -> None:
    (benchmark / "task-main" / "maps" / "level3" / "table" / "0.txt").write_text("")


@pytest.mark.parametrize("spoil", [without_start, truncate_picture, remove_picture, empty_table])
def test_unusable_data_gives_one_line_and_leaves_nothing_behind(
    spoil, benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(benchmark)
    assert evaluate(f"vsp:{benchmark}", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.startswith("adagym: ")
    assert error.count("\n") == 1
    assert "0.png" in error or "0.txt" in error
    assert not (tmp_path / "run").exists()


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(f"vsp:{tmp_path / 'nowhere'}", tmp_path / "run") == 2
    assert "nowhere" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_environment_gets_a_suggestion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "adagym/VSPNavigation-v1", "--agent", "expert", "--out", str(tmp_path / "run")]) == 2
    assert "Did you mean `adagym/VSPNavigation-v0`?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_replay_of_a_missing_file_gives_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
