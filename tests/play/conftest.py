from __future__ import annotations

from collections.abc import Callable

import pytest

from adagym.agents.seat import GymEnv
from adagym.envs.vsp_verification import VSPVerification
from adagym.play.session import Session


def make() -> GymEnv:
    return VSPVerification("vsp-generated:sides=3,n=3", prompt="brief", max_turns=4)


@pytest.fixture
def new_session() -> Callable[[], Session]:
    """Starts games about one small map."""
    return lambda: Session.start(make, task=0, seed=1)
