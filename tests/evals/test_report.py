"""What goes into a report's file; how the page behaves in a browser is in test_report_page.py."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tasks import SOURCES
from adagym.errors import DataError, UsageError
from adagym.evals.report import Limits, find_runs, write_report
from adagym.evals.report.episodes import TEXT_LIMIT, clipped, embedded
from adagym.evals.report.overview import overview, references
from adagym.evals.report.pictures import embed
from adagym.evals.report.read import labels, read_run
from adagym.evals.runner import EvalConfig, evaluate

NAVIGATION = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=3,n=6"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    evaluate(EvalConfig(NAVIGATION, "expert", TASKS), folder / "expert")
    evaluate(EvalConfig(NAVIGATION, "random", TASKS, n=4), folder / "random")
    return folder


def blocks(report: Path) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', report.read_text("utf-8"))
    return {name: json.loads(text) for name, text in found}


def test_a_report_holds_figures_episodes_and_each_picture_once(runs: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    written = write_report([runs / "expert", runs / "random"], tmp_path / "r.html", on_step=steps.append)
    assert (written.runs, written.episodes, written.transcripts) == (2, 10, 10)
    assert steps == ["expert", "random", "written"]
    found = blocks(tmp_path / "r.html")
    data = found["data"]
    assert [(run["label"], run["n"]) for run in data["runs"]] == [("expert", 6), ("random", 4)]
    assert data["runs"][0]["accuracy"] == 1.0
    assert data["benchmarks"][0]["runs"] == [0, 1]
    assert data["runs"][0]["differs"] == []
    assert any(
        "`n` is 6 in one and 4 in the other" in reason.replace("the default", "6")
        for reason in data["runs"][1]["differs"]
    )
    stored = {path.stem for run in ("expert", "random") for path in (runs / run / "images").glob("*.png")}
    assert {name[1:] for name in found if name[0] == "p"} == stored
    assert written.pictures == len(stored)
    assert len([name for name in found if re.fullmatch(r"e\d+", name)]) == 10
    assert written.bytes == (tmp_path / "r.html").stat().st_size
    assert str(runs) not in (tmp_path / "r.html").read_text("utf-8")


def test_figures_are_those_of_the_summary(runs: Path) -> None:
    run = read_run(runs / "expert", "expert")
    (entry,) = overview([run])["runs"]
    summary = json.loads((runs / "expert" / "summary.json").read_text())
    assert entry["calls_per_sample"] == summary["calls_per_sample"]
    assert {row["tool"]: row["per_sample"] for row in entry["tools"]} == summary["calls_by_tool"]
    assert all(row["succeeded"] == row["calls"] for row in entry["tools"])
    assert sum(count for _, count in entry["turn_counts"]) == 6
    assert entry["parts"][-1] == {"part": "accuracy", "mean": 1.0, "n": 6}
    assert ["usage.episodes", 0] in [list(item) for item in entry["more"]]


def test_wrong_episodes_are_kept_first(runs: Path, tmp_path: Path) -> None:
    written = write_report([runs], tmp_path / "r.html", Limits(episodes=2))
    assert written.transcripts == 4
    data = blocks(tmp_path / "r.html")["data"]
    assert data["note"]["kept"] == 4 < data["note"]["episodes"] == 10
    states = {
        name: [row["state"] for row in data["episodes"] if row["run"] == number] for number, name in enumerate("er")
    }
    assert states["e"] == ["right", "right"]
    total = [item.state for item in read_run(runs / "random", "random").played].count("wrong")
    assert states["r"].count("wrong") == min(2, total)
    # The tasks that the one got wrong are there of the other too.
    assert len({row["id"] for row in data["episodes"]}) == 2


def test_the_size_is_kept(runs: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.json", "summary.json", "episodes.jsonl"):
        (folder / name).write_bytes((runs / "expert" / name).read_bytes())
    (folder / "images").mkdir()
    for path in (runs / "expert" / "images").glob("*.png"):
        Image.fromarray(np.roll(noise, len(list((folder / "images").iterdir())), 0)).save(
            folder / "images" / path.name, compress_level=0
        )
    written = write_report([folder], tmp_path / "r.html", Limits(megabytes=1, side=256))
    assert 0 < written.transcripts < 6
    assert written.bytes < 1.05e6
    note = blocks(tmp_path / "r.html")["data"]["note"]
    assert note["kept"] == written.transcripts
    assert note["shrunk"] == written.pictures


def test_a_run_that_goes_on_is_reported_as_far_as_it_is(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_bytes((runs / "expert" / "config.json").read_bytes())
    lines = (runs / "expert" / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    voided = json.loads(lines[0]) | {"outcome": "infra_failure", "error": "it broke", "reward": None}
    again = json.loads(lines[1]) | {"outcome": "infra_failure"}
    content = [json.dumps(voided).encode() + b"\n", json.dumps(again).encode() + b"\n", *lines[1:3], lines[3][:50]]
    (folder / "episodes.jsonl").write_bytes(b"".join(content))
    run = read_run(folder, "run")
    assert not run.finished
    assert sorted(item.state for item in run.played) == ["infra", "right", "right"]
    assert run.figures["n"] == 3
    assert run.figures["infra_failures"] == 1
    written = write_report([folder], tmp_path / "r.html")
    assert (written.transcripts, written.pictures) == (3, 0)
    assert blocks(tmp_path / "r.html")["data"]["note"]["missing"] > 0


def test_what_a_judge_said_is_shown(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.json", "summary.json", "episodes.jsonl"):
        (folder / name).write_bytes((runs / "expert" / name).read_bytes())
    first = json.loads((folder / "episodes.jsonl").read_text().splitlines()[0])
    said = {"key": [first["task"]["id"], first["seed"]], "verdict": 0, "reason": "too long"}
    (folder / "judgements.jsonl").write_text(json.dumps(said) + '\n{"key"')
    summary = json.loads((folder / "summary.json").read_text()) | {"judge": {"judge_accuracy": 0.5}}
    (folder / "summary.json").write_text(json.dumps(summary))
    write_report([folder], tmp_path / "r.html")
    data = blocks(tmp_path / "r.html")["data"]
    assert data["runs"][0]["judge_accuracy"] == 0.5
    rows = data["episodes"]
    judged = [row for row in rows if row["judgement"]]
    assert [(row["id"], row["judgement"]["reason"]) for row in judged] == [(first["task"]["id"], "too long")]
    (folder / "judgements.jsonl").write_text('{"verdict": 1}\n')
    with pytest.raises(DataError, match=r"Line 1 of .*judgements.jsonl is no judgement"):
        read_run(folder, "run")


def test_folders_of_runs_are_opened_and_others_named(runs: Path, tmp_path: Path) -> None:
    assert find_runs([runs, runs / "expert"]) == [runs / "expert", runs / "random"]
    with pytest.raises(UsageError, match="is not a folder"):
        find_runs([tmp_path / "none"])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"is no run: it holds no episodes.jsonl, and none"):
        find_runs([tmp_path])
    (tmp_path / "episodes.jsonl").write_text("")
    with pytest.raises(UsageError, match="holds no finished episode yet"):
        read_run(tmp_path, "run")
    (tmp_path / "episodes.jsonl").write_text("[]\n")
    with pytest.raises(DataError, match=r"Line 1 of .* is not a saved episode"):
        read_run(tmp_path, "run")
    with pytest.raises(UsageError, match="is a folder; name a file"):
        write_report([runs], tmp_path)
    with pytest.raises(UsageError, match="--side is at least 16, not 2"):
        Limits(side=2)


def test_runs_that_have_not_begun_are_passed_over_among_others(runs: Path, tmp_path: Path) -> None:
    for name in ("begun", "empty"):
        shutil.copytree(runs / "expert", tmp_path / name)
    (tmp_path / "empty" / "episodes.jsonl").write_bytes(b"")
    assert find_runs([tmp_path]) == [tmp_path / "begun"]


def test_labels_tell_folders_apart(tmp_path: Path) -> None:
    assert labels([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert labels([tmp_path / "x" / "a", tmp_path / "y" / "a"]) == ["x/a", "y/a"]


def test_json_in_the_page_cannot_leave_its_element() -> None:
    hostile = "</script><!--<script>&amp;\u2028\u2029\u0000\u202e\ud800é"
    text = embedded({hostile: [hostile]})
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == {hostile: [hostile]}


def test_long_texts_are_cut_with_a_note() -> None:
    cut = clipped({"a": ["x" * (TEXT_LIMIT + 1_234)]})["a"][0]
    assert cut.startswith("x" * TEXT_LIMIT + "\n")
    assert "1,234 more characters are in episodes.jsonl" in cut
    assert clipped({"a": ["x" * TEXT_LIMIT, 1.5, None]}) == {"a": ["x" * TEXT_LIMIT, 1.5, None]}


def test_small_pictures_stay_as_they_are_and_large_ones_shrink(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "small.png")
    small = embed(tmp_path / "small.png", 64)
    assert small is not None
    assert base64.b64decode(small.url.partition(",")[2]) == (tmp_path / "small.png").read_bytes()
    shrunk = embed(tmp_path / "small.png", 20)
    assert shrunk is not None
    assert (shrunk.size, shrunk.shown) == ((40, 30), (20, 15))
    with Image.open(io.BytesIO(base64.b64decode(shrunk.url.partition(",")[2]))) as opened:
        assert (opened.format, opened.size) == ("WEBP", (20, 15))
    (tmp_path / "bad.png").write_bytes((tmp_path / "small.png").read_bytes()[:50])
    assert embed(tmp_path / "bad.png", 64) is None
    assert embed(tmp_path / "none.png", 64) is None


def test_published_figures_name_a_source_and_a_benchmark() -> None:
    known = references()
    assert set(known["benchmarks"]) <= set(SOURCES.names())
    rows = [(name, row) for name, entry in known["benchmarks"].items() for row in entry["published"]]
    assert all(row["source"] in known["sources"] for _, row in rows)
    assert all(0 < row["value"] <= (2800 if name == "mme" else 100) for name, row in rows)
    assert len({(name, row["model"], row["setting"], row["source"]) for name, row in rows}) == len(rows)
    vstar = {(row["model"], row["setting"], row["source"]): row["value"] for name, row in rows if name == "vstar-bench"}
    assert vstar["Qwen2.5-VL-7B", "", "adareasoner-main"] == 63.35
    assert vstar["Qwen2.5-VL-7B", "", "adatooler-v-images"] == 78.5
    means = {("AdaReasoner-7B", "with tools"): 76.49, ("Qwen2.5-VL-7B", ""): 51.80, ("GPT-5", "with tools"): 74.83}
    for who, mean in means.items():  # the averages that the paper gives
        values = [
            row["value"]
            for _, row in rows
            if (row["model"], row["setting"]) == who and row["source"] == "adareasoner-main"
        ]
        assert len(values) == 8
        assert sum(values) / 8 == pytest.approx(mean, abs=0.006)
