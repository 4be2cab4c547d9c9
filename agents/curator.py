"""The curator: plays a variant of a family's blueprint, mistakes, corrections and failures included.

Everything it knows comes from the conversation, and every call it makes is run by the environment. Where the task
leaves no room for the variant it says so, and the episode is void.
"""

from __future__ import annotations

import numpy as np

from adagym.agents.base import Agent, Conversation, Reply
from adagym.agents.blueprints import BLUEPRINTS, Unfit, Variant
from adagym.agents.blueprints.base import Case
from adagym.agents.experts.base import Move
from adagym.agents.scripted import read_scene, write_move
from adagym.errors import UsageError


class CuratorAgent(Agent):
    """Plays one variant; the episode's seed decides its mistakes and its words.

    Args:
        variant: Name of a variant of the families to be played.
        planner: Whether paths are planned by AStar, or else by thought alone.
    """

    name = "curator"

    def __init__(self, variant: str, planner: bool = False) -> None:
        super().__init__()
        self.variant = variant
        self.planner = planner

    def renew(self, variant: str) -> None:
        """Play another variant from here on."""
        self.variant = variant

    def poll(self) -> list[Reply]:
        """Write the next turn of each conversation.

        Raises:
            UsageError: The family has no such variant, or a tool it needs is not offered.
        """
        batch, self._waiting = self._waiting, []
        return [self._reply(conversation) for conversation in batch]

    def _reply(self, conversation: Conversation) -> Reply:
        try:
            move = self._move(conversation)
        except Unfit as reason:
            return Reply(conversation.key, error=str(reason))
        return Reply(conversation.key, write_move(move, conversation))

    def _move(self, conversation: Conversation) -> Move:
        """Run the plan from its beginning through the results so far."""
        scene = read_scene(conversation)
        case = Case(scene, np.random.default_rng(conversation.seed), self.planner)
        plan = variant_of(conversation.family, self.variant).plan(case)
        move = next(plan)
        for result in scene.results:
            move = plan.send(result)
        return move


def variant_of(family: str, name: str) -> Variant:
    """Look up a variant.

    Raises:
        UnknownName: There are no blueprints for the family.
        UsageError: The family has no variant of that name.
    """
    variants = BLUEPRINTS.load(family)
    if name not in variants:
        raise UsageError(f"`{family}` has no variant `{name}`; it has {', '.join(variants)}.")
    return variants[name]
