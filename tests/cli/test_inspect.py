from __future__ import annotations

from pathlib import Path

import pytest

from adagym.cli import main
from adagym.pictures import read_picture

SMALL = ["inspect", "adagym/VSPNavigation-v0", "--tasks", "vsp-generated:sides=3,n=3"]


def test_a_task_with_its_pictures_answer_and_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--task", "1", "--images", str(tmp_path / "pictures")]) == 0
    shown = capsys.readouterr().out
    assert "task vsp-generated/test/s3/1" in shown
    assert "img_1, 192x192 pixels" in shown
    assert "answer type: plan" in shown
    assert "3 tasks in this source" in shown
    assert "AStar: Find a shortest path" in shown
    assert "system prompt" not in shown
    assert read_picture(tmp_path / "pictures" / "img_1.png").shape == (192, 192, 3)


def test_the_system_prompt_in_a_dialect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--prompt", "--dialect", "adatooler"]) == 0
    assert '"arguments"' in capsys.readouterr().out.split("system prompt")[1]


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--task", "7"]) == 2
    assert "from 0 to 2" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([*SMALL, "--images", str(tmp_path / "file")]) == 2
    assert "Give another folder." in capsys.readouterr().err
