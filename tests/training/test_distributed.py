"""Several processes that train together (torchrun) learn what one process learns."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from children import finish, said, start
from noria.errors import UserError
from noria.job.load import load_job
from noria.reporter import Silent
from noria.stages.train import train
from tiny_data import tiny_job

TOLERANCE = 1e-4  # on losses, relative: gradients are summed in another order (Muon in bfloat16 would enlarge it)


@pytest.fixture(scope="module")
def without_chance(tmp_path_factory):
    """A job without anything that depends on which process draws a record: no dropout, no batch normalisation."""
    job = tiny_job(
        "image-classification",
        tmp_path_factory.mktemp("world"),
        batch_size=7,
        clip=1.0,
        accumulate=2,
        optimizer="adamw",
    )
    still = {"shift": 0, "rotate": 0, "zoom": 0, "color_jitter": 0}
    return job | {"inputs": {"image": {"stem": "reference", **still}}}


def start_together(job, run, count, resume=False, **faults):
    """Start as torchrun would; return the processes, the writer first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    return [
        start(
            job,
            run,
            resume,
            log=run.with_name(f"{run.name}-{rank}.log"),
            environment=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            **(faults if rank == count - 1 else {}),
        )
        for rank in range(count)
    ]


def run_together(job, run, count, **options):
    return [finish(process) for process in start_together(job, run, count, **options)]


@pytest.fixture(scope="module")
def needs_gloo(without_chance, tmp_path_factory):
    """Skip where two processes cannot find each other at all: no loopback interface, no gloo."""
    torch = pytest.importorskip("torch")
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        pytest.skip(f"no loopback interface: {error}")


def lines(run):
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("needs_gloo")
def test_two_processes_have_the_losses_of_one(without_chance, tmp_path):
    """Also where the batch, 7 records, cannot be halved."""
    train(without_chance, run=tmp_path / "one", reporter=Silent())
    codes = run_together(without_chance, tmp_path / "two", 2)
    assert codes == [0, 0], said(tmp_path / "two-0")
    one, two = lines(tmp_path / "one"), lines(tmp_path / "two")
    assert [line["step"] for line in one] == [line["step"] for line in two]
    assert [line["loss"] for line in two] == pytest.approx([line["loss"] for line in one], rel=TOLERANCE)
    assert one[0]["loss"] != pytest.approx(one[-1]["loss"], rel=0.05)
    assert (tmp_path / "two" / "metrics.json").exists()


@pytest.mark.usefixtures("needs_gloo")
def test_a_signal_to_one_process_stops_all_and_one_process_goes_on_alone(without_chance, tmp_path):
    train(without_chance, run=tmp_path / "one", reporter=Silent())
    codes = run_together(without_chance, tmp_path / "two", 2, signal_before=5, signal=signal.SIGTERM)
    assert codes[1] == 143
    assert codes[0] != 0
    train(without_chance, run=tmp_path / "two", resume=True, reporter=Silent())
    one, two = lines(tmp_path / "one"), lines(tmp_path / "two")
    assert [line["loss"] for line in two] == pytest.approx([line["loss"] for line in one], rel=TOLERANCE)


def test_more_processes_than_records_in_a_batch_are_refused(without_chance):
    import torch

    from noria.stages.prepare import prepare
    from noria.training.distributed import Processes
    from noria.training.step import Learner, Step

    job, task = load_job(without_chance)
    data = prepare(job, task).splits["train"]
    learner = Learner(job, task, {}, torch.nn.Identity(), torch.device("cpu"))
    with pytest.raises(UserError, match="cannot be divided among 8 processes"):
        Step(learner, data, 5, "float32", Processes(0, 8))
