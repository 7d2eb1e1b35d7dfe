"""A Ray cluster of several nodes on this machine, as small as one can be.

    python tests/ray_cluster.py 2      prints its address, and ends when its input does

It is run by an interpreter that has Ray: service/clients.py makes one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

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


@contextmanager
def ray_cluster(python: Path, num_nodes: int = 2) -> Iterator[RayCluster]:
    """Run a cluster of nodes of one CPU each."""
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
        process.wait(60)
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
