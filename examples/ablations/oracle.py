"""An agent that answers frozen-lake tasks rightly at once, for training without tools."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adagym.agents.base import Agent, Conversation
from adagym.agents.experts.base import Move
from adagym.agents.scripted import read_scene, write_move
from adagym.envs.lake import Lake
from adagym.tools.maps import read_map


class Oracle(Agent):
    """Reads the map from the picture by program and answers."""

    name = "oracle"

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Answer every conversation."""
        return [write_move(self._answer(conversation), conversation) for conversation in conversations]

    def _answer(self, conversation: Conversation) -> Move:
        scene = read_scene(conversation)
        reading = read_map(scene.image)
        if reading is None:
            raise ValueError("The picture is no map.")
        lake = Lake(reading.kinds)
        if conversation.family == "vsp_navigation":
            return Move("I see it.", answer=",".join(lake.shortest_plan() or ""))
        sequence = re.findall(r"[LDRU]", scene.prompt.rpartition("sequence is: ")[2])
        walk = lake.simulate("".join(sequence), stop_at_goal=False)
        return Move("I see it.", answer="No" if walk.fell else "Yes")
