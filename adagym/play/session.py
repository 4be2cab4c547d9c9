"""A game that can be taken back: every moment of an episode is kept, and any of them can be played on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adagym.agents.base import Conversation
from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.envs.episode import Snapshot
from adagym.rewards import Score, load_preset
from adagym.types import Array, ImageBlock, Message, Task, Trajectory

EnvFactory = Callable[[], GymEnv]
"""Makes the environment of a game; called again for each agent that plays beside the person."""


@dataclass
class Node:
    """A moment of a game."""

    number: int
    parent: int | None
    trajectory: Trajectory
    snapshot: Snapshot | None
    """What the environment continues from; None where it has to be played anew, as in a saved episode."""
    latest: int | None = None
    """The child that was visited last, which is where redoing leads."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return self.trajectory.outcome != "running"

    @property
    def action(self) -> str:
        """The text that led here; empty at the beginning."""
        return self.trajectory.steps[-1].action if self.trajectory.steps else ""


class Session:
    """One task being played, with every branch that was tried.

    Args:
        factory: Makes the environment, when it is first needed.
        nodes: The moments so far, each the parent of the next. The first one is current.
    """

    def __init__(self, factory: EnvFactory, nodes: Sequence[Node]) -> None:
        self.factory = factory
        self.nodes = list(nodes)
        self.here = self.nodes[0]
        self._env: GymEnv | None = None
        self._at: int | None = None

    @classmethod
    def start(cls, factory: EnvFactory, *, task: Task | int | str | None = None, seed: int | None = None) -> Session:
        """Begin a new game.

        Args:
            factory: Makes the environment.
            task: What ``reset`` accepts as ``options["task"]``; None draws one.
            seed: Seed of the episode.

        Raises:
            UsageError: There is no such task.
        """
        env = factory()
        env.reset(seed=seed, options=None if task is None else {"task": task})
        session = cls(factory, [Node(0, None, bare(env).trajectory(), bare(env).snapshot())])
        session._env, session._at = env, 0
        return session

    @classmethod
    def recorded(cls, trajectory: Trajectory, factory: EnvFactory) -> Session:
        """Look at a saved episode: redoing shows its next turn, and acting branches off.

        The saved turns are shown as they were recorded, without the environment, its tools or its task source.

        Args:
            trajectory: The episode.
            factory: Makes the environment it was played in, for branches.
        """
        begins = [place for place, message in enumerate(trajectory.messages) if message.role == "assistant"]
        cuts = [*begins[: len(trajectory.steps)], len(trajectory.messages)]
        cuts = [*cuts, *[len(trajectory.messages)] * (len(trajectory.steps) + 1 - len(cuts))]
        nodes = []
        for turn, cut in enumerate(cuts):
            prefix = replace(trajectory, messages=trajectory.messages[:cut], steps=trajectory.steps[:turn])
            if turn < len(trajectory.steps):
                prefix = replace(prefix, outcome="running", reward=None, reward_parts={}, error=None)
            following = turn + 1 if turn < len(trajectory.steps) else None
            nodes.append(Node(turn, turn - 1 if turn else None, prefix, None, following))
        return cls(factory, nodes)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The transcript up to here."""
        return self.here.trajectory.messages

    @property
    def images(self) -> dict[str, Array]:
        """The pictures shown so far, by name, in order."""
        blocks = (block for message in self.messages for block in message.content)
        return {block.name: block.image for block in blocks if isinstance(block, ImageBlock)}

    @property
    def path(self) -> list[Node]:
        """The moments that led here, the first one first."""
        path = [self.here]
        while path[-1].parent is not None:
            path.append(self.nodes[path[-1].parent])
        return path[::-1]

    def conversation(self) -> Conversation:
        """What a person is handed here; its action space is not that of this moment, since people do not sample it.

        Raises:
            UsageError: The environment of a saved episode cannot be made.
        """
        conversation = conversation_at(self._prepared(), "play", turn=len(self.here.trajectory.steps))
        return replace(conversation, messages=self.messages)

    def act(self, text: str) -> Node:
        """Play a turn. A turn that was played from here before is visited again.

        Raises:
            UsageError: The environment of a saved episode cannot be made.
        """
        known = next((node for node in self.nodes if node.parent == self.here.number and node.action == text), None)
        if known is not None:
            return self.go(known.number)
        env = self._arrive()
        env.step(text)
        node = Node(len(self.nodes), self.here.number, bare(env).trajectory(), bare(env).snapshot())
        self.nodes.append(node)
        self._at = node.number
        return self.go(node.number)

    def undo(self) -> bool:
        """Take the last turn back; its branch stays. False at the beginning."""
        if self.here.parent is None:
            return False
        self.go(self.here.parent)
        return True

    def redo(self) -> bool:
        """Play the turn again that was taken back last, or the next one of a saved episode. False if there is none."""
        if self.here.latest is None:
            return False
        self.go(self.here.latest)
        return True

    def go(self, number: int) -> Node:
        """Make any moment of the game the current one; acting there forks the game."""
        node = self.nodes[number]
        while node.parent is not None:  # redoing leads back here from any moment before
            self.nodes[node.parent].latest = node.number
            node = self.nodes[node.parent]
        self.here = self.nodes[number]
        return self.here

    def score(self) -> Score:
        """The reward as it stands: that of the episode, or what it would be if it ended here."""
        trajectory = self.here.trajectory
        if trajectory.outcome != "running":
            return Score(trajectory.reward, trajectory.reward_parts)
        preset = load_preset(str(trajectory.env_kwargs.get("reward", "tool_grpo")))
        return preset(trajectory.task, replace(trajectory, outcome="truncated"))

    def close(self) -> None:
        """Close the environment."""
        if self._env is not None:
            self._env.close()

    def _prepared(self) -> GymEnv:
        """The environment, in some state of this episode; its tools are the same in all of them."""
        if self._env is None:
            env = self.factory()
            beginning = self.nodes[0].trajectory
            env.reset(seed=beginning.seed, options={"task": beginning.task})
            self._env, self._at = env, 0
        return self._env

    def _arrive(self) -> GymEnv:
        """The environment, in the state of the current moment."""
        env, here = self._prepared(), self.here
        if self._at == here.number:
            return env
        if here.snapshot is not None:
            bare(env).restore(here.snapshot)
        else:
            env.reset(seed=here.trajectory.seed, options={"task": here.trajectory.task})
            for action in here.trajectory.actions:
                env.step(action)
            here.snapshot = bare(env).snapshot()
        self._at = here.number
        return env
