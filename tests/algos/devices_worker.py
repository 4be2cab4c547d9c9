"""One of the processes of a shared run: ``python devices_worker.py FOLDER``, with RANK and WORLD_SIZE set.

``FOLDER/plan.pickle`` says what to do; ``FOLDER/done-RANK.pickle`` tells what came of it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

from adagym.algos.devices import connect
from adagym.algos.learner import GRPO
from adagym.algos.sft import train
from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy


def play(plan: dict[str, Any], again: bool) -> dict[str, Any]:
    """Imitate, then two steps of GRPO.

    Args:
        plan: Settings and where the starting model is.
        again: Whether to end the run after its first step and start another that goes on.
    """
    learnt = HFPolicy.from_pretrained(plan["model"])
    losses: list[float] = []
    stream = itertools.cycle(plan["examples"])
    train(learnt, stream, plan["sft"], lambda _, loss: losses.append(loss), connect("cpu"))
    learner = GRPO(HFPolicy.from_pretrained(plan["model"]), plan["env"], plan["grpo"])
    history = learner.learn(1 if again else None).history
    if again:
        learner = GRPO(HFPolicy.from_pretrained(plan["model"]), plan["env"], plan["grpo"]).load(plan["grpo"].out)
        history = [*history, *learner.learn().history]
    return {
        "losses": losses,
        "imitated": learnt.model.state_dict(),
        "history": history,
        "baseline": learner.baseline,
        "trained": learner.policy.model.state_dict(),
    }


def sums() -> list[list[float] | None]:
    """Gradients after summing: of a parameter that both processes have one for, that one has, that none has."""
    devices = connect("cpu")
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(4)]
    parameters[0].grad = torch.tensor([1.0, 2.0]) * (devices.rank + 1)
    if devices.rank == 1:
        parameters[1].grad = torch.tensor([5.0, 6.0])
    parameters[3] = torch.nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    parameters[3].grad = torch.ones(2, dtype=torch.bfloat16)
    devices.sum_gradients(parameters)
    return [None if parameter.grad is None else parameter.grad.tolist() for parameter in parameters]


def refusal(plan: dict[str, Any]) -> str:
    """What is said of a run with fewer groups than processes."""
    try:
        GRPO(HFPolicy.from_pretrained(plan["model"]), plan["env"], plan["narrow"])
    except UsageError as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    """Do what the plan says."""
    spec = importlib.util.spec_from_file_location("tasks", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    tasks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tasks)
    gym.register(tasks.YesNo.env_id, entry_point=tasks.YesNo)
    torch.set_num_threads(1)
    plan = pickle.loads((folder / "plan.pickle").read_bytes())
    done = {"sums": sums(), "refusal": refusal(plan), **play(plan, again=True)}
    (folder / f"done-{os.environ['RANK']}.pickle").write_bytes(pickle.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
