"""What a user mistypes or mistakes: one line that says what was given, what is expected and what to do; exit code 2.

No mistake may cost work: what cannot be written to is found out before anything is played or trained.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adagym.agents import AGENTS
from adagym.cli import main
from adagym.cli.list import List
from adagym.envs import ENVS
from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import UsageError
from adagym.evals.protocols import arranged
from adagym.evals.run_folder import check_place
from adagym.evals.runner import EvalConfig, evaluate
from adagym.evals.spec import make_agent
from adagym.evals.suites import open_suite
from adagym.protocol import DIALECTS
from adagym.rewards import load_preset
from adagym.store import read_trajectories
from adagym.tools import TOOLS
from adagym.tools.backends import open_backend

ENV = "adagym/VSPNavigation-v0"
SMALL = "vsp-generated:sides=3,n=2"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files and folders that are not what they are given for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("text")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text("{nope\n")
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "table.csv").write_text("question,image\nWhat?,a.png\n")
    (tmp_path / "bad.json").write_text("{nope")
    return tmp_path


PLAY, EVAL, INSPECT = f"play {ENV} --plain", f"eval {ENV} --agent expert --out run --n 1", f"inspect {ENV}"
UNDER = "file.txt/x cannot be made, because"

MISTAKES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("evl", ("no command `evl`", "Did you mean `eval`?")),
    ("train grp", ("no command `train grp`", "Did you mean `train grpo`?")),
    ("list toolz", ("'toolz'", "'tools'")),
    ("inspect adagym/VSPNavigaton-v0", ("no env", f"Did you mean `{ENV}`?")),
    (f"{INSPECT} --task 99999", ("from 0 to 999", "99999")),
    (f"{INSPECT} --task nosuch", ("No task has the id 'nosuch'", "named like")),
    (f"{INSPECT} --dialect hermse", ("Did you mean `hermes`?",)),
    (f"{INSPECT} --images file.txt", ("cannot be written to file.txt", "another folder")),
    (f"{INSPECT} --tasks vps-generated", ("no source", "Did you mean `vsp-generated`?")),
    (f"{INSPECT} --tasks table.csv", ("`table.csv` is a path", "name of what reads it", "mmbench")),
    (f"{INSPECT} --tasks vsp:nosuch", ("`nosuch` does not exist", "Give the `maze` folder")),
    (f"{INSPECT} --tasks vsp:file.txt", ("`file.txt` is a file", "Give the `maze` folder")),
    (f"{INSPECT} --tasks vsp-generated:sids=4", ("no option 'sids'", "sides, split")),
    (f"{INSPECT} --tasks vsp-generated:sides=four", ("such as 4-6-8", "sides=four")),
    (f"{INSPECT} --tasks vsp-generated:n=0", ("n of at least 1", "n=0")),
    (f"{INSPECT} --tasks gui", ("family `gui_qa`, not `vsp_navigation`",)),
    ("inspect adagym/ImageQA-v0 --tasks mmbench:table.csv", ("no column 'index'", "its columns are question,image")),
    ("inspect adagym/ImageQA-v0 --tasks images:empty", ("`empty` holds no photo", "Add photos")),
    (f"{EVAL} --n many", ("--n", "many")),
    (f"{EVAL} --n 0", ("n is 0", "from 1 to 1000")),
    (f"{EVAL} --seed -1", ("The seed is -1", "not be negative")),
    (f"{EVAL} --agent exprt", ("no agent `exprt`", "Did you mean `expert`?")),
    (f"{EVAL} --agent replay", ("`replay:FILE`",)),
    (f"{EVAL} --agent replay:bad.jsonl", ("Line 1 of bad.jsonl is not a saved episode",)),
    (f"{EVAL} --agent replay:nosuch.jsonl", ("nosuch.jsonl cannot be read", "give a file of saved episodes")),
    (f"{EVAL} --agent openai:model@nowhere", ("openai:MODEL@URL", "for example")),
    (f"{EVAL} --reward tool_grp", ("Did you mean `tool_grpo`?",)),
    (f"{EVAL} --reward tool_grpo:alpha=x", ("`alpha=x`", "lambda_tool=1.0")),
    (f"{EVAL} --tools Poit", ("no tool", "Did you mean `Point`?")),
    (f"{EVAL} --tools Point,Crp", ("no tool `Crp`", "Did you mean `Crop`?")),
    (f"{EVAL} --tools wrkers:count=2", ("no tool `wrkers`, nor a tool backend", "Did you mean `workers`?")),
    (f"{EVAL} --tools workers:count=0", ("count from 1 to 1024, not 0",)),
    (f"{EVAL} --protocol direkt", ("Did you mean `direct`?",)),
    (f"{EVAL} --adaptive nmes", ("adaptive='nmes'", "for example")),
    (f"{EVAL} --frames 8", ("is for videos", "Leave it out")),
    (f"{EVAL} --price-in 1", ("both --price-in and --price-out",)),
    (f"{EVAL} --out file.txt", ("file.txt is a file", "give a folder")),
    (f"{EVAL} --out file.txt/x", (UNDER, "choose another place")),
    ("eval --suite adareasoner-9 --agent expert --out run", ("Did you mean `adareasoner-8`?",)),
    ("compare empty nosuch", ("config.json cannot be read", "give the folder of a run")),
    ("judge empty --judge openai:m@http://localhost:1/v1", ("empty holds no episodes.jsonl", "`adagym eval`")),
    ("report nosuch", ("nosuch is not a folder", "`adagym eval`")),
    ("replay nosuch", ("nosuch cannot be read", "give a file of saved episodes")),
    ("replay empty.jsonl", ("holds no episode", "give a file of saved episodes")),
    ("replay empty.jsonl --against empty.jsonl", ("holds no episode",)),
    ("replay other.jsonl", ("Line 1 of other.jsonl is not a saved episode",)),
    (f"{PLAY} --seed -1", ("The seed is -1",)),
    (f"{PLAY} --hints exprt", ("Did you mean `expert`?",)),
    (f"{PLAY} --out empty", ("empty is a folder", "empty/mine.jsonl")),
    (f"{PLAY} --out file.txt/x", (UNDER,)),
    (f"{PLAY} --picture sixel", ("needs the full screen", "blocks, grey or none")),
    ("doctor --data nosuch", ("`nosuch` does not exist", "give a folder")),
    ("build frames empty --out frames", ("`empty` holds no video", ".mp4")),
    ("build gui --kit nosuch --out pages", ("`nosuch` has no usable package.json", "npm package")),
    (f"benefit {ENV} --agent expert --out run --k 0", ("k must be at least 1",)),
    (f"benefit {ENV} --agent expert --out file.txt/x --n 1", (UNDER,)),
    (f"curate {ENV} --out run --preset adareasoner-vps", ("Did you mean `adareasoner-vsp`?",)),
    (f"curate {ENV} --out run --mix direct", ("VARIANT=SHARE", "for example")),
    (f"curate {ENV} --out file.txt/x --n 2", (UNDER,)),
    (f"train sft {ENV} --out run --data nosuch", ("nosuch cannot be read", "give a file of saved episodes")),
    (f"train sft {ENV} --out run --steps 0 --n 2", ("must be positive", "0, 8 and 1024")),
    (f"train sft {ENV} --out file.txt/x --n 1 --steps 1", (UNDER,)),
    (f"train grpo {ENV} --out run --group-size 1", ("group_size at least 2", "60, 8")),
    (f"train grpo {ENV} --out run --model nosuch", ("no model folder `nosuch`", "`tiny`")),
    (f"train grpo {ENV} --out file.txt/x --steps 1", (UNDER,)),
    ("train grpo --sources bad.json --out run", ("`bad.json` is not valid JSON",)),
    ("demo --out file.txt/x", (UNDER,)),
    ("serve-tools --tools Poit", ("Did you mean `Point`?",)),
    ("serve-tools --port 99999", ("99999", "from 0 to 65535")),
    ("serve-tools --faults fail=x", ("fail must be a number, not 'x'",)),
)


@pytest.mark.parametrize(("words", "told"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_told_and_changes_nothing(
    words: str, told: tuple[str, ...], there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(there.rglob("*"))
    assert main(words.split()) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert all(part in message for part in told), message
    assert sorted(there.rglob("*")) == before


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/nowhere/x"),
        PermissionError(errno.EACCES, "Permission denied", "/nowhere/x"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_what_the_system_refuses_is_told_too(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(self: List) -> int:
        raise error

    monkeypatch.setattr(List, "run", run)
    assert main(["list"]) == 2
    message = capsys.readouterr().err
    assert f"{error.strerror}. Give another file or folder." in message
    assert error.filename is None or "`/nowhere/x`" in message


def test_a_fault_of_ours_is_not_taken_for_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: List) -> int:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(List, "run", run)
    with pytest.raises(OSError, match="Bad file descriptor"):
        main(["list"])


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_place(tmp_path / "new" / "file")
    check_place(Path("relative"))
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != tmp_path)
    with pytest.raises(UsageError, match="cannot be written to; choose another place"):
        check_place(tmp_path / "new" / "file")


def small(**arguments: Any) -> Callable[[], object]:
    return lambda: VSPNavigation(**{"tasks": SMALL, **arguments})


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (small(tools="Point"), r"write a sequence of names: tools=\('Point',\)"),
        (small(tools=["Poit"]), "Did you mean `Point`"),
        (small(tools="workers:cnt=2"), r"setting 'cnt=2'; write each once.*count"),
        (small(dialect="hermse"), "Did you mean `hermes`"),
        (small(reward="accurcy"), "Did you mean `accuracy`"),
        (small(max_turns="10"), "max_turns must be an integer"),
        (small(prompt="long"), "'long'"),
        (small(render_mode="human"), "'human'"),
        (small(adaptive="all"), "for example `names,fields,errors`"),
        (small(tasks=[]), "holds no tasks"),
        (small(tasks=7), "tasks=7 is neither the text of a task source nor a sequence"),
        (small(tasks=Path("maps")), "is neither the text of a task source nor a sequence"),
        (lambda: load_tasks("vsp-genrated", "vsp_navigation"), "Did you mean `vsp-generated`"),
        (lambda: load_tasks("vsp-generated:4", "vsp_navigation"), "not of the form key=value"),
        (lambda: ENVS.load("adagym/VStar"), "Did you mean `adagym/VStar-v0`"),
        (lambda: AGENTS.load("humn"), "Did you mean `human`"),
        (lambda: TOOLS.load("crop"), "Did you mean `Crop`"),
        (lambda: DIALECTS.load("openia"), "Did you mean `openai`"),
        (lambda: load_preset("tool_grpo:lambda_tool"), "lambda_tool"),
        (lambda: make_agent("expert:drw"), "`expert:draw`"),
        (lambda: arranged("adatooler", VSPNavigation, {}), "Did you mean `adatooler-v`"),
        (lambda: open_suite("adareasoner"), "Did you mean `adareasoner-8`"),
        (lambda: open_backend("worker"), "Did you mean `workers`"),
        (lambda: list(read_trajectories(Path("nosuch.jsonl"))), "give a file of saved episodes"),
        (lambda: evaluate(EvalConfig(ENV, "expert", SMALL, 3), Path("run")), "choose n from 1 to 2"),
    ],
)
def test_constructors_tell_what_they_take(made: Callable[[], object], told: str, there: Path) -> None:
    with pytest.raises(UsageError, match=told):
        made()
