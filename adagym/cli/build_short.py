"""``adagym build short``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import tyro

from adagym.cli.sources import env_class
from adagym.errors import UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.algos.curation.prompts import GroupReport, PromptLength
    from adagym.envs.base import ToolEnv
    from adagym.policies.encoding import Encoder
    from adagym.protocol.base import PromptStyle
    from adagym.types import Task

SUMMARY = "summary.json"
_UNREAD = 5
"""Tasks that could not be opened of which the reasons are shown."""


@dataclass(frozen=True)
class BuildShort:
    """Measure the prompts of tasks in a model's tokens, and say which are short enough to train on.

    The folder is a task source, short:DIR, of the tasks that are. Prompts are measured as the environment shows them,
    so give it here what it is given in training.

    Example: adagym build short adagym/VideoQA-v0 --tasks adatooler:rl.json --tokenizer MODEL --out runs/short
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    tasks: str
    """Task source, for example adatooler:rl.json."""
    out: Path
    """Folder for config.json, lengths.jsonl and summary.json; a task source as short:DIR."""
    tokenizer: str = "tiny"
    """tiny, or the folder of a transformers image-text model; its weights are not read."""
    max_tokens: int = 8192
    """The most tokens that a prompt may have."""
    n: int | None = None
    """Measure only the first N tasks."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "full"
    """full explains tools with their schemas, brief in a line each."""
    frames: str | None = None
    """Of videos: how many frames are shown, such as 64 or fps=1. Default: the environment's."""
    resume: bool = False
    """Go on with the run in the folder: what is already measured is kept."""

    def run(self) -> int:
        """Measure with a progress bar, and print what is kept of each data source."""
        from rich.console import Console

        from adagym.algos.curation.prompts import report
        from adagym.envs.tasks.short import ORIGIN
        from adagym.evals.figures import versions, write_json
        from adagym.evals.run_folder import CONFIG, check_folder

        require("transformers", "train")
        if self.max_tokens < 1:
            raise UsageError(f"max_tokens is {self.max_tokens}; it must be at least 1.")
        env, source, n = self._prepare()
        encoder = _encoder(self.tokenizer)
        asked: dict[str, Any] = {**asdict(self), "family": env.family, "n": n}
        del asked["out"], asked["resume"], asked["max_tokens"]  # lengths do not depend on them
        check_folder(self.out, asked, ORIGIN.results, self.resume)
        write_json(self.out / CONFIG, asked)
        console = Console()
        lengths = self._measure(env, source, n, encoder, console)
        env.close()
        groups = report(lengths, self.max_tokens)
        figures = {name: asdict(group) for name, group in groups.items()}
        summary = {"max_tokens": self.max_tokens, "groups": figures, "config": asked, "versions": versions()}
        write_json(self.out / SUMMARY, summary)
        self._show(groups, lengths, console)
        return 0

    def _prepare(self) -> tuple[ToolEnv, Sequence[Task], int]:
        from adagym.envs.tasks import load_tasks

        environment = env_class(self.env)
        source = load_tasks(self.tasks, environment.family)
        n = len(source) if self.n is None else self.n
        if not 1 <= n <= len(source):
            raise UsageError(f"`{self.tasks}` has {len(source)} tasks, and n is {n}; choose n from 1 to {len(source)}.")
        shown: dict[str, Any] = {} if self.frames is None else {"frames": self.frames}
        if shown and environment.family != "video_qa":
            raise UsageError(f"`{self.env}` shows no videos; leave out --frames.")
        style = cast("PromptStyle", self.prompt)  # the environment checks it
        return environment(source, dialect=self.dialect, prompt=style, **shown), source, n

    def _measure(
        self, env: ToolEnv, source: Sequence[Task], n: int, encoder: Encoder, console: Console
    ) -> list[PromptLength]:
        from adagym.algos.curation.prompts import PromptLength, prompt_lengths
        from adagym.cli.progress import StepBar
        from adagym.envs.tasks.short import ORIGIN

        path = self.out / ORIGIN.results
        done = [PromptLength(**line) for line in _whole_lines(path)]
        missing = sorted(set(range(n)) - {length.index for length in done})
        kept = sum(length.tokens is not None and length.tokens <= self.max_tokens for length in done)
        with path.open("a", encoding="utf-8") as file, StepBar(console, "prompts", len(missing)) as advance:
            for length in prompt_lengths(env, source, missing, encoder):
                done.append(length)
                file.write(json.dumps(asdict(length), ensure_ascii=False) + "\n")
                file.flush()
                kept += length.tokens is not None and length.tokens <= self.max_tokens
                advance(f"{kept} of {len(done)} kept")
        return sorted(done, key=lambda length: length.index)

    def _show(self, groups: Mapping[str, GroupReport], lengths: Sequence[PromptLength], console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        kept = sum(group.kept for group in groups.values())
        title = f"{kept} of {len(lengths)} prompts have at most {self.max_tokens} tokens"
        table = Table("data source", "tasks", "kept", "too long", "unreadable", "longest", title=title)
        for name, group in groups.items():
            numbers = (group.tasks, group.kept, group.too_long, group.unreadable)
            table.add_row(Text(name), *map(str, numbers), "-" if group.longest is None else str(group.longest))
        console.print(table)
        unread = [length for length in lengths if length.tokens is None]
        for length in unread[:_UNREAD]:
            console.print(f"{length.id}: {length.error}", markup=False, highlight=False, soft_wrap=True)
        if len(unread) > _UNREAD:
            console.print(f"... and {len(unread) - _UNREAD} more", highlight=False)
        console.print(
            f"Train on them: --tasks short:{self.out},max_tokens={self.max_tokens}", highlight=False, soft_wrap=True
        )


def _encoder(name: str) -> Encoder:
    """The encoder of the embedded model, or of a model's folder."""
    from adagym.policies.tiny import BASE
    from adagym.policies.vllm import Coder

    return Coder.from_folder(BASE if name == "tiny" else name).encoder


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """What an earlier run measured; a line that it did not finish is cut off."""
    if not path.is_file():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        path.write_bytes(whole)
    try:
        return [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    except ValueError as error:
        raise UsageError(f"`{path}` is damaged ({error}); choose another folder.") from error
