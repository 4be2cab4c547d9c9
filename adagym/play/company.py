"""Agents beside the person: one that plays the same task, and one that says what it would do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adagym.agents.base import Agent, Reply
from adagym.agents.seat import bare, conversation_at
from adagym.digest import image_digest
from adagym.errors import AdagymError, UsageError
from adagym.play.session import EnvFactory, Session
from adagym.protocol import DIALECTS
from adagym.types import ImageBlock, Step, ToolCall, Trajectory

MOST_TURNS = 64
"""Turns after which an expert is no longer asked."""


class Companion:
    """An agent that plays a task in an environment of its own, turn by turn.

    Args:
        agent: Who plays; the caller closes it.
        factory: Makes the environment.
        beginning: An episode about the task, from which task and seed are taken.
    """

    def __init__(self, agent: Agent, factory: EnvFactory, beginning: Trajectory) -> None:
        self.agent = agent
        self.error: str | None = None
        """Why the agent could not go on."""
        self._env = factory()
        self._env.reset(seed=beginning.seed, options={"task": beginning.task})

    @property
    def trajectory(self) -> Trajectory:
        """Its episode so far."""
        return bare(self._env).trajectory()

    @property
    def ended(self) -> bool:
        """Whether it plays no more turns."""
        return self.error is not None or self.trajectory.outcome != "running"

    def advance(self) -> None:
        """Play one turn; nothing happens after the end. What goes wrong is kept in ``error``."""
        if self.ended:
            return
        try:
            reply = self._ask()
        except AdagymError as error:
            self.error = str(error)
            return
        if reply.error is not None:
            self.error = reply.error
        elif reply.full:
            bare(self._env).truncate()
        else:
            self._env.step(reply.text)

    def finish(self) -> Trajectory:
        """Play to the end, or for ``MOST_TURNS`` turns."""
        for _ in range(MOST_TURNS):
            self.advance()
        return self.trajectory

    def standing(self) -> str:
        """How it stands, in a few words; its answer and reward only after the end."""
        trajectory = self.trajectory
        turn = f"turn {len(trajectory.steps)}"
        if self.error is not None:
            return f"{self.agent.name}: stopped at {turn}: {self.error}"
        if not self.ended:
            return f"{self.agent.name}: {turn}"
        reward = "not scored" if trajectory.reward is None else f"reward {trajectory.reward:g}"
        return f"{self.agent.name}: {trajectory.outcome} at {turn}, {reward}"

    def close(self) -> None:
        """Close its environment and forget the episode."""
        self.agent.finish("company")
        self._env.close()

    def _ask(self) -> Reply:
        turn = len(self.trajectory.steps)
        self.agent.submit(conversation_at(self._env, "company", turn=turn))
        while True:
            for reply in self.agent.poll():
                return reply


class Hints:
    """Says what an agent would do next, whatever was done before.

    The agent plays the whole task once, by itself. Its first call that the player has not made yet is the hint, with
    pictures named as in the player's game; after all its calls, the answer is.

    Args:
        agent: Whose moves; the caller closes it.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._task = ""
        self._played: Trajectory | None = None

    def next(self, session: Session) -> str:
        """The action text of the hint.

        Raises:
            UsageError: The agent cannot play this task, or the game is over.
        """
        if session.here.ended:
            raise UsageError("The episode is over; undo a turn to get a hint.")
        names = {image_digest(image): name for name, image in session.images.items()}
        mine = [_call_key(step.parsed.call, {}) for step in session.here.trajectory.steps if step.parsed.call]
        played = self._play(session)
        theirs = {
            block.name: names.get(image_digest(block.image), block.name)
            for message in played.messages
            for block in message.content
            if isinstance(block, ImageBlock)
        }
        for step in played.steps:
            call = step.parsed.call
            if call is not None and _call_key(call, theirs) in mine:
                mine.remove(_call_key(call, theirs))
            else:
                return _renamed(step, theirs, played.dialect)
        raise UsageError(f"The agent {self.agent.name} found no answer to this task.")

    def _play(self, session: Session) -> Trajectory:
        beginning = session.nodes[0].trajectory
        if self._played is None or self._task != beginning.task.id:
            companion = Companion(self.agent, session.factory, beginning)
            try:
                played = companion.finish()
            finally:
                companion.close()
            if not played.steps:
                raise UsageError(f"There is no hint: {companion.error}")
            self._task, self._played = beginning.task.id, played
        return self._played


def _renamed(step: Step, names: Mapping[str, str], dialect: str) -> str:
    if step.parsed.call is None:
        return step.action
    call = ToolCall(step.parsed.call.name, _with_names(step.parsed.call.arguments, names))
    return DIALECTS.load(dialect).write_call(call, step.parsed.think)


def _call_key(call: ToolCall, names: Mapping[str, str]) -> tuple[str, str]:
    return call.name, repr(sorted(_with_names(call.arguments, names).items()))


def _with_names(arguments: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {key: names.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}
