"""The random agent: valid calls and answers, uniformly at random."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from adagym.agents.base import Agent, Conversation
from adagym.protocol import DIALECTS

PLAN_LENGTH = 10
"""Moves in a random plan. Because moves after the goal are free, chance depends on it: over the benchmark's 600
navigation maps a uniform plan of 10 moves succeeds on 16.2 % (34.7, 23.8, 15.5, 8.3, 7.7, 7.0 for sides 3 to 8)."""


class RandomAgent(Agent):
    """Samples the environment's action space; answers are drawn uniformly from the family's answer form.

    Navigation is answered by ``PLAN_LENGTH`` uniform moves and verification by a fair coin; in any other
    family the sampled answer stands as it is. The generator is seeded by the conversation's seed and turn.
    """

    name = "random"

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write one random, valid action per conversation."""
        return [_sample(conversation) for conversation in conversations]


def _sample(conversation: Conversation) -> str:
    rng = np.random.default_rng([conversation.seed, conversation.turn])
    # A copy with its own generator, because seeding would otherwise change the environment's space. It has to be a
    # deep one: that keeps the situation, so that answers and pictures are those of the running task.
    space = copy.deepcopy(conversation.action_space)
    space.seed(int(rng.integers(2**31)))
    action = space.sample()
    dialect = DIALECTS.load(conversation.dialect)
    if dialect.parse(action).call is not None:
        return action
    answer = random_answer(conversation.family, rng)
    return action if answer is None else dialect.write_answer(answer, "A guess.")


def random_answer(family: str, rng: np.random.Generator) -> str | None:
    """Draw an answer of the family's form, or None where the form is not known."""
    if family == "vsp_navigation":
        return ",".join(rng.choice(list("LDRU"), size=PLAN_LENGTH))
    if family == "vsp_verification":
        return str(rng.choice(["Yes", "No"]))
    return None
