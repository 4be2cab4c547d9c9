"""What the commands that can play on a Ray cluster share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.algos.cluster import Cluster


@dataclass(frozen=True)
class Ray:
    """Playing on a Ray cluster; see docs/ray.md."""

    ray: str | None = None
    """Play on a Ray cluster: HOST:6379, auto, or local; each worker has an agent of its own. Default: here."""
    ray_workers: int | None = None
    """How many workers, of one CPU each. Default: one per CPU of the cluster."""
    ray_gpus: float = 0.0
    """GPUs of each worker."""

    def cluster(self) -> Cluster | None:
        """Where to play; None for here.

        Raises:
            MissingExtra: Ray is not installed.
            UsageError: The options do not fit each other, or nothing answers at the address.
        """
        from adagym.algos.cluster import Cluster

        if self.ray is not None:
            cluster = Cluster(self.ray, self.ray_workers, self.ray_gpus)
            cluster.reach()
            return cluster
        if self.ray_workers is not None or self.ray_gpus:
            raise UsageError("--ray-workers and --ray-gpus belong to --ray ADDRESS.")
        return None
