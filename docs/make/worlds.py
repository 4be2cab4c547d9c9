"""A page for every environment: its docstring, a picture of a task, and an episode that the expert plays."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
from made import Made, fenced, figure, png, row, table, verbatim

from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.envs import ENVS
from adagym.evals.spec import make_agent
from adagym.types import ImageBlock, Message, Trajectory

SEED = 2
"""Draws the tasks that are shown; the map of this one has a long way."""
MAP = "adagym/VSPNavigation-v0"

ARGUMENTS: dict[str, dict[str, Any]] = {
    MAP: {"tasks": "vsp-generated:sides=5,split=test,n=20"},
    "adagym/VSPVerification-v0": {"tasks": "vsp-generated:sides=5,split=test,n=20"},
    "adagym/VStar-v0": {"tasks": "vstar:n=20,difficulty=easy,side=1280,seed=7"},
    "adagym/VideoQA-v0": {"frames": "8"},
}
"""Arguments of the environments whose episode would fill a page by default."""


def pages() -> Iterator[Made]:
    """The pages of all environments with their pictures, and the page that lists them."""
    yield Made("worlds/index.md", _overview(), "All environments")
    for entry in ENVS:
        yield from page(entry.name)


def short(env_id: str) -> str:
    """The name of an environment without its namespace, for example ``Jigsaw-v0``."""
    return env_id.rpartition("/")[2]


def page(env_id: str) -> Iterator[Made]:
    """The page of one environment, and its pictures."""
    arguments = ARGUMENTS.get(env_id, {})
    trajectory = play(env_id, arguments)
    name = short(env_id)
    for number, block in enumerate(_pictures(trajectory), 1):
        yield Made(_picture_uri(name, number), png(block.image))
    first = figure(f"pictures/{name}-1.png", f"A task: {trajectory.task.id}")
    text = "\n\n".join(
        [
            f"# {name}",
            ENVS.entry(env_id).summary.capitalize() + ".",
            f'<div class="first">{first}</div>',
            docstring(ENVS.load(env_id)).partition("\n")[2].strip(),
            "## A played episode",
            "The agent `expert` plays the task that is drawn here:",
            fenced(_call(env_id, arguments), "python"),
            episode(trajectory),
            _result(trajectory),
        ]
    )
    yield Made(f"worlds/{name}.md", text, name.partition("-")[0])


def play(env_id: str, arguments: dict[str, Any]) -> Trajectory:
    """An episode of the scripted expert on the task that the seed draws."""
    env: GymEnv = gym.make(env_id, **arguments)
    agent = make_agent("expert")
    env.reset(seed=SEED)
    turn, ended = 0, False
    while not ended:
        (action,) = agent.act([conversation_at(env, "page", turn=turn)])
        _, _, terminated, truncated, _ = env.step(action)
        turn, ended = turn + 1, terminated or truncated
    trajectory = bare(env).trajectory()
    env.close()
    return trajectory


def docstring(thing: object) -> str:
    """A docstring as Markdown: its examples become code blocks."""
    text = inspect.getdoc(thing) or ""
    return re.sub(r"(^>>> (?:.+\n?)+)", lambda found: f"```pycon\n{found[1].rstrip()}\n```\n", text, flags=re.M)


def episode(trajectory: Trajectory) -> str:
    """The transcript as HTML: every turn as it was written, every picture as it was shown."""
    name, parts, number = short(trajectory.env_id), [], 0
    for message in trajectory.messages:
        figures = ""
        for block in message.content:
            if isinstance(block, ImageBlock):
                number += 1
                height, width = block.image.shape[:2]
                figures += figure(_picture_uri(name, number).partition("/")[2], f"{block.name}, {width}x{height}")
        parts.append(_turn(message, figures))
    return f'<div class="episode">{"".join(parts)}</div>'


def _turn(message: Message, figures: str) -> str:
    text = verbatim(message.text)
    if message.role == "system":
        return f"<details><summary>System prompt</summary>{text}</details>"
    who = "Agent" if message.role == "assistant" else "Environment"
    shown = f'<div class="pictures">{figures}</div>' if figures else ""
    return f'<section class="turn {who.lower()}"><h4>{who}</h4>{shown}{text}</section>'


def _pictures(trajectory: Trajectory) -> list[ImageBlock]:
    return [block for message in trajectory.messages for block in message.content if isinstance(block, ImageBlock)]


def _picture_uri(name: str, number: int) -> str:
    return f"worlds/pictures/{name}-{number}.png"


def _call(env_id: str, arguments: dict[str, Any]) -> str:
    given = "".join(f',\n    {key}="{value}"' for key, value in arguments.items())
    inside = f'\n    "{env_id}"{given},\n' if arguments else f'"{env_id}"'
    return f"env = gym.make({inside})\nenv.reset(seed={SEED})"


def _result(trajectory: Trajectory) -> str:
    parts = [
        row(f"`{name}`", "none" if value is None else f"{value:g}") for name, value in trajectory.reward_parts.items()
    ]
    total = "none" if trajectory.reward is None else f"{trajectory.reward:g}"
    return table(row("Reward", "Value"), *parts, row("total", total)) + f"\n\nOutcome: `{trajectory.outcome}`."


def _overview() -> str:
    said = (
        "An environment's page is the docstring of its class, with an episode that the scripted expert plays while "
        "this site is built."
    )
    return f"# Environments\n\n{gallery('', 'pictures/')}\n{said}\n"


def gallery(pages_at: str, pictures_at: str) -> str:
    """Cards that lead to the environments.

    Args:
        pages_at: Where the pages are, seen from the page that shows the cards.
        pictures_at: Where the pictures are.
    """
    cards = "".join(
        f'<a class="card" href="{pages_at}{short(entry.name)}.html"><img src="{pictures_at}{short(entry.name)}-1.png" '
        f'alt=""><b>{short(entry.name)}</b><span>{entry.summary}</span></a>'
        for entry in ENVS
    )
    return f'<div class="cards">{cards}</div>\n'
