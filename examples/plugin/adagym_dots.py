"""How many dots? An environment with tasks, a tool, a reward and an agent, which adagym finds by entry points.

Run: pip install examples/plugin && adagym eval dots/Count-v0 --agent dot-counter --n 20 --out runs/dots
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import cv2
import numpy as np

from adagym.agents.base import Agent, Conversation
from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import ImageArg
from adagym.types import Array, Task, ToolCall, Trajectory

FAMILY = "dots"
SIDE, RADIUS, CELLS = 256, 8, 8


@dataclass(frozen=True)
class DotsImage:
    """A picture that is drawn when it is looked at."""

    cells: tuple[int, ...]

    def load(self) -> Array:
        """Draw the dots, ``(SIDE, SIDE, 3)`` ``uint8``."""
        picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
        step = SIDE // CELLS
        for cell in self.cells:
            centre = (cell % CELLS * step + step // 2, cell // CELLS * step + step // 2)
            cv2.circle(picture, centre, RADIUS, (20, 60, 160), -1)
        return picture


class Dots(Sequence[Task]):
    """Pictures of 1 to 20 dots, drawn from a seed: ``dots:n=100,seed=0``.

    Args:
        family: The environment's.
        n: How many tasks. Options of a source are texts.
        seed: Draws them.

    Raises:
        UsageError: The family is another, or an option is no such number.
    """

    def __init__(self, family: str, *, n: str = "100", seed: str = "0") -> None:
        if family != FAMILY:
            raise UsageError(f"The source `dots` is for the family `{FAMILY}`, not `{family}`.")
        if not (n.isdecimal() and seed.isdecimal() and int(n)):
            raise UsageError(f"The source `dots` takes n from 1 and seed from 0, not {n} and {seed}.")
        self._n, self._seed = int(n), int(seed)

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...

    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._n))]
        place = range(self._n)[index]
        rng = np.random.default_rng([self._seed, place])
        cells = rng.choice(CELLS**2, int(rng.integers(1, 21)), replace=False)
        image = DotsImage(tuple(int(cell) for cell in cells))
        question = "How many dots are there? Answer with a number."
        name = f"dots/{self._seed}/{place}"
        return Task(name, FAMILY, question, (image,), answer=str(len(cells)), answer_type="number")


class Count(ToolEnv):
    """Count the dots in a picture.

    ## Description

    A picture shows 1 to 20 dots that do not touch. The agent says how many, and may have them counted by a tool.

    ## Prompt

    The system prompt explains the tools and the format of the dialect; the task asks for the number.

    ## Action Space

    `ActionText`: a tool call, an answer, or any other text, which is shown an error.

    ## Observation Space

    `Dict` of what is new: `text` (`UnicodeText`) and `images` (`ImageTuple`).

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`.

    ## Starting State

    A task drawn from the source, or the one given as `reset(options={"task": ...})`.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, or a failure of infrastructure.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `dots:n=20,seed=1`; None is `dots` |
    | `tools` | str or sequence of str | None | tools offered; None offers `CountDots` and `Crop` |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("dots/Count-v0", tasks="dots:n=3")
    >>> observation, info = env.reset(seed=0)
    >>> "How many dots" in observation["text"], len(observation["images"])
    (True, 1)

    ## Version History

    * v0: first version
    """

    env_id = "dots/Count-v0"
    family = FAMILY
    default_tasks = "dots"
    default_tools = ("CountDots", "Crop")


def count_dots(image: ImageArg) -> ToolOutput:
    """Count the dark dots on a light ground.

    Args:
        image: The picture.
    """
    dark = (image.mean(axis=2) < 128).astype(np.uint8)
    return ToolOutput({"count": int(cv2.connectedComponents(dark)[0]) - 1})


COUNT_DOTS = Tool.of(count_dots, "CountDots")


def nearness(task: Task, trajectory: Trajectory) -> float | None:
    """1 for the right number, less the further the answer is from it; None where infrastructure broke the episode."""
    if trajectory.outcome == "infra_failure":
        return None
    answer = (trajectory.answer or "").strip()
    return 1 / (1 + abs(int(answer) - int(task.answer))) if answer.isdecimal() and len(answer) < 10 else 0.0


class DotCounter(Agent):
    """Has the dots counted, and says what the tool says."""

    name = "dot-counter"

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write the next turn of each conversation."""
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        dialect = DIALECTS.load(conversation.dialect)
        if conversation.turn == 0:
            return dialect.write_call(ToolCall("CountDots", {"image": "img_1"}), "I have them counted.")
        result, _ = json.JSONDecoder().raw_decode(conversation.messages[-1].text)
        return dialect.write_answer(str(result["count"]), "That many.")
