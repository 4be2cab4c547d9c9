"""``adagym curate``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import tyro

from adagym.cli.ray_options import Ray
from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.algos.curate import CuratedData, Curation, CurationConfig, Rejection, Row

REJECTED = "rejected.jsonl"
SUMMARY = "summary.json"


@dataclass(frozen=True)
class Curate:
    """Make cold-start data: blueprints played through the real tools, worded, validated and exported.

    Rows are written as they are made, so a stopped run goes on with --resume.

    Example: adagym curate adagym/VSPNavigation-v0 --n 100 --format adagym,llamafactory --out runs/data
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    out: Path
    """Folder for config.json, episodes.jsonl, rejected.jsonl, summary.json and one folder per further format."""
    preset: str = "adareasoner-vsp"
    """Mix of variants: adareasoner-vsp, adareasoner-vsp-astar or robust-vsp; for other families adareasoner-jigsaw,
    gui, images, video or vstar."""
    mix: str | None = None
    """Variants and shares in place of the preset's, for example direct=0.5,reflect1=0.3,fallback=0.2; needs --n."""
    n: int | None = None
    """Number of rows. Default: the preset's."""
    format: str = "adagym"
    """Formats, separated by commas: adagym, llamafactory, llamafactory-calls, trl, trl-parquet, verl."""
    tasks: str | None = None
    """Task source. Default: the training split of the generated tasks."""
    astar: Literal["preset", "yes", "no"] = "preset"
    """Whether AStar is offered and used."""
    adaptive: str | None = None
    """Randomise the tools' definitions: names, or names,fields,errors."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "full"
    """full explains tools with their schemas, brief in a line each."""
    cot: str = "templates"
    """Who writes the thoughts: templates, or openai:MODEL@URL (the key is taken from OPENAI_API_KEY)."""
    cot_workers: int = 8
    """Requests to the model at a time."""
    max_tokens: int | None = None
    """Reject longer rows; needs --tokenizer."""
    tokenizer: str | None = None
    """Folder of a transformers tokenizer to count with."""
    seed: int = 0
    """Seeds the order of the variants, the mistakes and the words."""
    resume: bool = False
    """Go on with the run in the folder: rows that are there are kept."""
    ray: Ray = field(default_factory=Ray)

    def run(self) -> int:
        """Curate with a progress bar, export, and print what came of it."""
        from rich.console import Console

        from adagym.algos.curate import Curation
        from adagym.algos.exports import EXPORTS
        from adagym.evals.figures import versions, write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        config = self._config()
        formats = [name.strip() for name in self.format.split(",")]
        exporters = {name: EXPORTS.load(name) for name in formats}
        curation = Curation(config, self._length(), self.ray.cluster())
        _try_out(config, exporters)
        asked = {**asdict(config), "tokenizer": self.tokenizer}
        check_folder(self.out, asked, "episodes.jsonl", self.resume)
        write_json(self.out / CONFIG, asked)
        console = Console()
        data, speed = _make(curation, self.out, console)
        if not data.rows:
            raise UsageError(f"No row could be made; {self.out / REJECTED} says why.")
        for name, export in exporters.items():
            # The folder itself is in adagym's format.
            export(data.trajectories, self.out if name == "adagym" else self.out / name)
        summary = {
            "rows": len(data.rows),
            "rejected": len(data.rejections),
            "rows_per_second": speed,
            "variants": data.summary(),
            "formats": formats,
            "versions": versions(),
            "config": asked,
        }
        write_json(self.out / SUMMARY, summary)
        console.print(_table(data, f"{len(data.rows)} rows of {self.env}"))
        console.print(f"Written to {self.out}", markup=False, highlight=False, soft_wrap=True)
        return 0

    def _config(self) -> CurationConfig:
        from adagym.algos.curate import CurationConfig
        from adagym.algos.curation.mixes import read_mix

        return CurationConfig(
            env=self.env,
            preset=self.preset,
            mix=None if self.mix is None else read_mix(self.mix),
            n=self.n,
            tasks=self.tasks,
            planner={"preset": None, "yes": True, "no": False}[self.astar],
            adaptive=self.adaptive,
            dialect=self.dialect,
            prompt=self.prompt,
            cot=self.cot,
            cot_workers=self.cot_workers,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )

    def _length(self) -> Any:
        from adagym.algos.curation.length import token_counter

        if self.max_tokens is None:
            return None
        if self.tokenizer is None:
            raise UsageError("--max-tokens needs --tokenizer, the folder of the tokenizer to count with.")
        return token_counter(self.tokenizer)


def _try_out(config: CurationConfig, exporters: dict[str, Any]) -> None:
    """Export one row elsewhere, so that a format that cannot be written shows before anything is made."""
    from adagym.algos.curate import Curation, Row
    from adagym.algos.curation.thoughts import TEMPLATES

    trial = Curation(replace(config, cot=TEMPLATES, max_tokens=None)).run()
    row = next((item for item in trial if isinstance(item, Row)), None)
    with TemporaryDirectory() as folder:
        for name, export in exporters.items():
            export([] if row is None else [row.trajectory], Path(folder) / name)


def _make(curation: Curation, out: Path, console: Any) -> tuple[CuratedData, float]:
    """Make what is not there yet; return all rows, and how many were made per second."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from adagym.algos.curate import Row
    from adagym.store import Store

    done = list(_kept(out))
    total = sum(curation.wanted.values())
    rows = made = sum(isinstance(item, Row) for item in done)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began = time.perf_counter()
    with (
        Progress(*columns, console=console, transient=True) as progress,
        Store(out / "episodes.jsonl") as store,
        (out / REJECTED).open("a", encoding="utf-8") as rejected,
    ):
        bar = progress.add_task("rows", total=total, completed=made)
        for item in curation.run(tuple(done)):
            done.append(item)
            if isinstance(item, Row):
                store.append(item.trajectory)
                rows += 1
            else:
                rejected.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")
                rejected.flush()
            progress.update(bar, completed=rows, description=f"rows, {len(done) - rows} rejected")
    seconds = time.perf_counter() - began
    return curation.data(done), round((rows - made) / seconds, 1)


def _kept(out: Path) -> Iterator[Row | Rejection]:
    """What an earlier run left in the folder."""
    from adagym.algos.curate import Rejection, Row
    from adagym.store import read_trajectories

    if (out / "episodes.jsonl").is_file():
        yield from map(Row, read_trajectories(out / "episodes.jsonl"))
    if (out / REJECTED).is_file():
        # A line that was cut off is dropped; its attempt is made again.
        text = (out / REJECTED).read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        (out / REJECTED).write_text(whole, encoding="utf-8")
        yield from (Rejection(**json.loads(line)) for line in whole.splitlines())


def _table(data: CuratedData, title: str) -> Any:
    from rich.table import Table

    table = Table("variant", "wanted", "made", "rejected", title=title)
    for name, facts in data.summary().items():
        reasons = "\n".join(f"{count} {reason}" for reason, count in facts["rejected"].items())
        table.add_row(name, str(facts["wanted"]), str(facts["made"]), reasons or "0")
    return table
