"""Models on a Ray cluster of three nodes: they answer as on this machine, and what dies there is started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.service.plans import plans_of
from ray_cluster import RayCluster, python_with_ray, ray_cluster
from service.server import SECONDS, serving

GOLDEN = Path(__file__).parent.parent / "golden"
RUNS = {"text": GOLDEN / "text-classification", "writer": GOLDEN / "text-generation"}
KEY = "a-key"
FILMS = ["a moving film", "dull"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(num_nodes=3) as made:  # two for the models of `client`, one to spare
        yield made


@pytest.fixture(scope="module")
def client(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose two models have a node each."""
    log = tmp_path_factory.mktemp("server") / "log"
    options = {"python": python_with_ray(), "env": cluster.env}
    with (
        serving(RUNS, log, KEY, "--engine", "ray", **options) as served,
        httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {KEY}"}, timeout=SECONDS) as made,
    ):
        yield made


@pytest.mark.slow
def test_answers_from_a_cluster_are_those_of_this_machine(client: httpx.Client, cluster: RayCluster) -> None:
    expected = [one.as_json() for one in load(RUNS["text"], device="cpu").predict([{"text": one} for one in FILMS])]
    asked = {"records": [{"text": one} for one in FILMS]}
    assert client.post("/predict/text", json=asked).json()["predictions"] == expected
    assert len({one.ppid() for one in cluster.actors()}) == 2  # each below the raylet of a node of its own


@pytest.mark.slow
def test_a_written_answer_comes_from_a_cluster_piece_by_piece(client: httpx.Client) -> None:
    asked = {"record": {"prompt": "To be"}, "settings": {"max_tokens": 6, "seed": 3}}
    with client.stream("POST", "/stream/writer", json=asked) as stream:
        events = [line for line in stream.iter_lines() if line.startswith("data:")]
    assert len(events) > 2
    assert '"ended"' in events[-1]


@pytest.mark.slow
def test_the_door_of_a_cluster_is_the_same_door(client: httpx.Client) -> None:
    assert client.post("/predict/text", json={"text": "x"}, headers={"authorization": "Bearer none"}).status_code == 401
    assert client.get("/models", headers={"host": "evil.example"}).status_code in (403, 421)
    workers = [line for line in client.get("/metrics").text.splitlines() if line.startswith("noria_workers{")]
    assert sorted(workers) == ['noria_workers{model="text"} 1.0', 'noria_workers{model="writer"} 1.0']


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_model_that_dies_on_a_cluster_is_503_until_it_is_started_anew(
    sent: signal.Signals, client: httpx.Client, cluster: RayCluster
) -> None:
    asked = {"text": FILMS[0]}
    before, actors = client.post("/predict/text", json=asked).json(), cluster.actors()
    for one in actors:
        one.send_signal(sent)
    refused = _until(lambda: client.post("/predict/text", json=asked), 503)
    assert refused.headers["retry-after"] == "1"
    assert "started anew" in refused.json()["error"]["message"]
    _until(lambda: client.get("/readyz"), 200)
    assert client.post("/predict/text", json=asked).json() == before
    assert not [one for one in actors if one.is_running()]
    assert len(cluster.actors()) == 2


@pytest.mark.slow
def test_models_on_a_cluster_end_with_the_server_however_that_ends(cluster: RayCluster) -> None:
    before = len(cluster.actors())
    command = [str(python_with_ray()), "-m", "noria.cli", "serve", str(RUNS["text"]), "--engine", "ray", "--port", "0"]
    process = subprocess.Popen(command, env={**os.environ, **cluster.env}, stderr=subprocess.DEVNULL)
    try:
        _until_true(lambda: len(cluster.actors()) > before)
    finally:
        process.kill()
        process.wait()
    _until_true(lambda: len(cluster.actors()) == before)


@pytest.mark.slow
def test_a_run_that_a_node_does_not_have_is_told_with_the_node(cluster: RayCluster, tmp_path: Path) -> None:
    command = [str(python_with_ray()), "-m", "noria.cli", "serve", str(tmp_path / "none"), "--engine", "ray"]
    done = subprocess.run(
        [*command, "--port", "0"], env={**os.environ, **cluster.env}, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 2
    assert str(tmp_path / "none") in done.stderr
    assert "every machine of the cluster needs the run at this path" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:10001"])
def test_a_cluster_that_is_not_there_is_told(address: str) -> None:
    command = [str(python_with_ray()), "-m", "noria.cli", "serve", str(RUNS["text"]), "--engine", "ray", "--port", "0"]
    env = os.environ | {"RAY_ADDRESS": address, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert "the Ray cluster cannot be reached" in done.stderr
    assert address in done.stderr


def test_an_actor_has_its_threads_settings_before_anything_computes_and_no_key() -> None:
    code = (
        "import os, sys; from noria.service.fleet.ray_link import ModelActor, thread_settings\n"
        "ModelActor(thread_settings(3)); names = 'GOMP_SPINCOUNT', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'NORIA_KEY'\n"
        "print([os.environ.get(one) for one in names], 'torch' in sys.modules)"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "NORIA_KEY": KEY}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout.strip() == "['3000', '3', '3', None] False", done.stderr


@pytest.mark.skipif("ray" in sys.modules, reason="Ray is here")
def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from noria.service.serve import serve

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install.*\[ray\]"):
        serve(RUNS["text"], port=0, engine="ray")


def test_gpus_are_a_clusters_and_a_cluster_is_for_all_models(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("models: {a: {run: a, gpus: 0.5, engine: openvino}, b: b}")
    first, second = plans_of([file], workers=3, is_on_cluster=True)
    assert (first.gpus, first.engine, first.threads) == (0.5, "openvino", 1)
    assert (second.gpus, second.engine, second.workers) == (0.0, None, 3)
    with pytest.raises(UserError, match=r"models\.a\.gpus"):
        plans_of([file])
    file.write_text("models: {a: {run: a, engine: ray}}")
    with pytest.raises(UserError, match="give --engine ray"):
        plans_of([file])


def _until(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    end = time.monotonic() + SECONDS
    while (got := ask()).status_code != status:
        assert time.monotonic() < end, got.text
        time.sleep(0.05)
    return got


def _until_true(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
