"""A Ray cluster of several nodes on this machine, as small as one can be.

    python tests/ray_cluster.py 2      prints its address, and ends when its input does

It is run by an interpreter that has Ray: service/clients.py makes one. Tests on it take minutes, most of which are
Ray's own starts, so `make ray` runs them and `make test` does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from service.clients import python_of

RUNS_RAY = "NORIA_TEST_RAY"  # set by `make ray`
OBJECTS_BYTES = 80 << 20  # 75 MiB are the least that Ray takes


@dataclass(frozen=True)
class RayCluster:
    """A running cluster. env: what a program that uses it is started with."""

    pid: int
    env: Mapping[str, str]

    def actors(self) -> list[psutil.Process]:
        """Return the processes of the actors, in the order of their start."""
        children = psutil.Process(self.pid).children(recursive=True)
        found = [one for one in children if _name(one).startswith("ray::") and "Actor" in _name(one)]
        return sorted(found, key=lambda one: one.create_time())


def python_with_ray() -> Path:
    """Return the interpreter that has Ray; skip the test where it is not asked for, or there is none."""
    if not os.environ.get(RUNS_RAY):
        pytest.skip("takes minutes: make ray runs it")
    return python_of("ray")


@contextmanager
def ray_cluster(num_nodes: int = 2) -> Iterator[RayCluster]:
    """Run a cluster of nodes of one CPU each; whatever it started ends with it."""
    python = python_with_ray()
    source = str(Path(__file__).parent.parent / "src")
    env = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    command = [str(python), __file__, str(num_nodes)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | env, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster does not start"
        yield RayCluster(process.pid, env | {"RAY_ADDRESS": address})
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _name(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""


def main(num_nodes: int) -> None:
    from ray.cluster_utils import Cluster  # type: ignore[import-untyped, unused-ignore]

    node = {"num_cpus": 1, "object_store_memory": OBJECTS_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(num_nodes - 1):
            cluster.add_node(num_cpus=1, object_store_memory=OBJECTS_BYTES)
        sys.stdout.write(f"{cluster.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
