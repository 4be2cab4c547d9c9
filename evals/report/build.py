"""The report's file: the page, its data, the episodes that fit and their pictures."""

from __future__ import annotations

import base64
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from adagym.errors import UsageError
from adagym.evals.report.episodes import embedded, episode, images
from adagym.evals.report.overview import overview
from adagym.evals.report.pictures import Picture, embed
from adagym.evals.report.read import Played, Run, find_runs, labels, read_run
from adagym.evals.run_folder import EPISODES
from adagym.store import IMAGES, read_records

_DATA = "<!--data-->"
_STATES = {"wrong": 0, "partial": 0, "infra": 1, "unscored": 2, "right": 4}
"""Which episodes are kept first, by the worst of the runs on a task; troubled right ones come before others."""

_TROUBLED = 3

_AROUND = 120
"""Bytes around an episode or a picture: its element, its size."""


@dataclass(frozen=True)
class Limits:
    """How much goes into the file."""

    episodes: int = 1000
    """Transcripts per run."""
    megabytes: float = 64
    """Size of the file (10^6 bytes), about."""
    side: int = 1024
    """Pixels of a picture's longer side."""

    def __post_init__(self) -> None:
        """Check that something is left.

        Raises:
            UsageError: A limit is too small.
        """
        for name, value, least in (
            ("episodes", self.episodes, 0),
            ("size", self.megabytes, 1),
            ("side", self.side, 16),
        ):
            if not value >= least:
                raise UsageError(f"--{name} is at least {least}, not {value}.")


@dataclass(frozen=True)
class Written:
    """What became of a report."""

    runs: int
    episodes: int
    """All of them."""
    transcripts: int
    """Those whose transcripts are in the file."""
    pictures: int
    bytes: int


