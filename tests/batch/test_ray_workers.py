"""A batch on a Ray cluster of two nodes: its output is that of one machine, byte for byte, whatever dies meanwhile."""

from __future__ import annotations

import csv
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from noria import batch
from noria.reporter import Silent
from noria.stages.predict import predict_to
from ray_cluster import RayCluster, python_with_ray, ray_cluster

RUN = Path(__file__).parent.parent / "golden" / "text-classification"
NUM_ROWS = 30_000
SECONDS = 240


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as made:
        yield made


@pytest.mark.slow
def test_a_batch_on_a_cluster_whose_workers_are_killed_is_that_of_one_machine(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    with (tmp_path / "films.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text"])
        table.writerows([f"film {n} is dull" if n % 3 else f"a moving film, the {n}th"] for n in range(NUM_ROWS))
    predict_to(RUN, [tmp_path / "films.csv"], tmp_path / "here.jsonl", reporter=Silent())
    killed, end, nodes = 0, time.monotonic() + SECONDS, set()
    with _submitted(cluster, tmp_path) as process:
        while process.poll() is None:
            assert time.monotonic() < end
            actors = cluster.actors()  # none until the first has started, or while killed ones are started anew
            with suppress(psutil.NoSuchProcess):  # one may have ended meanwhile
                nodes |= {one.ppid() for one in actors}
                if actors and killed < 2 and _num_done() > killed * NUM_ROWS // 4:
                    actors[0].kill()
                    killed += 1
            time.sleep(0.2)
    assert (process.returncode, killed, len(nodes)) == (0, 2, 2)
    assert (tmp_path / "there.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()
    assert _num_done() == NUM_ROWS
    assert not cluster.actors()


@contextmanager
def _submitted(cluster: RayCluster, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Submit the batch to the cluster; the process ends with the block in any case."""
    words = [str(python_with_ray()), "-m", "noria.cli", "batch", "submit", str(RUN), str(folder / "films.csv")]
    words += ["--out", str(folder / "there.jsonl"), "--engine", "ray", "--workers", "2"]
    process = subprocess.Popen(words, env=os.environ | cluster.env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _num_done() -> int:
    return sum(one.num_done for one in batch.states())
