"""A batch on a Ray cluster of two nodes: its output is that of one machine, byte for byte, whatever dies meanwhile."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_cluster import RayCluster, ray_cluster
from service.clients import python_of

RUN = Path(__file__).parent.parent / "golden" / "text-classification"
NUM_ROWS = 30_000
SECONDS = 240


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(python_of("ray")) as made:
        yield made


@pytest.mark.slow
def test_a_batch_on_a_cluster_whose_workers_are_killed_is_that_of_one_machine(
    cluster: RayCluster, tmp_path: Path
) -> None:
    with (tmp_path / "films.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text"])
        table.writerows([f"film {n} is dull" if n % 3 else f"a moving film, the {n}th"] for n in range(NUM_ROWS))
    undisturbed = _submit(cluster, tmp_path, "here")
    assert undisturbed.wait(SECONDS) == 0
    disturbed, killed = _submit(cluster, tmp_path, "there", "--engine", "ray", "--workers", "2"), 0
    end, nodes = time.monotonic() + SECONDS, set()
    while disturbed.poll() is None:
        assert time.monotonic() < end
        nodes |= {one.ppid() for one in cluster.actors()}
        if killed < 2 and _num_done(cluster, tmp_path, "there") > killed * NUM_ROWS // 4:
            cluster.actors()[0].kill()
            killed += 1
        time.sleep(0.2)
    assert (disturbed.returncode, killed, len(nodes)) == (0, 2, 2)
    assert (tmp_path / "there.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()
    assert _num_done(cluster, tmp_path, "there") == NUM_ROWS
    assert not cluster.actors()


def _submit(cluster: RayCluster, folder: Path, name: str, *options: str) -> subprocess.Popen[bytes]:
    words = ["submit", str(RUN), str(folder / "films.csv"), "--out", str(folder / f"{name}.jsonl"), *options]
    return subprocess.Popen(_command(*words), env=_env(cluster, folder / name))


def _num_done(cluster: RayCluster, folder: Path, name: str) -> int:
    done = subprocess.run(_command("list", "--json"), env=_env(cluster, folder / name), capture_output=True, check=True)
    return sum(int(one["done"]) for one in json.loads(done.stdout))


def _command(*words: str) -> list[str]:
    return [str(python_of("ray")), "-m", "noria.cli", "batch", *words]


def _env(cluster: RayCluster, home: Path) -> dict[str, str]:
    return {**os.environ, **cluster.env, "NORIA_HOME": str(home)}