def write_report(
    folders: Sequence[Path],
    out: Path,
    limits: Limits | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Written:
    """Write runs as one HTML file that needs nothing else.

    Args:
        folders: Run folders, or folders of run folders.
        out: The file; its folder is made if needed.
        limits: How much goes into the file, None for the defaults. Wrong episodes are kept first.
        on_step: Called with the name of each run that was read, and once the file is written.

    Raises:
        UsageError: A folder is no run, one is damaged, or the file cannot be written.
    """
    limits = limits or Limits()
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file for the report, such as {out / 'report.html'}.")
    paths = find_runs(folders)
    runs: list[Run] = []
    for label, path in zip(labels(paths), paths, strict=True):
        runs.append(read_run(path, label))
        on_step(label)
    page = _Page(limits, overview(runs))
    for number, item in _ordered(runs, limits.episodes):
        page.want(number, item)
    for number, run in enumerate(runs):
        page.fill(number, run, 1 / (len(runs) - number))
    for number, run in enumerate(runs):  # with what is left of other runs' shares
        page.fill(number, run, 1)
    written = page.write(out, runs)
    on_step("written")
    return written


def _ordered(runs: Sequence[Run], most: int) -> Iterable[tuple[int, Played]]:
    """Episodes by importance, those of one task together, at most so many of each run."""
    worst: dict[str, int] = {}
    members: dict[str, list[tuple[int, Played]]] = defaultdict(list)
    for number, run in enumerate(runs):
        for item in run.played:
            worst[item.pair] = min(worst.get(item.pair, 9), _importance(item))
            members[item.pair].append((number, item))
    left = [most] * len(runs)
    for pair in sorted(worst, key=lambda name: worst[name]):
        for number, item in members[pair]:
            if left[number]:
                left[number] -= 1
                yield number, item


def _importance(item: Played) -> int:
    troubled = bool(item.malformed) or item.failed_calls > 0
    return min(_STATES[item.state], _TROUBLED if troubled else 9)


class _Page:
    """Collects what goes into the file, within its size."""

    def __init__(self, limits: Limits, data: dict[str, Any]) -> None:
        self._limits = limits
        self._data = data
        self._wanted: dict[int, list[Played]] = defaultdict(list)
        self._episodes: list[tuple[tuple[int, int], dict[str, Any], str]] = []
        self._pictures: dict[str, Picture | None] = {}
        self._systems: dict[str, int] = {}
        self._left = limits.megabytes * 1e6 - len(embedded(data)) - len(_template())

    def want(self, number: int, item: Played) -> None:
        """Note that an episode of a run should go in; the first noted matter most."""
        self._wanted[number].append(item)

    def fill(self, number: int, run: Run, share: float) -> None:
        """Add a run's wanted episodes, most important first, as far as its share of what is left of the size allows."""
        room = share * self._left
        wanted, self._wanted[number] = self._wanted[number], []
        records = self._records(run, {item.line for item in wanted}) if wanted else {}
        for item in wanted:
            size = self._add(number, run, item, episode(records.pop(item.line)), room)
            room -= size
            self._left -= size
            if not size:
                self._wanted[number].append(item)

    def _add(self, number: int, run: Run, item: Played, body: dict[str, Any], room: float) -> int:
        """Add an episode if there is room; returns how many bytes it took."""
        text = embedded(self._shared(body))
        row = _row(number, item, run)
        size = len(text) + len(embedded(row)) + _AROUND
        if size > room:
            return 0
        new = {name: self._embed(run, name) for name in images(body) if name not in self._pictures}
        size += sum(len(picture.url) + _AROUND for picture in new.values() if picture)
        if size > room:
            return 0
        self._pictures |= new
        self._episodes.append(((number, item.place), row, text))
        return size

    def write(self, out: Path, runs: Sequence[Run]) -> Written:
        """Write the file so that a reader sees the old one or the new one."""
        total = sum(len(run.played) for run in runs)
        shrunk = sum(1 for picture in self._pictures.values() if picture and picture.shown != picture.size)
        note: dict[str, float] = {
            "episodes": total,
            "kept": len(self._episodes),
            "side": self._limits.side,
            "shrunk": shrunk,
        }
        note |= {"limit": self._limits.episodes, "megabytes": self._limits.megabytes}
        note["missing"] = sum(picture is None for picture in self._pictures.values())
        systems = sorted(self._systems, key=self._systems.__getitem__)
        self._episodes.sort(key=lambda entry: entry[0])
        index = {**self._data, "episodes": [row for _, row, _ in self._episodes], "systems": systems, "note": note}
        head, tail = _template().split(_DATA)
        part = out.with_name(out.name + ".part")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.write(head)
                file.write(_block("data", embedded(index)))
                file.writelines(_block(f"e{place}", text) for place, (_, _, text) in enumerate(self._episodes))
                for name, picture in self._pictures.items():
                    if picture is not None:
                        value = {"url": picture.url, "size": picture.size, "shown": picture.shown}
                        file.write(_block(f"p{name}", embedded(value)))
                file.write(tail)
            part.replace(out)
        except OSError as error:
            raise UsageError(f"The report cannot be written to {out}: {error}.") from error
        pictures = sum(picture is not None for picture in self._pictures.values())
        return Written(len(runs), total, len(self._episodes), pictures, out.stat().st_size)

    def _records(self, run: Run, lines: set[int]) -> dict[int, dict[str, Any]]:
        """The lines of a run's wanted episodes."""
        return {line: record for line, (record, _) in enumerate(read_records(run.folder / EPISODES)) if line in lines}

    def _embed(self, run: Run, name: str) -> Picture | None:
        return embed(run.folder / IMAGES / f"{name}.png", self._limits.side)

    def _shared(self, body: dict[str, Any]) -> dict[str, Any]:
        """Replace system prompts, which are long and the same in most episodes, by their number."""
        messages = [
            {"role": "system", "blocks": [["system", self._number(block[1])] for block in message["blocks"]]}
            if message["role"] == "system" and all(block[0] == "text" for block in message["blocks"])
            else message
            for message in body["messages"]
        ]
        return {**body, "messages": messages}

    def _number(self, text: str) -> int:
        if text not in self._systems:
            self._systems[text] = len(self._systems)
            self._left -= len(embedded(text))
        return self._systems[text]


def _row(number: int, item: Played, run: Run) -> dict[str, Any]:
    """What filters and the list need of an episode."""
    usage = run.usage.get(item.key)
    return {
        "run": number,
        "pair": item.pair,
        "id": item.facts.id,
        "seed": item.seed,
        "group": item.facts.group,
        "state": item.state,
        "right": item.facts.right,
        "outcome": item.facts.outcome,
        "turns": item.facts.turns,
        "tools": sorted(set(item.facts.calls)),
        "calls": len(item.facts.calls),
        "failed": item.failed_calls,
        "malformed": list(item.malformed),
        "judgement": run.judgements.get(item.key),
        "tokens": usage.prompt_tokens + usage.completion_tokens if usage is not None and usage.known else None,
        "seconds": round(math.fsum(usage.seconds), 3) if usage is not None and usage.seconds else None,
    }


def _block(name: str, text: str) -> str:
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _template() -> str:
    """The page, with the digest of its script in its policy: no other script runs, and nothing is fetched."""
    page = resources.files("adagym.evals.report").joinpath("page.html").read_text("utf-8")
    script = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return page.replace("SCRIPT-DIGEST", f"sha256-{digest}", 1)
