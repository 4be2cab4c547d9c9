from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adagym.cli import main
from adagym.envs import ENVS
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.benchmark_forms import FORMS
from adagym.envs.tasks.recognise import Found
from adagym.errors import UnknownName, UsageError
from adagym.evals.runner import EvalConfig
from adagym.evals.suite import SuiteConfig, plan_entry
from adagym.evals.suites import SUITES, SuiteEntry, open_suite, read_suite

SMALL = {
    "name": "small",
    "summary": "two",
    "entries": [
        {
            "name": "walk",
            "env": "adagym/VSPNavigation-v0",
            "tasks": "vsp-generated:sides=3,seed=1,n=3",
            "n": 3,
            "protocol": "adareasoner",
            "changes": {"prompt": "brief"},
            "chance": 0.1,
        },
        {"name": "stars", "env": "adagym/VStar-v0", "benchmark": "V* bench", "protocol": "adatooler-v", "chance": 0.35},
    ],
}
ENTRY = SuiteEntry("stars", "adagym/VStar-v0", "adatooler-v", benchmark="HR-Bench")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    return path


@pytest.mark.parametrize("name", SUITES.names())
def test_every_suite_names_what_there_is(name: str) -> None:
    suite = open_suite(name)
    assert suite.name == name
    assert suite.summary
    benchmarks = {form.benchmark for form in FORMS}
    for entry in suite.entries:
        assert entry.benchmark is None or entry.benchmark in benchmarks
        assert entry.chance is None or 0 <= entry.chance < 1
        assert bool(entry.chance_of) is (entry.chance is not None)


def test_the_suites_hold_what_their_names_say() -> None:
    assert len(open_suite("adareasoner-8").entries) == 8 + 2  # VSP and VSPO are played in two parts each
    assert len(open_suite("adatooler-12").entries) == 12
    assert len({entry.env for entry in open_suite("adagym-procedural").entries}) == 7


@pytest.mark.parametrize("entry", open_suite("adagym-procedural").entries, ids=lambda entry: entry.name)
def test_procedural_tasks_are_seeded_and_chance_is_that_of_their_options(entry: SuiteEntry) -> None:
    assert entry.tasks is not None
    assert "seed=" in entry.tasks
    tasks = load_tasks(entry.tasks, ENVS.load(entry.env).family)
    assert len(tasks) == entry.n
    shares = [1 / len(task.choices) for task in (tasks[place] for place in range(len(tasks))) if task.choices]
    if len(shares) == len(tasks):
        assert entry.chance == pytest.approx(sum(shares) / len(shares), abs=0.001)


def test_a_suite_plays_what_it_can_and_says_what_not(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "out"
    run = ["eval", "--suite", str(small), "--agent", "expert", "--out", str(out), "--n", "2"]
    assert main(run) == 0
    shown = capsys.readouterr().out
    assert "stars is skipped: its data (V* bench) needs --data" in shown
    assert "1 of 2 played." in shown
    rows = {row["name"]: row for row in json.loads((out / "suite.json").read_text())["rows"]}
    assert (rows["walk"]["n"], rows["walk"]["accuracy"], rows["walk"]["chance"]) == (2, 1.0, 0.1)
    assert "skipped" in rows["stars"]
    config = json.loads((out / "walk" / "config.json").read_text())
    assert config["protocol"] == "adareasoner+prompt=brief"
    assert main(run) == 2
    assert "--resume" in capsys.readouterr().err
    episodes = (out / "walk" / "episodes.jsonl").read_bytes()
    (tmp_path / "empty").mkdir()
    assert main([*run, "--resume", "--data", str(tmp_path / "empty")]) == 0
    assert "no data of V* bench in the folder" in capsys.readouterr().out
    assert (out / "walk" / "episodes.jsonl").read_bytes() == episodes


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["adagym/VSPNavigation-v0"], "leave out env"),
        (["--max-turns", "3"], "leave out max_turns"),
        (["--protocol", "adareasner"], "Did you mean `adareasoner`"),
        (["--data", "nowhere"], "`nowhere` does not exist"),
    ],
)
def test_a_suite_says_itself_what_is_played(
    more: list[str], message: str, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["eval", "--suite", str(small), "--agent", "expert", "--out", str(out), *more]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_data_are_taken_by_name_family_and_part() -> None:
    config = SuiteConfig("expert", data=Path("d"), n=50)
    whole = Found("HR-Bench", Path("d/hr"), "hr-bench:d/hr", "vstar", 800, ())
    large = replace(whole, spec="hr-bench:d/hr,size=8k")
    plan = plan_entry(ENTRY, config, (large, whole))
    assert isinstance(plan, EvalConfig)
    assert (plan.tasks, plan.n, plan.protocol) == ("hr-bench:d/hr", 50, "adatooler-v")
    assert plan_entry(ENTRY, config, (large,)) == "there is only another part of it: hr-bench:d/hr,size=8k"
    part = plan_entry(replace(ENTRY, options=",size=8k", n=10), config, (large, whole))
    assert isinstance(part, EvalConfig)
    assert (part.tasks, part.n) == ("hr-bench:d/hr,size=8k", 10)
    unread = Found("HR-Bench", Path("d/hr"), "", "", None, ("no task source reads this form",))
    assert plan_entry(ENTRY, config, (unread,)) == "no task source reads this form"
    direct = plan_entry(replace(ENTRY, changes={"max_turns": 3}), replace(config, protocol="direct"), (whole,))
    assert isinstance(direct, EvalConfig)
    assert (direct.protocol, direct.env_kwargs["max_turns"]) == ("direct", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env": "adagym/VStr-v0"}, "Did you mean"),
        ({"protocol": "none"}, "no protocol `none`"),
        ({"tasks": "vstar"}, "either `tasks` or `benchmark`"),
        ({"changes": {"turns": 3}}, "changes turns"),
        ({"name": "../up"}, "cannot be a folder's"),
        ({"name": "walk"}, "two entries of one name"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_malformed_suite_is_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**SMALL, "entries": [SMALL["entries"][0], {**SMALL["entries"][1], **changes}]}))
    with pytest.raises(UsageError, match=message):
        read_suite(path)


def test_unknown_suites_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean `adatooler-12`"):
        open_suite("adatooler-21")
    with pytest.raises(UsageError, match="cannot be read"):
        open_suite(str(tmp_path / "none.json"))
