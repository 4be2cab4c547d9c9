"""``adagym inspect``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from adagym.types import Message


@dataclass(frozen=True)
class Inspect:
    """Show a task: its question, pictures, answer and facts, the tools offered, and what a model is told.

    Example: adagym inspect adagym/VSPNavigation-v0 --task 3
    """

    env: tyro.conf.Positional[str]
    """Environment id; `adagym list envs` shows them."""
    tasks: str | None = None
    """Task source, for example vsp:DIR. Default: the environment's."""
    task: str = "0"
    """Id or index of the task; 0 is the first."""
    dialect: str = "adareasoner"
    """How the model would be told to write calls; `adagym list dialects` shows them."""
    prompt: bool = False
    """Print the whole system prompt too."""
    images: Path | None = None
    """Write the pictures to this folder as PNG, named by the names under which tools address them."""

    def run(self) -> int:
        """Print the task as it is, and the beginning of an episode about it."""
        from rich.console import Console
        from rich.text import Text

        from adagym.agents.fields import describe
        from adagym.cli.sources import env_class

        env = env_class(self.env)(self.tasks, dialect=self.dialect)
        task = int(self.task) if self.task.isdecimal() else self.task
        env.reset(seed=0, options={"task": task})
        console = Console()
        console.print(env.task, soft_wrap=True)
        console.print(Text(f"\n{self.env}: {len(env.tasks)} tasks in this source", style="bold"))
        for tool in env.action_space.tools:
            console.print(Text(describe(tool)), soft_wrap=True)
        if self.prompt:
            console.print(Text("\nsystem prompt", style="bold"))
            console.print(Text(env.messages[0].text), soft_wrap=True)
        if self.images is not None:
            written = _write_pictures(env.messages, self.images)
            console.print(f"\n{written} written to {self.images}", markup=False, highlight=False, soft_wrap=True)
        env.close()
        return 0


def _write_pictures(messages: Sequence[Message], folder: Path) -> str:
    """Write every picture of a transcript; return how many there were, in words.

    Raises:
        UsageError: The folder cannot be written to.
    """
    from adagym.errors import UsageError
    from adagym.pictures import to_png
    from adagym.types import ImageBlock

    blocks = [block for message in messages for block in message.content if isinstance(block, ImageBlock)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for block in blocks:
            (folder / f"{block.name}.png").write_bytes(to_png(block.image))
    except OSError as error:
        raise UsageError(f"Pictures cannot be written to {folder}: {error}. Give another folder.") from error
    return f"{len(blocks)} picture{'' if len(blocks) == 1 else 's'}"
