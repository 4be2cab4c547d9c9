"""``adagym build short``: prompts measured in a model's tokens, and the task source of those that are short enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adagym.cli import main
from adagym.envs.image_qa import ImageQA
from adagym.envs.tasks import load_tasks
from adagym.errors import DataError, UsageError
from adagym.policies.tiny import load_tiny

ENV = "adagym/ImageQA-v0"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five questions of two data sets, about one to four pictures of 16 tokens each; one picture is missing."""
    monkeypatch.setenv("COLUMNS", "150")
    Image.new("RGB", (256, 256), "red").save(tmp_path / "1.png")
    counts = (1, 4, 2, 1, 3)
    rows: list[dict[str, Any]] = [
        {
            **{"problem": "How many?", "problem_type": "numerical", "data_type": "image", "solution": "3"},
            **{"path": ["1.png"] * count, "data_source": "AB"[number % 2]},
        }
        for number, count in enumerate(counts)
    ]
    rows[3]["path"] = ["none.png"]
    (tmp_path / "rl.json").write_text(json.dumps(rows))
    return tmp_path / "rl.json"


def short(file: Path, *more: str) -> int:
    out = file.parent / "short"
    return main(["build", "short", ENV, "--tasks", f"adatooler:{file}", "--out", str(out), "--prompt", "brief", *more])


def lengths(file: Path) -> list[int | None]:
    lines = [json.loads(line) for line in (file.parent / "short" / "lengths.jsonl").read_text().splitlines()]
    return [line["tokens"] for line in sorted(lines, key=lambda line: line["index"])]


def test_what_is_kept_of_each_data_source(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = ImageQA(f"adatooler:{file}", prompt="brief")
    env.reset(options={"task": 0})
    encoder = load_tiny().encoder
    one = len(encoder.prompt(env.messages).ids)
    env.reset(options={"task": 2})
    limit = len(encoder.prompt(env.messages).ids)
    assert short(file, "--max-tokens", str(limit)) == 0
    measured = lengths(file)
    assert measured[0] == one
    assert measured[2] == limit
    assert measured[3] is None
    assert measured[1] > measured[4] > limit > one + 16
    shown = capsys.readouterr().out
    assert f"2 of 5 prompts have at most {limit} tokens" in shown
    assert "none.png" in shown
    assert f"--tasks short:{file.parent / 'short'},max_tokens={limit}" in shown
    groups = json.loads((file.parent / "short" / "summary.json").read_text())["groups"]
    assert groups == {
        "adatooler/A": {"tasks": 3, "kept": 2, "too_long": 1, "unreadable": 0, "longest": measured[4]},
        "adatooler/B": {"tasks": 2, "kept": 0, "too_long": 1, "unreadable": 1, "longest": measured[1]},
    }
    tasks = load_tasks(f"short:{file.parent / 'short'},max_tokens={limit}", "image_qa")
    assert [task.id[-1] for task in tasks] == ["0", "2"]
    assert len(load_tasks(f"short:{file.parent / 'short'}", "image_qa")) == 4  # up to 8192, and one is missing


def test_a_stopped_run_goes_on(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert short(file) == 0
    path = file.parent / "short" / "lengths.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:9])
    assert short(file) == 2
    assert "resume it with --resume" in capsys.readouterr().err
    assert short(file, "--resume") == 0
    assert path.read_bytes() == whole
    assert short(file, "--resume", "--dialect", "hermes") == 2
    assert "dialect was 'adareasoner', now 'hermes'" in capsys.readouterr().err


def test_what_cannot_be_measured(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in (
        (("--max-tokens", "0"), "it must be at least 1"),
        (("--n", "9"), "has 5 tasks, and n is 9"),
        (("--frames", "8"), "shows no videos; leave out --frames"),
        (("--tokenizer", str(file.parent)), "is not the folder of an image-text model"),
    ):
        assert short(file, *options) == 2
        assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (file.parent / "short").exists()


def test_folders_of_no_use(file: Path) -> None:
    assert short(file, "--n", "2") == 0
    folder = file.parent / "short"
    with pytest.raises(UsageError, match=r"No task in .* has at most 9 tokens; the shortest has \d+"):
        load_tasks(f"short:{folder},max_tokens=9", "image_qa")
    with pytest.raises(UsageError, match="is a number of tokens, at least 1, not 'x'"):
        load_tasks(f"short:{folder},max_tokens=x", "image_qa")
    with pytest.raises(DataError, match="holds lengths of image_qa, and the environment plays video_qa"):
        load_tasks(f"short:{folder}", "video_qa")
    (folder / "lengths.jsonl").write_text('{"id": "x", "index": 0, "tokens": "9"}\n')
    with pytest.raises(DataError, match="needs an id, an index and a number of tokens or null"):
        load_tasks(f"short:{folder}", "image_qa")
