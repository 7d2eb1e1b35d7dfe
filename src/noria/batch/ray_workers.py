"""Workers on the machines of a Ray cluster: each is an actor that claims shards of the same table by the same keys.

Ray says where a worker runs and that it has died, no more: which shard is whose, and that none is answered twice, is
the database's matter, as it is with workers of one machine. https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from noria.batch.names import worker_name
from noria.batch.processes import Start, WorkerProcess
from noria.batch.worker import work
from noria.cluster import connected
from noria.database import Database
from noria.errors import UserError

PASSED_ON = ("NORIA_DATABASE", "NORIA_HOME")  # so that the worker finds the same table
DIED = 1  # the exit code of an actor whose own is not known
END_SECONDS = 30.0  # within which a killed actor has ended


class WorkerActor:
    """The far side: what runs in the actor's process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)

    def name(self) -> str:
        """Return the name that it claims shards by."""
        return worker_name(os.getpid())

    def work(self, job: str, count: int) -> int:
        """Work at a job, or at all; return the exit code."""
        return work(job, count)


class RayWorker(WorkerProcess):
    """The near side. gpus: of the cluster, which may be a part of one."""

    def __init__(self, ray: Any, gpus: float, job: str, count: int) -> None:
        from ray.exceptions import RayError

        self._ray, self._broken, self._known = ray, RayError, ""
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        made = ray.remote(num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD")(WorkerActor)
        self._actor = made.remote(environment)
        self._name, self._done = self._actor.name.remote(), self._actor.work.remote(job, count)

    @property
    def name(self) -> str:
        """Return what it said; empty where it had no time to."""
        if not self._known and self._is_there(self._name):
            self._known = self._got(self._name, "")
        return self._known

    def ended(self) -> int | None:
        """Return its exit code; None while it works, or waits for a machine that has room."""
        _ = self.name  # asked for as long as there is somebody to say it
        return self._got(self._done, DIED) if self._is_there(self._done) else None

    def end(self) -> None:
        """Kill it."""
        self._ray.kill(self._actor)
        self._is_there(self._done, END_SECONDS)

    def _is_there(self, answer: Any, seconds: float = 0.0) -> bool:
        return bool(self._ray.wait([answer], timeout=seconds)[0])

    def _got(self, answer: Any, otherwise: Any) -> Any:
        try:
            return self._ray.get(answer)
        except self._broken:
            return otherwise


def on_cluster(database: Database, count: int) -> Start:
    """Return what starts workers of a cluster; raise UserError where they could not reach the database.

    Each takes one CPU, and of the GPUs of the cluster its share, at most one.
    """
    ray = connected()
    machines = {one["NodeManagerHostname"] for one in ray.nodes() if one["Alive"]}
    if len(machines) > 1 and not database.is_shared:
        raise UserError(
            "the cluster's machines cannot use a file of one of them as the database",
            where=database.where,
            found=f"machines: {', '.join(sorted(machines))}",
            fix="set NORIA_DATABASE=postgresql://... here, and submit the batch there",
        )
    gpus = ray.cluster_resources().get("GPU", 0.0) / count
    return partial(RayWorker, ray, int(gpus * 100) / 100 if gpus < 1 else 1.0)
