"""Every guide works as it stands: its files are written, its code and its commands run, and what it shows is printed.

Blocks of a page, in order: one that begins with ``# NAME.EXT`` is a file; ``python`` is run, all in one namespace;
``bash`` holds commands, and those of adagym and pytest are run in this process; each line of ``text`` must have been
printed by then. What needs other hardware or a server stands in ``sh``, where only the names of options are checked. A
page that says ``<!-- files of PAGE -->`` is given that page's files too.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from adagym.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = {path.stem: path for path in sorted((ROOT / "docs" / "guides").glob("*.md"))}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")


def test_the_guides_are_there() -> None:
    assert set(PAGES) == {
        "add-a-reward",
        "add-a-task",
        "add-a-tool",
        "add-an-agent",
        "evaluate-your-model",
        "scale-to-a-cluster",
        "train-on-your-data",
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_guide_works(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, str(PAGES[name])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("name", PAGES)
def test_its_links_and_options_exist(name: str) -> None:
    page = PAGES[name].read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (PAGES[name].parent / link).exists(), link
    shown = [block.replace("\\\n", " ") for language, block in BLOCK.findall(page) if language == "sh"]
    for words in re.findall(r"adagym\)? ([a-z].*)", "\n".join(shown)):
        known = next(name for name in COMMANDS.names() if words.startswith(name))
        assert set(re.findall(r"(--[a-z-]+)", words)) <= options_of(COMMANDS.load(known)), words


def options_of(command: Any) -> set[str]:
    """The options of a command's dataclass and of those inside it."""
    found: set[str] = set()
    hints = get_type_hints(command)
    for item in fields(command):
        inner = hints[item.name]
        found |= options_of(inner) if hasattr(inner, "__dataclass_fields__") else {f"--{item.name.replace('_', '-')}"}
    return found


def write_files(page: str) -> None:
    """Write the files of a page here, and of the page whose files it asks for."""
    for other in re.findall(r"<!-- files of ([\w-]+) -->", page):
        write_files(PAGES[other].read_text(encoding="utf-8"))
    for _, block in BLOCK.findall(page):
        named = FILE.match(block)
        if named is not None:
            Path(named[1]).write_text(block, encoding="utf-8")


def install() -> None:
    """What ``pip install -e .`` does for the package in this folder: tell its name and entry points."""
    sys.path.insert(0, str(Path.cwd()))
    if not Path("pyproject.toml").exists():
        return
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    name = re.search(r'^name = "(.*)"', project, re.MULTILINE)
    assert name is not None
    info = Path(f"{name[1].replace('-', '_')}-0.1.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name[1]}\nVersion: 0.1\n")
    groups = re.findall(r'\[project\.entry-points\."(.*?)"\]\n((?:[^\[\n].*\n)*)', project)
    lines = [f"[{group}]\n" + re.sub(r'^"?(.*?)"? = "(.*)"', r"\1 = \2", items, flags=re.M) for group, items in groups]
    assert lines, "the project has no entry points"
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def command(line: str) -> None:
    """Run one line of a ``bash`` block."""
    words = shlex.split(line, comments=True)
    if words[0] == "adagym":
        assert main(words[1:]) == 0, line
    elif words[0] == "python":
        done = subprocess.run([sys.executable, "-W", "error", words[1]], check=True, capture_output=True, text=True)
        print(done.stdout)
    elif words[0] == "pytest":
        assert pytest.main([*words[1:], "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]) == 0, line
    else:
        assert line == "pip install -e .", f"this test does not know what `{line}` does"


def run(path: Path) -> None:
    """Do what a page says."""
    page = path.read_text(encoding="utf-8")
    write_files(page)
    install()
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    for language, block in BLOCK.findall(page):
        if FILE.match(block):
            continue
        with contextlib.redirect_stdout(printed):
            if language == "python":
                exec(compile(block, path.name, "exec", dont_inherit=True), names)
            elif language == "bash":
                for line in block.replace("\\\n", " ").splitlines():
                    command(line)
        if language == "text":
            for line in block.splitlines():
                assert line in printed.getvalue(), f"not printed: {line}\n{printed.getvalue()}"


if __name__ == "__main__":
    run(Path(sys.argv[1]))
