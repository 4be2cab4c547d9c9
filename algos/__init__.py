"""Learning from episodes: collecting them, imitation, and group-relative policy optimisation.

Importing this loads no torch; the modules that train do: ``sft`` (the cold start), ``grpo`` (the objective as pure
functions), ``learner`` (``GRPO(policy, env_id, config).learn()``), ``pretrain`` (the embedded base model).
"""

from __future__ import annotations

from adagym.algos.collect import Collector, Job, Rollout

__all__ = ["Collector", "Job", "Rollout"]
